create or replace function steward_private.key_object(source steward_private.source, alias text)
returns text
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        format(
            'pg_catalog.jsonb_build_object(%s)',
            string_agg(
                format('%L, %s.key_%s', k.column_name, key_object.alias, k.n),
                ', ' order by k.n
            )
        )
    from unnest((key_object.source).key_columns) with ordinality as k (column_name, n);
end;
