create or replace function steward.release(token bigint)
returns text
language plpgsql
volatile parallel unsafe
-- definer: writes jobs on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return steward_private.release_claim(
        steward_private.held_claim(release.token), interval '5 seconds'
    );
end
$function$;

comment on function steward.release(bigint) is
'Give a claim back unworked, without charging an attempt: the worker is shutting down, or '
'steward.complete() answered busy again and again. Returns pending (another claim returns the '
'row, in a few seconds at the earliest), gone when the row was deleted, or busy when somebody is '
'writing to the row right now: then let the lease run out. Raises SW001 when the claim is no '
'longer held. For steward_worker.';
