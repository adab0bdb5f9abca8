-- The operator by which search orders what is stored: of bits it counts those that differ.
create or replace function steward_private.embedding_distance(model steward_private.model)
returns text
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
return steward_private.vector_operator(
    case
        when (embedding_distance.model).storage = 'bit' then '<~>'
        when (embedding_distance.model).metric = 'l2' then '<->'
        when (embedding_distance.model).metric = 'inner_product' then '<#>'
        else '<=>'
    end
);
