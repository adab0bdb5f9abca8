create or replace function steward.extend(tokens bigint[], lease interval default '5 minutes')
returns table (token bigint, lease_expires_at timestamptz)
language plpgsql
volatile parallel unsafe
-- definer: writes claims on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform steward_private.check_lease(extend.lease);

    return query
    update steward_private.claim as c
    set lease_expires_at = greatest(c.lease_expires_at, clock_timestamp() + extend.lease)
    where c.token = any(extend.tokens)
    returning c.token, c.lease_expires_at;
end
$function$;

comment on function steward.extend(bigint[], interval) is
'The heartbeat of a worker that takes long: its claims last for another lease from now. Returns '
'those that are still held; a token that does not come back is lost, and its result would be '
'refused. For steward_worker.';
