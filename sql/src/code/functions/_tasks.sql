create or replace function steward._tasks(workers integer default 1)
returns table (job_name text, schedule text, command text, crontab_line text)
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        t.job_name,
        t.schedule,
        t.command,
        format(
            '%s psql -X -q -o /dev/null -d %s -c ''%s''', t.schedule, d.argument, t.command
        ) as crontab_line
    from (
        values
        ('steward: reap', '* * * * *', 'select steward.reap()'),
        -- not at the full hour, when everybody does something
        ('steward: tidy', '17 * * * *', 'select steward.tidy()'),
        ('steward: reconcile', '47 3 * * *', 'call steward.reconcile_all()')
        union all
        select
            'steward: work' || case when n.n > 1 then ' ' || n.n else '' end as job_name,
            '* * * * *' as schedule,
            case
                when _tasks.workers = 1 then 'call steward.work()'
                else format('call steward.work(workers => %s)', _tasks.workers)
            end as command
        from generate_series(1, _tasks.workers) as n (n)
    ) as t (job_name, schedule, command)
    cross join (
        select
            case
                when current_database() ~ '^[A-Za-z_][A-Za-z0-9_]*$'
                    then current_database()::text
                else
                    -- quoted for libpq, then for the shell; a percent sign means a new line to cron
                    format(
                        '''%s''',
                        replace(
                            replace(
                                format(
                                    'dbname=''%s''',
                                    regexp_replace(
                                        current_database(), E'([''\\\\])', E'\\\\\\1', 'g'
                                    )
                                ),
                                '''', E'''\\'''''
                            ),
                            '%', E'\\%'
                        )
                    )
            end
    ) as d (argument);
end;

comment on function steward._tasks(integer) is
'What has to run regularly, by its name in pg_cron and as a line for a crontab.';
