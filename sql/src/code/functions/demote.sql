create or replace function steward.demote(source regclass, force boolean default false)
returns text
language plpgsql
volatile parallel unsafe
-- definer: writes the registry
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(demote.source);
    v_space steward_private.space;
    v_active integer;
begin
    perform steward_private.require_trigger_privilege(v_source, 'demote the space');

    select s.space_id into v_active
    from steward_private.space as s
    where s.source_id = v_source.source_id and s.state = 'active';

    select s.* into v_space
    from steward_private.space as s
    where s.source_id = v_source.source_id and s.state = 'shadow' and s.promoted_at is not null
    order by s.promoted_at desc
    limit 1;

    if not found then
        raise exception 'table % has no space to go back to', v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            detail = 'None that search has answered from before is left.',
            hint = 'See steward.spaces; promote another one with steward.promote().';
    end if;

    -- counted before anything is locked
    if demote.force is not true then
        perform steward_private.require_coverage(v_source, v_space);
    end if;

    v_source := steward_private.lock_registration(demote.source);

    if not exists (
        select from steward_private.space as s
        where s.space_id = v_active and s.state = 'active'
    ) or not exists (
        select from steward_private.space as s
        where s.space_id = v_space.space_id and s.state = 'shadow'
    ) then
        raise exception 'spaces of table % have been changed by somebody else', v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            hint = 'See steward.spaces, and decide again.';
    end if;

    perform steward_private.activate_space(v_source, v_space);

    return v_space.model_name;
end
$function$;

comment on function steward.demote(regclass, boolean) is
'Let search answer again from the space that it answered from before, which has followed every '
'edit meanwhile: no text of before comes back with it. Refused like steward.promote() while it '
'has not caught up, unless force is true. Returns its model. For steward_admin with the TRIGGER '
'privilege on the table.';
