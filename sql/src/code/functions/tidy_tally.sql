-- Makes one row of those of a space and a day. Whoever calls it holds the source: no TRUNCATE,
-- which says that what came before no longer counts, may come between. Returns how many rows there
-- are less.
create or replace function steward_private.tidy_tally(space_id integer)
returns bigint
language sql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    with reset as materialized (
        select coalesce(max(t.tally_id), 0) as tally_id
        from steward_private.tally as t
        where t.space_id = tidy_tally.space_id and t.is_reset
    ),

    -- after a TRUNCATE all of them change; otherwise those of days that have several
    crowded as materialized (
        select t.day
        from steward_private.tally as t
        where t.space_id = tidy_tally.space_id
        group by t.day
        having count(*) > 1 or (select r.tally_id from reset as r) > 0
    ),

    gone as (
        delete from steward_private.tally as t
        using crowded as c
        where t.space_id = tidy_tally.space_id and t.day = c.day
        returning t.*
    ),

    made as (
        insert into steward_private.tally (
            space_id, day, documents, chunks, accepted, embedded, reused, skipped, failed, retired,
            chunks_embedded, chunks_reused, characters, characters_embedded
        )
        select
            g.space_id,
            g.day,
            coalesce(sum(g.documents) filter (where g.tally_id > r.tally_id), 0) as documents,
            coalesce(sum(g.chunks) filter (where g.tally_id > r.tally_id), 0) as chunks,
            coalesce(sum(g.accepted) filter (where g.tally_id > r.tally_id), 0) as accepted,
            sum(g.embedded) as embedded,
            sum(g.reused) as reused,
            sum(g.skipped) as skipped,
            sum(g.failed) as failed,
            sum(g.retired) as retired,
            sum(g.chunks_embedded) as chunks_embedded,
            sum(g.chunks_reused) as chunks_reused,
            sum(g.characters) as characters,
            sum(g.characters_embedded) as characters_embedded
        from gone as g
        cross join reset as r
        group by g.space_id, g.day
        returning 1
    )

    select (select count(*) from gone) - (select count(*) from made);
end;
