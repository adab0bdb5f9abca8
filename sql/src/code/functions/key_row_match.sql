create or replace function steward_private.key_row_match(
    source steward_private.source, key_alias text, row_alias text
)
returns text
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        string_agg(
            format(
                '%s.key_%s %s %s.%I',
                key_row_match.key_alias,
                k.n,
                k.operator,
                key_row_match.row_alias,
                k.column_name
            ),
            ' and ' order by k.n
        )
    from unnest(
        (key_row_match.source).key_columns, (key_row_match.source).key_operators
    ) with ordinality as k (column_name, operator, n);
end;
