create or replace function steward.fail(token bigint, error text)
returns text
language plpgsql
volatile parallel unsafe
-- definer: writes jobs on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claim steward_private.claim := steward_private.held_claim(fail.token);
begin
    return steward_private.give_back(v_claim, coalesce(fail.error, 'no reason given'));
end
$function$;

comment on function steward.fail(bigint, text) is
'Say that a claim could not be worked on, and why. Returns pending when the row will be tried '
'again (later each time), failed after the fourth attempt, gone when its row was deleted, or busy '
'when somebody is writing to the row right now. Raises SW001 when the claim is no longer held. '
'For steward_worker.';
