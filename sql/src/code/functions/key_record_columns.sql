-- The columns of a key that came as jsonb, as jsonb_to_recordset() wants them.
create or replace function steward_private.key_record_columns(source steward_private.source)
returns text
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        string_agg(
            format('%I %s%s', k.column_name, k.type_name, k.collation_clause), ', ' order by k.n
        )
    from unnest(
        (key_record_columns.source).key_columns,
        (key_record_columns.source).key_types,
        (key_record_columns.source).key_collations
    ) with ordinality as k (column_name, type_name, collation_clause, n);
end;
