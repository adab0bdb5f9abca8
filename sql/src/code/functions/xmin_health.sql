-- A part of health(): what keeps dead rows from being cleaned up, here more than elsewhere, because
-- jobs and marks come and go all the time.
create or replace function steward_private.xmin_health(settings jsonb)
returns table (
    check_name text, source regclass, model text, status text, figure text, threshold text,
    what_to_do text
)
language plpgsql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    with holder as (
        select
            format('session %s of %s', a.pid, coalesce(a.usename, a.backend_type)) as who,
            clock_timestamp() - a.xact_start as age,
            age(a.backend_xmin) as transactions,
            format('End that transaction, or run: select pg_terminate_backend(%s);', a.pid) as remedy
        from pg_stat_activity as a
        where
            a.backend_xmin is not null
            and a.pid <> pg_backend_pid()
            and (a.datid is null or a.datname = current_database())
            -- a vacuum keeps nothing from being cleaned up
            and a.backend_type <> 'autovacuum worker'

        union all

        select
            format('prepared transaction %L of %s', p.gid, p.owner),
            clock_timestamp() - p.prepared,
            age(p.transaction),
            format('End it: commit prepared %1$L; or rollback prepared %1$L;', p.gid)
        from pg_prepared_xacts as p
        where p.database = current_database()

        union all

        select
            format('replication slot %s', s.slot_name),
            null,
            greatest(age(s.xmin), age(s.catalog_xmin)),
            format(
                'Let its consumer go on, or if it has none: select pg_drop_replication_slot(%L);',
                s.slot_name
            )
        from pg_replication_slots as s
        where s.xmin is not null or s.catalog_xmin is not null
    ),

    graded as (
        select
            h.*,
            case
                when h.age >= (xmin_health.settings ->> 'xmin_critical')::interval
                    or h.transactions
                    >= (xmin_health.settings ->> 'xmin_transactions_critical')::bigint
                    then 'critical'
                when h.age >= (xmin_health.settings ->> 'xmin_warn')::interval
                    or h.transactions
                    >= (xmin_health.settings ->> 'xmin_transactions_warn')::bigint
                    then 'warn'
                else 'ok'
            end as status
        from holder as h
    )

    select
        'oldest transaction',
        null::regclass,
        null::text,
        coalesce(g.status, 'ok'),
        coalesce(
            format(
                '%s: %s%s transactions old', g.who, date_trunc('second', g.age) || ', ', g.transactions
            ),
            'none'
        ),
        format(
            '%s or %s transactions: warn, %s or %s: critical',
            xmin_health.settings ->> 'xmin_warn', xmin_health.settings ->> 'xmin_transactions_warn',
            xmin_health.settings ->> 'xmin_critical',
            xmin_health.settings ->> 'xmin_transactions_critical'
        ),
        case when g.status <> 'ok' then g.remedy || ' Until then no vacuum cleans up.' end
    from (select) as one
    left join (
        select h.* from graded as h
        order by
            array_position(array['critical', 'warn', 'ok'], h.status), h.transactions desc, h.age desc
        limit 1
    ) as g on true;

    -- others see themselves only
    if not pg_has_role(current_user, 'pg_read_all_stats', 'usage') then
        return query
        select
            'oldest transaction', null::regclass, null::text, 'warn',
            format('%s may not see the transactions of others', current_user), null::text,
            format('As a superuser, run: grant pg_read_all_stats to %I;', current_user);
    end if;
end
$function$;
