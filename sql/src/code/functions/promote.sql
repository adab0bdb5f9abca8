create or replace function steward.promote(source regclass, model text, force boolean default false)
returns void
language plpgsql
volatile parallel unsafe
-- definer: writes the registry
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(promote.source);
    v_space steward_private.space := steward_private.space_of(v_source, promote.model);
begin
    perform steward_private.require_trigger_privilege(v_source, 'promote a space');

    -- counted before anything is locked
    if promote.force is not true then
        perform steward_private.require_coverage(v_source, v_space);
    end if;

    v_source := steward_private.lock_registration(promote.source);
    v_space := steward_private.space_of(v_source, promote.model);

    if v_space.state = 'active' then
        raise exception 'table % is searched with model "%" already', v_source.relation, promote.model
            using errcode = 'object_not_in_prerequisite_state',
            hint = 'To go back to the one of before: steward.demote().';
    end if;

    perform steward_private.activate_space(v_source, v_space);
end
$function$;

comment on function steward.promote(regclass, text, boolean) is
'Let search answer from the space of this model from the commit on. The one of before stays as '
'a shadow that follows every edit: steward.demote() brings it back. Refused while fewer rows '
'are embedded as they are than the setting promote_coverage asks for, unless force is true. '
'Whoever embeds queries outside the database tells steward.search_vector() with which model, '
'and so changes over in their own time. For steward_admin with the TRIGGER privilege on the '
'table.';
