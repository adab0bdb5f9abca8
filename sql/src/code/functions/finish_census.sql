-- The other way round, for a space: what is stored and should not be. Then the figures of the
-- census, and the tally is set right. Some pages of a table at a time. Returns how many were found.
create or replace function steward_private.finish_census(
    source steward_private.source, space steward_private.space, queue boolean
)
returns bigint
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
-- few rows are looked up in tables of many
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $function$
declare
    v_source steward_private.source := finish_census.source;
    v_space steward_private.space := finish_census.space;
    v_columns text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_pages constant integer := 16;
    v_unknown text;
    v_look text;
    v_page_size constant bigint := current_setting('block_size')::bigint;
    v_count bigint;
    v_count_orphans bigint;
    v_found bigint := 0;
    v_orphans bigint := 0;
begin
    -- Not what is known and will be looked at; but a failed job will not be, and costs nothing here.
    v_unknown := format(
        $sql$
        unknown as materialized (
            select k.*, t.failed_at is not null as has_failed
            from wrong as k
            left join %1$s as t on %2$s
            where
                (t.generation is null or t.failed_at is not null)
                and (%3$s) not in (
                    select %4$s from %5$s as t
                    union all
                    select %4$s from %6$s as t
                )
        ),

        added as (
            insert into %5$s (%7$s) select %3$s from unknown as k where $3
        )

        -- freshness counts the others by their jobs
        select count(*), count(*) filter (where not k.has_failed) from unknown as k
        $sql$,
        v_space.job_table,
        steward_private.key_match(v_source, 't', 'k'),
        steward_private.key_list(v_source, 'k'),
        steward_private.key_list(v_source, 't'),
        v_source.mark_tables[1],
        v_source.mark_tables[2],
        v_columns
    );

    v_look := format(
        $sql$
        with document as materialized (
            select %1$s, row_number() over () as n
            from %2$s as d
            where
                d.ctid >= format('(%%s,0)', $1)::tid and d.ctid < format('(%%s,0)', $1 + $2)::tid
                and d.retired_at is null
        ),

        gone as materialized (
            select r."position" as n
            from steward_private.there_%3$s(
                (select jsonb_agg(%4$s order by d.n) from document as d)
            ) as r
            where not r.found
        ),

        wrong as materialized (
            select d.* from gone as g inner join document as d on d.n = g.n
        ),
        $sql$,
        steward_private.key_list(v_source, 'd'),
        v_space.doc_table,
        v_source.source_id,
        steward_private.key_object(v_source, 'd')
    ) || v_unknown;

    for v_page in 0..pg_relation_size(v_space.doc_table) / v_page_size by v_pages loop
        execute v_look
        into v_count, v_count_orphans
        using v_page, v_pages, finish_census.queue;
        v_found := v_found + v_count;
        v_orphans := v_orphans + v_count_orphans;
    end loop;

    v_look := format(
        $sql$
        with wrong as materialized (
            select distinct %1$s
            from %2$s as c
            where
                c.ctid >= format('(%%s,0)', $1)::tid and c.ctid < format('(%%s,0)', $1 + $2)::tid
                and not exists (
                    select from %3$s as d where %4$s and c.chunk_id = any(d.chunk_ids)
                )
        ),
        $sql$,
        steward_private.key_list(v_source, 'c'),
        v_space.chunk_table,
        v_space.doc_table,
        steward_private.key_match(v_source, 'd', 'c')
    ) || v_unknown;

    for v_page in 0..pg_relation_size(v_space.chunk_table) / v_page_size by v_pages loop
        execute v_look
        into v_count, v_count_orphans
        using v_page, v_pages, finish_census.queue;
        v_found := v_found + v_count;
    end loop;

    update steward_private.census as c
    set
        counted_at = clock_timestamp(),
        missing = c.missing_seen,
        outdated = c.outdated_seen,
        orphans = case when finish_census.queue then 0 else v_orphans end,
        started_at = null,
        last_key = null,
        rows_seen = 0,
        missing_seen = 0,
        outdated_seen = 0
    where c.space_id = v_space.space_id;

    -- One statement: what is written down, what is not yet, and what there is, all of one moment.
    execute format(
        $sql$
        insert into steward_private.tally (space_id, documents, chunks, accepted)
        select $1, d.documents, d.chunks, d.accepted
        from (
            select
                n.documents - c.documents as documents,
                (select count(*) from %2$s) - c.chunks as chunks,
                n.accepted - c.accepted as accepted
            from (%3$s) as c
            cross join (
                select count(*) as documents, count(d.shown) as accepted
                from %1$s as d
                where d.retired_at is null
            ) as n
        ) as d
        where d.documents <> 0 or d.chunks <> 0 or d.accepted <> 0
        $sql$,
        v_space.doc_table, v_space.chunk_table, steward_private.counted_statement(v_source)
    )
    using v_space.space_id;

    return v_found;
end
$function$;
