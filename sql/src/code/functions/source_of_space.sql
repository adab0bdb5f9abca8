create or replace function steward_private.source_of_space(space steward_private.space)
returns steward_private.source
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source;
begin
    select s.* into strict v_source
    from steward_private.source as s
    where s.source_id = (source_of_space.space).source_id;

    return v_source;
end
$function$;
