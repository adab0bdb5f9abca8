-- Who decides what is made of a table's text, and where it goes, is who may put triggers on it.
create or replace function steward_private.require_trigger_privilege(
    source steward_private.source, what text
)
returns void
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if not has_table_privilege(
        session_user, (require_trigger_privilege.source).relation, 'trigger'
    ) then
        raise exception 'permission denied to % of table %',
            require_trigger_privilege.what, (require_trigger_privilege.source).relation
            using errcode = 'insufficient_privilege',
            hint = format(
                'Ask its owner, or run as its owner: grant trigger on %s to %I;',
                (require_trigger_privilege.source).relation, session_user
            );
    end if;
end
$function$;
