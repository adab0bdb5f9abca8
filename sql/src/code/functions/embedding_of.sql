-- The expression that makes what is stored of a vector in pgvector's text form. Of bits there is
-- one for each dimension: its sign.
create or replace function steward_private.embedding_of(
    model steward_private.model, expression text
)
returns text
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
return case (embedding_of.model).storage
    when 'bit'
        then
            format(
                '%s.binary_quantize((%s)::%s)::%s',
                left(steward_private.vector_type(), -length('.vector')),
                embedding_of.expression,
                steward_private.vector_type(),
                steward_private.embedding_type(embedding_of.model)
            )
    else format(
        '(%s)::%s', embedding_of.expression, steward_private.embedding_type(embedding_of.model)
    )
end;
