create or replace function steward.reap()
returns bigint
language plpgsql
volatile parallel unsafe
-- definer: writes jobs on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claim steward_private.claim;
    v_reaped bigint := 0;
begin
    for v_claim in
        select c.*
        from steward_private.claim as c
        where c.lease_expires_at < clock_timestamp()
        order by c.token
        for update skip locked
    loop
        if steward_private.give_back(
            v_claim, format('worker %s did not come back before its lease ran out', v_claim.worker)
        ) <> 'busy' then
            v_reaped := v_reaped + 1;
        end if;
    end loop;

    return v_reaped;
end
$function$;

comment on function steward.reap() is
'Take back the claims whose lease has run out, so that others can work on the rows; a row that '
'loses its worker for the fourth time is failed. Returns how many. Run by pg_cron every minute '
'after steward.start(). For steward_operator.';
