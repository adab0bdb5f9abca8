create or replace function steward_private.keep_decisions()
returns interval
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        coalesce(
            (
                select s.value
                from steward_private.setting as s
                where s.setting_name = 'keep_decisions'
            ),
            '90 days'
        )::interval;
end;
