-- Puts into the queue of a space what is due again and the next rows of its backfill, and draws a
-- new horizon. Part of a fold: only whoever holds its lock may give out positions.
create or replace function steward_private.refill_queue(space_id integer)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_indexscan = on
set enable_indexonlyscan = on
as $function$
declare
    v_space steward_private.space;
    v_source steward_private.source;
    v_backfill steward_private.backfill;
    v_old steward_private.horizon;
    v_new steward_private.horizon;
    v_next bigint;
    v_ready integer;
    v_slice integer := 1000;
    v_last jsonb;
begin
    select s.* into strict v_space
    from steward_private.space as s
    where s.space_id = refill_queue.space_id;
    v_source := steward_private.source_of_space(v_space);

    execute format(
        $sql$
        with due as materialized (
            select %2$s
            from %1$s as t
            where t.available_at <= clock_timestamp()
            order by t.available_at
            limit 1000
            for update skip locked
        )

        update %1$s as t
        set position = nextval('steward_private.job_position_seq'), available_at = null
        from due
        where %3$s
        $sql$,
        v_space.job_table,
        steward_private.key_list(v_source, 't'),
        steward_private.key_match(v_source, 't', 'due')
    );

    select h.* into v_old
    from steward_private.horizon as h
    where h.space_id = v_space.space_id
    order by h.horizon_id desc
    limit 1;

    select b.* into v_backfill
    from steward_private.backfill as b
    where b.space_id = v_space.space_id and b.state = 'running';

    if found then
        if v_source.backfill_rate is not null then
            v_slice := least(
                v_slice,
                floor(
                    extract(epoch from clock_timestamp() - v_backfill.advanced_at)
                    * v_source.backfill_rate / 60
                )
            );
        end if;

        execute format(
            'select count(*) from ('
            'select from %s as t where t.lane = 0 and t.position >= $1 limit $2) as t',
            v_space.job_table
        )
        into v_ready
        using coalesce(v_old.backfill, 0), v_slice;

        if v_ready < v_slice then
            -- A row that has a job already needs no other one.
            execute format(
                $sql$
                with slice as materialized (
                    select r.key, r.n, k.*
                    from steward_private.scan_%2$s($1, %3$s) with ordinality as r (key, n)
                    cross join lateral %4$s as k
                ),

                added as (
                    insert into %1$s (%5$s, lane, position)
                    select %6$s, 0, nextval('steward_private.job_position_seq')
                    from slice as k
                    where $2 or not exists (select from %7$s as d where %8$s)
                    order by k.n
                    on conflict do nothing
                )

                select count(*), (array_agg(k.key order by k.n desc))[1] from slice as k
                $sql$,
                v_space.job_table,
                v_source.source_id,
                v_slice,
                steward_private.key_record(v_source, 'r.key'),
                replace(steward_private.key_list(v_source, 't'), 't.', ''),
                steward_private.key_list(v_source, 'k'),
                v_space.doc_table,
                steward_private.key_match(v_source, 'd', 'k')
            )
            into v_ready, v_last
            -- what has been embedded since tracking began need not be looked at again
            using v_backfill.last_key, v_backfill.reason not in ('tracked', 'added');

            update steward_private.backfill as b
            set
                last_key = coalesce(v_last, b.last_key),
                rows_queued = b.rows_queued + v_ready,
                advanced_at = clock_timestamp(),
                state = case when v_ready < v_slice then 'done' else b.state end,
                finished_at = case when v_ready < v_slice then clock_timestamp() end
            where b.space_id = v_space.space_id;
        end if;
    end if;

    -- built when nothing of its backfill is left to do
    if v_space.state = 'building' and not exists (
        select from steward_private.backfill as b
        where b.space_id = v_space.space_id and b.state = 'running'
    ) then
        execute format('select count(*) from (select from %s as t where t.lane = 0 limit 1) as t', v_space.job_table)
        into v_ready;

        if v_ready = 0 then
            update steward_private.space as s
            set state = 'shadow'
            where s.space_id = v_space.space_id and s.state = 'building';
        end if;
    end if;

    v_next := nextval('steward_private.job_position_seq');
    execute format(
        'select '
        'coalesce((select min(t.position) from %1$s as t where t.lane = 1 and t.position >= $1), $3), '
        'coalesce((select min(t.position) from %1$s as t where t.lane = 0 and t.position >= $2), $3)',
        v_space.job_table
    )
    into v_new.live, v_new.backfill
    using coalesce(v_old.live, 0), coalesce(v_old.backfill, 0), v_next;

    -- not for every little step
    if v_new.live + v_new.backfill > coalesce(v_old.live + v_old.backfill, 0) + 1000 then
        insert into steward_private.horizon (space_id, live, backfill)
        values (v_space.space_id, v_new.live, v_new.backfill);
    end if;
end
$function$;
