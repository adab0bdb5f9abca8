create or replace function steward_private.setting_value(name text)
returns text
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select coalesce(s.value, k.default_value)
    from steward_private.known_settings() as k
    left join steward_private.setting as s on s.setting_name = k.setting_name
    where k.setting_name = setting_value.name;
end;
