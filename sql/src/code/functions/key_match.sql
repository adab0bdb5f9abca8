create or replace function steward_private.key_match(
    source steward_private.source, left_alias text, right_alias text
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
                '%s.key_%s %s %s.key_%s%s',
                key_match.left_alias,
                k.n,
                k.operator,
                key_match.right_alias,
                k.n,
                k.collation_clause
            ),
            ' and ' order by k.n
        )
    from unnest(
        (key_match.source).key_operators, (key_match.source).key_collations
    ) with ordinality as k (operator, collation_clause, n);
end;
