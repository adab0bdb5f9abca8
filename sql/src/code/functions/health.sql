create or replace function steward.health()
returns table (
    check_name text,
    source regclass,
    model text,
    status text,
    figure text,
    threshold text,
    what_to_do text
)
language plpgsql
stable parallel unsafe
-- definer: looks at the registry, at jobs and at other sessions, and tells no more than figures
security definer
set search_path = pg_catalog, pg_temp
set intervalstyle = 'postgres'
set jit = off
as $function$
declare
    v_set jsonb := (
        select jsonb_object_agg(k.setting_name, steward_private.setting_value(k.setting_name))
        from steward_private.known_settings() as k
    );
    v_check text;
begin
    -- A check that cannot be made says so in its row, and the next one is made.
    foreach v_check in array array[
        'parts', 'schedule', 'claims', 'oldest transaction', 'waiting edits', 'rows', 'backfill',
        'census', 'vector index'
    ] loop
        begin
            case v_check
                when 'parts' then
                    return query
                    select
                        case
                            when c.item like 'source %' then 'source'
                            else c.item
                        end,
                        case
                            when c.item like 'source %' then substr(c.item, 8)::regclass
                        end,
                        null::text,
                        case c.status
                            when 'ok' then 'ok'
                            when 'warning' then 'warn'
                            else 'critical'
                        end,
                        c.detail,
                        null::text,
                        c.hint
                    from steward.check() as c
                    -- a matter of the schedule
                    where c.item <> 'pg_cron';

                when 'schedule' then
                    return query select h.* from steward_private.schedule_health(v_set) as h;

                when 'claims' then
                    return query
                    select
                        'lost claims',
                        null::regclass,
                        null::text,
                        case
                            when c.lost_for >= (v_set ->> 'lost_claim_critical')::interval then 'critical'
                            when c.lost_for >= (v_set ->> 'lost_claim_warn')::interval then 'warn'
                            else 'ok'
                        end,
                        case
                            when c.lost_for > interval '0'
                                then format(
                                    '%s with an ended lease, the first of worker %s since %s',
                                    c.lost, c.lost_worker, date_trunc('second', c.lost_for)
                                )
                            else 'none'
                        end,
                        format(
                            'since %s: warn, %s: critical', v_set ->> 'lost_claim_warn',
                            v_set ->> 'lost_claim_critical'
                        ),
                        case
                            when c.lost_for >= (v_set ->> 'lost_claim_warn')::interval
                                then 'Run: select steward.reap(); and let it run every minute with: '
                                'select steward.start();'
                        end
                    from (
                        select
                            count(*) as lost,
                            max(clock_timestamp() - k.lease_expires_at) as lost_for,
                            (array_agg(left(k.worker, 100) order by k.lease_expires_at))[1] as lost_worker
                        from steward_private.claim as k
                        where k.lease_expires_at < clock_timestamp()
                    ) as c;

                    return query
                    select
                        'long claims',
                        null::regclass,
                        null::text,
                        case
                            when c.held_for >= (v_set ->> 'claim_critical')::interval then 'critical'
                            when c.held_for >= (v_set ->> 'claim_warn')::interval then 'warn'
                            else 'ok'
                        end,
                        case
                            when c.held > 0
                                then format(
                                    '%s held, the first by worker %s for %s', c.held, c.worker,
                                    date_trunc('second', c.held_for)
                                )
                            else 'none'
                        end,
                        format(
                            'for %s: warn, %s: critical', v_set ->> 'claim_warn', v_set ->> 'claim_critical'
                        ),
                        case
                            when c.held_for >= (v_set ->> 'claim_warn')::interval
                                then format(
                                    'Look after worker %s, or stop it: when its leases have ended, '
                                    'its rows are taken back by: select steward.reap();', c.worker
                                )
                        end
                    from (
                        select
                            count(*) as held,
                            max(clock_timestamp() - k.claimed_at) as held_for,
                            (array_agg(left(k.worker, 100) order by k.claimed_at))[1] as worker
                        from steward_private.claim as k
                        where k.lease_expires_at >= clock_timestamp()
                    ) as c;

                when 'oldest transaction' then
                    return query select h.* from steward_private.xmin_health(v_set) as h;

                when 'waiting edits' then
                    return query
                    select
                        'oldest pending',
                        q.source,
                        q.model,
                        case
                            when q.waited >= (v_set ->> 'pending_critical')::interval then 'critical'
                            when q.waited >= (v_set ->> 'pending_warn')::interval then 'warn'
                            else 'ok'
                        end,
                        coalesce(
                            format(
                                '%s edits, the oldest for %s', q.jobs,
                                date_trunc('second', q.waited)
                            ),
                            'none'
                        ),
                        format(
                            'for %s: warn, %s: critical', v_set ->> 'pending_warn',
                            v_set ->> 'pending_critical'
                        ),
                        case
                            when q.waited >= (v_set ->> 'pending_warn')::interval
                                then 'See whether a worker runs for this model: select * from '
                                'steward.workers; for the built-in one: call steward.work(); and '
                                'whether the source is paused: select * from steward.check();'
                        end
                    from (
                        select
                            s.relation as source,
                            sp.model_name as model,
                            sum(a.jobs) as jobs,
                            max(clock_timestamp() - a.oldest_since) as waited
                        from steward_private.space as sp
                        inner join steward_private.source as s on s.source_id = sp.source_id
                        left join steward_private.all_queue() as a
                            on
                                a.source = s.relation and a.model = sp.model_name
                                and a.lane = 'edit' and a.state <> 'failed'
                        where sp.state <> 'retired'
                        group by s.relation, sp.model_name
                    ) as q
                    order by q.source, q.model;

                when 'rows' then
                    return query select h.* from steward_private.row_health(v_set) as h;

                when 'backfill' then
                    return query
                    select
                        'backfill',
                        s.relation,
                        sp.model_name,
                        case
                            when b.rested >= (v_set ->> 'backfill_critical')::interval then 'critical'
                            when b.rested >= (v_set ->> 'backfill_warn')::interval then 'warn'
                            else 'ok'
                        end,
                        format(
                            '%s of about %s rows queued, the last %s ago', b.rows_queued,
                            b.rows_estimated, date_trunc('second', b.rested)
                        ),
                        format(
                            '%s ago: warn, %s: critical', v_set ->> 'backfill_warn',
                            v_set ->> 'backfill_critical'
                        ),
                        case
                            when b.rested >= (v_set ->> 'backfill_warn')::interval
                                then format(
                                    'Start a worker for model %s, or give it up: '
                                    'select steward.cancel_backfill(%L);', sp.model_name, s.relation
                                )
                        end
                    from (
                        select f.*, clock_timestamp() - f.advanced_at as rested
                        from steward_private.backfill as f
                        where f.state = 'running'
                    ) as b
                    inner join steward_private.space as sp
                        on sp.space_id = b.space_id and sp.state <> 'retired'
                    inner join steward_private.source as s on s.source_id = sp.source_id
                    order by s.relation, sp.model_name;

                when 'census' then
                    return query
                    select
                        'census',
                        c.relation,
                        null::text,
                        case
                            when c.age >= (v_set ->> 'census_critical')::interval then 'critical'
                            when c.age >= (v_set ->> 'census_warn')::interval then 'warn'
                            else 'ok'
                        end,
                        case
                            when c.is_counted then format('%s ago', date_trunc('second', c.age))
                            else format('never; tracked %s ago', date_trunc('second', c.age))
                        end,
                        format(
                            '%s ago: warn, %s: critical', v_set ->> 'census_warn',
                            v_set ->> 'census_critical'
                        ),
                        case
                            when c.age >= (v_set ->> 'census_warn')::interval
                                then format(
                                    'Run: select steward.reconcile(%L); and let it run every night with: '
                                    'select steward.start();', c.relation
                                )
                        end
                    from (
                        select
                            s.relation,
                            max(clock_timestamp() - coalesce(n.counted_at, sp.created_at)) as age,
                            bool_and(n.counted_at is not null) as is_counted
                        from steward_private.source as s
                        inner join steward_private.space as sp
                            on sp.source_id = s.source_id and sp.state <> 'retired'
                        left join steward_private.census as n on n.space_id = sp.space_id
                        group by s.relation
                    ) as c
                    order by c.relation;

                when 'vector index' then
                    return query select h.* from steward_private.index_health(v_set) as h;
            end case;
        exception
            when others then
                return query
                select
                    v_check, null::regclass, null::text, 'warn',
                    format('it cannot be looked at: %s', sqlerrm), null::text,
                    'Mend the cause, which is most likely a missing right of the owner of pg_steward.';
        end;
    end loop;
end
$function$;

comment on function steward.health() is
'Is all well? One row for each check, for the whole or for a source and a model: its status '
'(ok, warn or critical), the figure, the thresholds, and what to do about it. The thresholds '
'are settings, see steward.settings. A check that cannot be made says so. Reads no source. For '
'steward_operator.';
