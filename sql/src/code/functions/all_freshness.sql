-- Documents and chunks are known from the tally, and what is dirty from jobs and marks: these alone
-- are looked up. What no trigger has told of is known since the last census.
create or replace function steward_private.all_freshness(only_source regclass default null)
returns table (
    source regclass,
    model text,
    state text,
    documents bigint,
    fresh bigint,
    accepted bigint,
    pending bigint,
    failed bigint,
    missing bigint,
    outdated bigint,
    orphans bigint,
    coverage numeric,
    chunks bigint,
    oldest_pending interval,
    lag_p50 interval,
    lag_p95 interval,
    lag_p99 interval,
    counted_at timestamptz,
    is_estimated boolean
)
language plpgsql
stable parallel unsafe
-- definer: counts rows of tables that the caller may not read; only numbers leave
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
-- few rows are looked up in tables of many
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $function$
declare
    v_row record;
    v_space steward_private.space;
    v_source steward_private.source;
begin
    for v_row in
        select sp as space, s as source
        from steward_private.space as sp
        inner join steward_private.source as s on s.source_id = sp.source_id
        -- the readers of a dropped table have gone with it
        inner join pg_class as c on c.oid = s.relation
        where
            sp.state <> 'retired'
            and s.relation = coalesce(all_freshness.only_source, s.relation)
        order by sp.space_id
    loop
        v_space := v_row.space;
        v_source := v_row.source;

        begin
            -- locks the source before what belongs to it, as everybody does
            execute format(
                'select from steward_private.read_%s(''[]'') as r', v_source.source_id
            );

            return query execute format(
                $sql$
                with dirty as materialized (
                    select
                        %4$s,
                        bool_and(t.is_failed) as is_failed,
                        min(t.dirty_since) filter (where not t.is_failed) as dirty_since,
                        row_number() over () as n
                    from (
                        select %4$s, t.failed_at is not null as is_failed, t.queued_at as dirty_since
                        from %2$s as t
                        union all
                        select %4$s, false, t.marked_at from %5$s as t
                        union all
                        select %4$s, false, t.marked_at from %6$s as t
                    ) as t
                    group by %4$s
                ),

                batch as materialized (
                    select (d.n - 1) / 500 as n, jsonb_agg(%7$s order by d.n) as keys
                    from dirty as d
                    group by (d.n - 1) / 500
                ),

                found as materialized (
                    select b.n * 500 + r."position" as n, r.found
                    from batch as b
                    cross join lateral steward_private.there_%3$s(b.keys) as r
                ),

                looked_up as materialized (
                    select
                        t.is_failed,
                        t.dirty_since,
                        coalesce(f.found, false) as found,
                        d.revision is not null as is_known
                    from dirty as t
                    left join %1$s as d on %8$s and d.retired_at is null
                    -- one after the other: a join would compare every one with every other one
                    left join (select array_agg(f.found order by f.n) as found from found as f) as a
                        on true
                    cross join lateral (select a.found[t.n] as found) as f
                ),

                changed as materialized (
                    select
                        count(*) filter (where l.found and not l.is_failed) as pending,
                        count(*) filter (where l.found and l.is_failed) as failed,
                        count(*) filter (where l.found and l.is_known) as known,
                        count(*) filter (where l.found and not l.is_known) as new,
                        count(*) filter (where not l.found and l.is_known) as gone,
                        min(l.dirty_since) filter (where l.found and not l.is_failed) as since
                    from looked_up as l
                ),

                stored as materialized (%9$s),

                -- A backfill looks at everything: what was found before it began is its affair.
                census as materialized (
                    select
                        c.counted_at,
                        case
                            when b.started_at > c.counted_at and b.state <> 'cancelled' then 0
                            else c.missing
                        end as missing,
                        case
                            when b.started_at > c.counted_at and b.state = 'done'
                                and b.reason <> 'tracked'
                                then 0
                            else c.outdated
                        end as outdated,
                        c.orphans,
                        case
                            when b.state = 'running' then 'pending'
                            -- nobody will come to them any more
                            when b.state = 'cancelled'
                                and (c.counted_at > b.finished_at) is not true
                                then 'missing'
                        end as unreached,
                        b.started_at,
                        b.rows_estimated,
                        b.rows_queued
                    from steward_private.census as c
                    left join steward_private.backfill as b on b.space_id = c.space_id
                    where c.space_id = $1
                ),

                -- Rows that a backfill has not come to: as many as were there when it began, without
                -- those queued by now, and without those that have a document for another reason.
                unreached as materialized (
                    select
                        case
                            when c.unreached is null then 0
                            else greatest(
                                least(
                                    c.rows_estimated - c.rows_queued,
                                    c.rows_estimated - s.documents + h.gone + c.orphans - h.new
                                ),
                                0
                            )
                        end as amount
                    from census as c
                    cross join stored as s
                    cross join changed as h
                ),

                figure as materialized (
                    select
                        s.documents - h.gone - c.orphans + h.new + c.missing + u.amount as documents,
                        greatest(s.documents - h.gone - c.orphans - h.known - c.outdated, 0) as fresh,
                        s.accepted,
                        h.pending + case c.unreached when 'pending' then u.amount else 0 end as pending,
                        h.failed,
                        c.missing + case c.unreached when 'missing' then u.amount else 0 end as missing,
                        c.outdated,
                        c.orphans + h.gone as orphans,
                        s.chunks,
                        clock_timestamp() - coalesce(
                            h.since,
                            case
                                when c.unreached = 'pending' and u.amount > 0 then c.started_at
                            end
                        ) as oldest_pending,
                        c.counted_at,
                        c.unreached is not null as is_estimated
                    from stored as s
                    cross join changed as h
                    cross join census as c
                    cross join unreached as u
                ),

                lag as materialized (
                    select
                        percentile_disc(array[0.5, 0.95, 0.99]::double precision[])
                            within group (order by l.lag) as lags
                    from (
                        select d.decided_at - d.changed_at as lag
                        from steward_private.decision as d
                        where
                            d.space_id = $1
                            and d.lane = 'edit'
                            and d.outcome in ('embedded', 'reused', 'skipped', 'retired')
                        order by d.decided_at desc
                        limit 1000
                    ) as l
                )

                select
                    $2,
                    $3,
                    $4,
                    f.documents::bigint,
                    f.fresh::bigint,
                    f.accepted::bigint,
                    f.pending::bigint,
                    f.failed::bigint,
                    f.missing::bigint,
                    f.outdated::bigint,
                    f.orphans::bigint,
                    round(f.fresh / nullif(f.documents, 0), 4),
                    f.chunks::bigint,
                    f.oldest_pending,
                    l.lags[1],
                    l.lags[2],
                    l.lags[3],
                    f.counted_at,
                    f.is_estimated
                from figure as f
                cross join lag as l
                $sql$,
                v_space.doc_table,
                v_space.job_table,
                v_source.source_id,
                steward_private.key_list(v_source, 't'),
                v_source.mark_tables[1],
                v_source.mark_tables[2],
                steward_private.key_object(v_source, 'd'),
                steward_private.key_match(v_source, 'd', 't'),
                steward_private.counted_statement(v_source)
            )
            using v_space.space_id, v_source.relation, v_space.model_name, v_space.state;
        exception
            -- One source that cannot be read must not hide the others. It is shown without figures,
            -- and check() says why.
            when transaction_rollback or insufficient_resources or lock_not_available then
                raise;
            when others then
                source := v_source.relation;
                model := v_space.model_name;
                state := v_space.state;
                return next;
        end;
    end loop;
end
$function$;
