-- As what the vectors of a model are stored; with the number of dimensions.
create or replace function steward_private.embedding_type(model steward_private.model)
returns text
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
return case (embedding_type.model).storage
    when 'bit' then format('pg_catalog.bit(%s)', (embedding_type.model).dimensions)
    else format(
        '%s.%s(%s)',
        left(steward_private.vector_type(), -length('.vector')),
        (embedding_type.model).storage,
        (embedding_type.model).dimensions
    )
end;
