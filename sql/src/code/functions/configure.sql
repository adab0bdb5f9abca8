create or replace function steward.configure(setting text, value text)
returns void
language plpgsql
volatile parallel unsafe
-- definer: writes the registry on behalf of an admin that has no other right
security definer
set search_path = pg_catalog, pg_temp
-- what is stored is read in other sessions
set intervalstyle = 'postgres'
as $function$
declare
    v_unit text;
    v_value text;
    v_is_possible boolean;
begin
    select k.unit into v_unit
    from steward_private.known_settings() as k
    where k.setting_name = configure.setting;

    if not found then
        raise exception 'setting "%" does not exist', configure.setting
            using errcode = 'undefined_object',
            hint = 'See the settings with: select * from steward.settings;';
    end if;

    if v_unit = 'endpoints' then
        raise exception 'setting "%" is not for everybody to change', configure.setting
            using errcode = 'insufficient_privilege',
            hint = 'As a superuser, run: select steward.allow_endpoints(...);';
    end if;

    if configure.value is null then
        delete from steward_private.setting as s where s.setting_name = configure.setting;
        return;
    end if;

    begin
        v_value := case v_unit
            when 'interval' then configure.value::interval::text
            when 'share' then configure.value::numeric::text
            when 'yes or no' then configure.value::boolean::text
            else configure.value::bigint::text
        end;

        v_is_possible := case v_unit
            when 'interval' then v_value::interval between interval '0' and interval '1000 years'
            when 'share' then v_value::numeric between 0 and 1
            when 'yes or no' then true
            else v_value::bigint >= 0
        end;
    exception
        -- not of that type at all
        when data_exception then
            v_is_possible := false;
    end;

    if not v_is_possible then
        raise exception 'value "%" of setting "%" is not possible', configure.value, configure.setting
            using errcode = 'invalid_parameter_value',
            detail = case v_unit
                when 'interval' then 'It is a length of time from 0 to 1000 years.'
                when 'share' then 'It is a number between 0 and 1.'
                when 'yes or no' then 'It is true or false.'
                else format('It is a whole number of %s, 0 or more.', v_unit)
            end,
            hint = format(
                'Back to the default: select steward.configure(%L, null);', configure.setting
            );
    end if;

    insert into steward_private.setting as s (setting_name, value)
    values (configure.setting, v_value)
    on conflict on constraint setting_pkey do update
    set value = excluded.value, set_at = excluded.set_at;
end
$function$;

comment on function steward.configure(text, text) is
'Change a setting of the whole installation, see steward.settings; null brings back its default. '
'Raises undefined_object for a setting that does not exist, and invalid_parameter_value. For '
'steward_admin.';
