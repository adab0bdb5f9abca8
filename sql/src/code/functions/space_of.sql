create or replace function steward_private.space_of(claim steward_private.claim)
returns steward_private.space
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_space steward_private.space;
begin
    select s.* into strict v_space
    from steward_private.space as s
    where s.space_id = (space_of.claim).space_id;

    return v_space;
end
$function$;
