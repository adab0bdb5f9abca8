create or replace function steward.stop()
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_job_id bigint;
begin
    if not exists (select from pg_extension as e where e.extname = 'pg_cron') then
        raise notice 'pg_cron is not installed in this database, nothing was scheduled'
            using hint = 'If the work is in a crontab, remove the lines that name steward there.';
        return;
    end if;

    -- by number, because a name finds only one's own jobs, and a superuser may stop any
    for v_job_id in
        execute 'select j.jobid from cron.job as j '
        'where (j.jobname in (select t.job_name from steward._tasks() as t) '
        'or j.jobname ~ ''^steward: work [0-9]+$'') '
        'and j.database = current_database() order by j.jobid'
    loop
        execute 'select cron.unschedule($1)' using v_job_id;
    end loop;
end
$function$;

comment on function steward.stop() is
'Let pg_cron do no more work of this database. What is running ends by itself. For the '
'steward_operator who called steward.start(), or a superuser.';
