-- From the commit on, search answers from this space of a source and no other one.
create or replace function steward_private.activate_space(
    source steward_private.source, space steward_private.space
)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_now timestamptz := clock_timestamp();
begin
    update steward_private.space as s
    set state = 'shadow'
    where s.source_id = (activate_space.source).source_id and s.state = 'active';

    update steward_private.space as s
    set
        state = 'active',
        promoted_at = v_now
    where s.space_id = (activate_space.space).space_id;

    insert into steward_private.tenure (source_id, space_id, began_at)
    values ((activate_space.source).source_id, (activate_space.space).space_id, v_now);
end
$function$;
