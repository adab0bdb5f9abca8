-- The expression that makes a similarity, the greater the nearer, of that distance.
create or replace function steward_private.embedding_similarity(
    model steward_private.model, distance text
)
returns text
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
return format(
    case
        when (embedding_similarity.model).storage = 'bit'
            then format('1 - (%%s) / %s::double precision', (embedding_similarity.model).dimensions)
        when (embedding_similarity.model).metric = 'l2' then '1 / (1 + (%s))'
        -- pgvector's operator has it negative, so that the nearest comes first
        when (embedding_similarity.model).metric = 'inner_product' then '-(%s)'
        else '1 - (%s)'
    end,
    embedding_similarity.distance
);
