-- What shows texts of rows that are gone can ask no policy about them: it is for those alone whom
-- no policy of the source would stop. Judged for whoever has logged in: definer functions ask.
create or replace function steward_private.require_sight_of_all(source steward_private.source)
returns void
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_relation regclass := (require_sight_of_all.source).relation;
    v_table pg_class;
    v_role pg_roles;
begin
    select c.* into v_table from pg_class as c where c.oid = v_relation;
    select r.* into strict v_role from pg_roles as r where r.rolname = session_user;

    if not coalesce(has_table_privilege(session_user, v_relation, 'select'), false) then
        raise exception 'permission denied for table %', v_relation
            using errcode = 'insufficient_privilege',
            detail = 'Its history shows texts of rows that may be gone.',
            hint = format('Run as its owner: grant select on %s to %I;', v_relation, session_user);
    end if;

    if v_table.relrowsecurity and not (
        v_role.rolsuper or v_role.rolbypassrls
        or (pg_has_role(session_user, v_table.relowner, 'usage') and not v_table.relforcerowsecurity)
    ) then
        raise exception 'permission denied for the history of table %', v_relation
            using errcode = 'insufficient_privilege',
            detail = 'Row security of the table holds for you, and cannot be asked about rows that '
                'are gone.',
            hint = 'Ask its owner, or a role with BYPASSRLS.';
    end if;
end
$function$;
