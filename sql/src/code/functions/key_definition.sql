create or replace function steward_private.key_definition(source steward_private.source)
returns text
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        string_agg(
            format('key_%s %s%s not null', k.n, k.type_name, k.collation_clause), ', ' order by k.n
        )
    from unnest(
        (key_definition.source).key_types, (key_definition.source).key_collations
    ) with ordinality as k (type_name, collation_clause, n);
end;
