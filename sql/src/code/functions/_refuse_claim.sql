create or replace function steward._refuse_claim(token bigint)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception 'claim % is no longer held', _refuse_claim.token
        using errcode = 'SW001',
        detail = 'Its lease ran out, it was completed or failed before, or its row was deleted.',
        hint = 'Drop the result. If the row still needs work, another claim returns it.';
end
$function$;

comment on function steward._refuse_claim(bigint) is
'The error for a claim that is no longer held.';
