-- The typed values of a key that came as jsonb: a subquery with the columns key_1, key_2 ...
create or replace function steward_private.key_record(source steward_private.source, value text)
returns text
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        format(
            '(select %s from pg_catalog.jsonb_to_record(%s) as r (%s))',
            string_agg(format('r.%I as key_%s', k.column_name, k.n), ', ' order by k.n),
            key_record.value,
            string_agg(
                format('%I %s%s', k.column_name, k.type_name, k.collation_clause),
                ', ' order by k.n
            )
        )
    from unnest(
        (key_record.source).key_columns,
        (key_record.source).key_types,
        (key_record.source).key_collations
    ) with ordinality as k (column_name, type_name, collation_clause, n);
end;
