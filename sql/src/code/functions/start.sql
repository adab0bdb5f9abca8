create or replace function steward.start()
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
begin
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
                from steward._tasks() as t
            );
        return;
    end if;

    for v_task in
        select t.job_name, t.schedule, t.command from steward._tasks() as t order by t.job_name
    loop
        -- dynamic: there may be no such function when this one is created
        execute 'select cron.schedule($1, $2, $3)'
        using v_task.job_name, v_task.schedule, v_task.command;
    end loop;
end
$function$;

comment on function steward.start() is
'Let pg_cron do the work of this database from now on: embed with the built-in model, take back '
'lost claims, remove what is kept no longer, and reconcile at night. May be repeated. Without '
'pg_cron it schedules nothing and shows the lines for a crontab. For steward_operator who may use '
'pg_cron.';
