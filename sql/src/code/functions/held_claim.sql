create or replace function steward_private.held_claim(token bigint)
returns steward_private.claim
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claim steward_private.claim;
begin
    select c.* into v_claim
    from steward_private.claim as c
    where c.token = held_claim.token;

    if not found then
        perform steward_private.refuse_claim(held_claim.token);
    end if;

    return v_claim;
end
$function$;
