-- How many documents and chunks of the space $1 there are, and documents that were accepted, by
-- what was written down: the tally since the last TRUNCATE, without what deletions took that no
-- fold has added to it yet.
create or replace function steward_private.counted_statement(source steward_private.source)
returns text
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select format(
        $sql$
        select
            coalesce(sum(t.documents), 0) - coalesce(min(g.documents), 0) as documents,
            coalesce(sum(t.chunks), 0) - coalesce(min(g.chunks), 0) as chunks,
            coalesce(sum(t.accepted), 0) - coalesce(min(g.accepted), 0) as accepted
        from (
            select
                sum(g.removed[i.n][2]) as documents,
                sum(g.removed[i.n][3]) as chunks,
                sum(g.removed[i.n][4]) as accepted
            from %s as g
            cross join generate_subscripts(g.removed, 1) as i (n)
            where g.removed[i.n][1] = $1
        ) as g
        left join steward_private.tally as t
            on
                t.space_id = $1
                and t.tally_id > coalesce(
                    (
                        select max(r.tally_id) from steward_private.tally as r
                        where r.space_id = $1 and r.is_reset
                    ),
                    0
                )
        $sql$,
        (counted_statement.source).mark_tables[3]
    );
end;
