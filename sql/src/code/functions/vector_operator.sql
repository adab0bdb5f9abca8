create or replace function steward_private.vector_operator(operator text)
returns text
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
return format(
    'operator(%s.%s)',
    left(steward_private.vector_type(), -length('.vector')),
    vector_operator.operator
);
