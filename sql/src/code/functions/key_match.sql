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
                '%s.key_%s %s %s.key_%s',
                key_match.left_alias,
                k.n,
                k.operator,
                key_match.right_alias,
                k.n
            ),
            ' and ' order by k.n
        )
    from unnest((key_match.source).key_operators) with ordinality as k (operator, n);
end;
