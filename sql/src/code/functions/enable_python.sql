create or replace function steward.enable_python()
returns boolean
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if steward_private.define_python() then
        return true;
    end if;

    raise exception 'PL/Python is not available'
        using errcode = 'feature_not_supported',
        detail = case
            when exists (select from pg_language where lanname = 'plpython3u')
                then 'Only a superuser may define functions in plpython3u.'
            else 'The language plpython3u is not installed in this database.'
        end,
        hint = 'As a superuser, run: create extension plpython3u; select steward.enable_python();';
end
$function$;

comment on function steward.enable_python() is
'Turn on the functions written in PL/Python after plpython3u was added to a database that had '
'pg_steward first. Returns true; raises feature_not_supported if the language is still missing. '
'Superuser only.';
