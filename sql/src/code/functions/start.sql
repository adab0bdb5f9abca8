create or replace function steward.start(workers integer default 1)
returns void
language plpgsql
volatile parallel unsafe
-- invoker: the jobs of pg_cron run as the role that schedules them
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_cron_database text;
    v_task record;
    v_job_id bigint;
begin
    if start.workers is null or start.workers not between 1 and 64 then
        raise exception 'workers must be between 1 and 64'
            using errcode = 'invalid_parameter_value';
    end if;

    if not exists (select from pg_extension as e where e.extname = 'pg_cron') then
        begin
            v_cron_database := coalesce(current_setting('cron.database_name', true), '');
        exception
            -- not everybody may know; then the detail says less
            when insufficient_privilege then
                v_cron_database := null;
        end;

        raise notice 'pg_cron is not installed in this database, nothing is scheduled'
            using detail = case
                when v_cron_database = ''
                    then 'It is not among the shared_preload_libraries of the server.'
                when v_cron_database <> current_database()
                    then format('On this server it belongs to the database %s.', v_cron_database)
                else 'To have it, a superuser runs: create extension pg_cron;'
            end,
            hint = E'Without it, put these lines into a crontab:\n' || (
                select string_agg(t.crontab_line, E'\n' order by t.job_name)
                from steward._tasks(start.workers) as t
            );
        return;
    end if;

    -- those of an earlier call that are more than now
    for v_job_id in
        execute 'select j.jobid from cron.job as j '
        'where j.jobname ~ ''^steward: work [0-9]+$'' and j.database = current_database() '
        'and j.username = current_user '
        'and j.jobname not in (select t.job_name from steward._tasks($1) as t)'
        using start.workers
    loop
        execute 'select cron.unschedule($1)' using v_job_id;
    end loop;

    for v_task in
        select t.job_name, t.schedule, t.command
        from steward._tasks(start.workers) as t
        order by t.job_name
    loop
        -- dynamic: there may be no such function when this one is created
        execute 'select cron.schedule($1, $2, $3)'
        using v_task.job_name, v_task.schedule, v_task.command;
    end loop;
end
$function$;

comment on function steward.start(integer) is
'Let pg_cron do the work of this database from now on: embed, with so many workers side by side, '
'take back lost claims, remove what is kept no longer, and reconcile at night. May be repeated. '
'Each worker is a connection that is used while there is something to do; cron.max_running_jobs '
'has to allow for them. Without pg_cron it schedules nothing and shows the lines for a crontab. '
'For steward_operator who may use pg_cron.';
