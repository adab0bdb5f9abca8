create or replace function steward.release(tokens bigint[])
returns table (token bigint, outcome text)
language plpgsql
volatile parallel unsafe
-- definer: writes jobs on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claims record;
begin
    for v_claims in
        select c.* from steward_private.claims_of(release.tokens) as c
    loop
        if v_claims.space_id is null then
            return query select t.token, 'stale' from unnest(v_claims.tokens) as t (token);
        else
            return query
            select g.token, g.outcome
            from steward_private.give_back(
                v_claims.space_id, v_claims.tokens, null, 'released', interval '5 seconds'
            ) as g;
        end if;
    end loop;
end
$function$;

comment on function steward.release(bigint[]) is
'Give claims back unworked, without charging an attempt: the worker is shutting down, or '
'steward.complete() answered busy again and again. Returns for each token pending (another claim '
'returns the row, in a few seconds at the earliest), busy (let the lease run out) or stale (no '
'longer held). For steward_worker.';

create or replace function steward.release(token bigint)
returns text
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_outcome text;
begin
    select r.outcome into strict v_outcome from steward.release(array[release.token]) as r;

    if v_outcome = 'stale' then
        perform steward._refuse_claim(release.token);
    end if;

    return v_outcome;
end
$function$;

comment on function steward.release(bigint) is
'The same for one claim. Raises SW001 when it is no longer held. For steward_worker.';
