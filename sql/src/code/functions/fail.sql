create or replace function steward.fail(
    tokens bigint[], error text, class text default 'item', retry_after interval default null
)
returns table (token bigint, outcome text)
language plpgsql
volatile parallel unsafe
-- definer: writes jobs on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claims record;
    v_wait interval := fail.retry_after;
begin
    if fail.class is null
        or fail.class not in ('item', 'transient', 'rate_limit', 'configuration')
    then
        raise exception 'class "%" of a failure does not exist', fail.class
            using errcode = 'invalid_parameter_value',
            hint = 'It is one of item, transient, rate_limit and configuration.';
    end if;

    if fail.retry_after < interval '0' or fail.retry_after > interval '7 days' then
        raise exception 'retry_after must be between nothing and seven days'
            using errcode = 'invalid_parameter_value';
    end if;

    if fail.class = 'rate_limit' then
        v_wait := coalesce(v_wait, interval '30 seconds' * (1 + random() / 5));
    end if;

    for v_claims in
        select c.* from steward_private.claims_of(fail.tokens) as c
    loop
        if v_claims.space_id is null then
            return query select t.token, 'stale' from unnest(v_claims.tokens) as t (token);
        else
            return query
            select g.token, g.outcome
            from steward_private.give_back(
                v_claims.space_id, v_claims.tokens, coalesce(fail.error, 'no reason given'),
                fail.class, v_wait
            ) as g;
        end if;
    end loop;
end
$function$;

comment on function steward.fail(bigint[], text, text, interval) is
'Say that claims could not be worked on, and why. class item: the text is to blame; charged, '
'tried again later each time, failed after the fourth attempt. transient: the network or the '
'provider is; not charged, unless others were answered meanwhile, and the space pauses for a '
'moment. rate_limit: nobody is charged, and all that use the model pause for retry_after. '
'configuration: a wrong key or model; nobody is charged, and the space pauses until '
'steward.resume(). Returns for each token pending, failed, busy (somebody has its job locked: try '
'again) or stale (no longer held). For steward_worker.';

create or replace function steward.fail(
    token bigint, error text, class text default 'item', retry_after interval default null
)
returns text
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_outcome text;
begin
    select f.outcome into strict v_outcome
    from steward.fail(array[fail.token], fail.error, fail.class, fail.retry_after) as f;

    if v_outcome = 'stale' then
        perform steward._refuse_claim(fail.token);
    end if;

    return v_outcome;
end
$function$;

comment on function steward.fail(bigint, text, text, interval) is
'The same for one claim. Raises SW001 when it is no longer held. For steward_worker.';
