create or replace function steward.status()
returns table (
    job_name text, scheduled boolean, schedule text, last_status text, last_run timestamptz
)
language plpgsql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if not exists (select from pg_extension as e where e.extname = 'pg_cron') then
        return query
        select t.job_name, false, t.schedule, 'pg_cron is not installed here'::text, null::timestamptz
        from steward._tasks() as t
        order by t.job_name;
        return;
    end if;

    return query execute
        'select t.job_name, j.jobid is not null and j.active, coalesce(j.schedule, t.schedule), '
        'd.status::text, d.start_time '
        'from steward._tasks('
        '(select greatest(count(*), 1)::integer from cron.job as k '
        'where k.jobname ~ ''^steward: work( [0-9]+)?$'' and k.database = current_database())'
        ') as t '
        'left join cron.job as j on j.jobname = t.job_name and j.database = current_database() '
        'left join lateral (select r.status, r.start_time from cron.job_run_details as r '
        'where r.jobid = j.jobid order by r.runid desc limit 1) as d on true '
        'order by t.job_name';
end
$function$;

comment on function steward.status() is
'What pg_cron does for this database: one row per task, whether it is scheduled, and how its last '
'run ended. For steward_operator who may use pg_cron.';
