-- A part of health(): whether what has to run regularly does.
create or replace function steward_private.schedule_health(settings jsonb)
returns table (
    check_name text, source regclass, model text, status text, figure text, threshold text,
    what_to_do text
)
language plpgsql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_task record;
    v_sees_all boolean;
begin
    if not exists (select from pg_extension as e where e.extname = 'pg_cron') then
        return query
        select
            'schedule',
            null::regclass,
            null::text,
            case when (schedule_health.settings ->> 'expect_pg_cron')::boolean then 'warn' else 'ok' end,
            'pg_cron is not installed in this database',
            null::text,
            case
                when (schedule_health.settings ->> 'expect_pg_cron')::boolean
                    then 'Install pg_cron and run: select steward.start(); or put its lines into a '
                    'crontab and run, as an admin: select steward.configure(''expect_pg_cron'', ''no'');'
            end;
        return;
    end if;

    -- others see their own jobs only
    v_sees_all := (
        select r.rolsuper or r.rolbypassrls from pg_roles as r where r.rolname = current_user
    );

    for v_task in execute
        'select t.job_name, j.jobid is not null as is_there, j.active, d.status, '
        'd.return_message, d.start_time '
        'from steward._tasks('
        '(select greatest(count(*), 1)::integer from cron.job as w '
        'where w.jobname ~ ''^steward: work( [0-9]+)?$'' and w.database = current_database())'
        ') as t '
        'left join lateral (select k.* from cron.job as k where k.jobname = t.job_name '
        'and k.database = current_database() order by k.active desc limit 1) as j on true '
        'left join lateral (select r.status, r.return_message, r.start_time '
        'from cron.job_run_details as r where r.jobid = j.jobid and r.status in (''succeeded'', ''failed'') '
        'order by r.runid desc limit 1) as d on true '
        'order by t.job_name'
    loop
        check_name := 'schedule';
        figure := format(
            '%s: %s', v_task.job_name,
            case
                when not v_task.is_there then 'not scheduled'
                when not v_task.active then 'switched off'
                when v_task.status = 'failed'
                    then format(
                        'failed at %s: %s', date_trunc('second', v_task.start_time),
                        left(v_task.return_message, 200)
                    )
                when v_task.status is null then 'has not run yet'
                else format('ran at %s', date_trunc('second', v_task.start_time))
            end
        );
        status := case
            when not v_task.is_there and not v_sees_all then 'warn'
            when not v_task.is_there or not v_task.active or v_task.status = 'failed' then 'critical'
            else 'ok'
        end;
        what_to_do := case
            when not v_task.is_there and not v_sees_all
                then format(
                    'Another role may have scheduled it, which %s cannot see. If not, run: '
                    'select steward.start();', current_user
                )
            when not v_task.is_there then 'Run: select steward.start();'
            when not v_task.active
                then format(
                    'Run: select cron.alter_job(jobid, active => true) from cron.job where jobname = %L;',
                    v_task.job_name
                )
            when v_task.status = 'failed'
                then 'Mend the cause; select * from steward.status(); shows when it has run well again.'
        end;
        return next;
    end loop;
end
$function$;
