-- Generated from sql/src/python.sql and plpython/steward_py
create or replace function steward_private.define_python()
returns boolean
language plpgsql
volatile parallel unsafe
set search_path = pg_catalog, pg_temp
as $define_python$
begin
    -- Only a superuser creates functions in an untrusted language, whatever its privileges say.
    if not exists (
        select from pg_language as l, pg_roles as r
        where l.lanname = 'plpython3u'
            and r.rolname = current_user
            and (r.rolsuper or l.lanpltrusted and has_language_privilege(l.oid, 'usage'))
    )
    then

@stubs@

        return false;
    end if;

@real@

    return true;
end
$define_python$;

comment on function steward_private.define_python() is
'Define the PL/Python functions: as they are where plpython3u can be used, otherwise as stubs that
say what is missing. Returns whether they are real. Run at install and by steward.enable_python().';

do $do$
begin
    perform steward_private.define_python();
end
$do$;
