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
    v_before steward_private.space;
begin
    perform steward_private.require_trigger_privilege(v_source, 'demote the space');

    for v_attempt in 1..2 loop
        v_before := v_space;
        select s.* into v_space
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state = 'shadow' and s.promoted_at is not null
        order by s.promoted_at desc
        limit 1;

        if not found then
            raise exception 'table % has no space to go back to', v_source.relation
                using errcode = 'object_not_in_prerequisite_state',
                detail = 'None that search has answered from before is left.';
        end if;

        -- counted before anything is locked, and chosen again afterwards
        if v_space.space_id is distinct from v_before.space_id and demote.force is not true then
            perform steward_private.require_coverage(v_source, v_space);
        end if;

        v_source := steward_private.lock_registration(demote.source);
    end loop;

    perform steward_private.activate_space(v_source, v_space);

    return v_space.model_name;
end
$function$;

comment on function steward.demote(regclass, boolean) is
'Let search answer again from the space that it answered from before, which has followed every '
'edit meanwhile: no text of before comes back with it. Refused like steward.promote() while it '
'has not caught up, unless force is true. Returns its model. For steward_admin with the TRIGGER '
'privilege on the table.';
