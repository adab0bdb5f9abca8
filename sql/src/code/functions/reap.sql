create or replace function steward.reap()
returns bigint
language plpgsql
volatile parallel unsafe
-- definer: writes jobs on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claims record;
    v_reaped bigint := 0;
begin
    for v_claims in
        with lost as materialized (
            select c.token, c.space_id, c.worker
            from steward_private.claim as c
            where c.lease_expires_at < clock_timestamp()
            order by c.token
            limit 10000
            for update skip locked
        )

        select l.space_id, l.worker, array_agg(l.token) as tokens
        from lost as l
        group by l.space_id, l.worker
    loop
        v_reaped := v_reaped + (
            select count(*)
            from steward_private.give_back(
                v_claims.space_id, v_claims.tokens,
                format('worker %s did not come back before its lease ran out', v_claims.worker),
                'lost', null
            ) as g
            where g.outcome <> 'busy'
        );
    end loop;

    -- all but the newest of each space; another reaper may be at it
    delete from steward_private.horizon as h
    using (
        select o.space_id, o.horizon_id
        from steward_private.horizon as o
        inner join (
            select n.space_id, max(n.horizon_id) as horizon_id
            from steward_private.horizon as n
            group by n.space_id
        ) as newest
            on newest.space_id = o.space_id and o.horizon_id < newest.horizon_id
        for update of o skip locked
    ) as old
    where h.space_id = old.space_id and h.horizon_id = old.horizon_id;

    perform steward_private.drop_retired_spaces();
    -- a backend of the worker inside the database does not come back
    delete from steward_private.worker as w
    using (
        select o.worker_name
        from steward_private.worker as o
        where
            o.last_seen < clock_timestamp() - case
                when o.worker_name ~ '^backend [0-9]+$' then interval '1 hour'
                else interval '30 days'
            end
        for update skip locked
    ) as old
    where w.worker_name = old.worker_name;

    return v_reaped;
end
$function$;

comment on function steward.reap() is
'Take back the claims whose lease has run out, so that others can work on the rows; a row that '
'loses its worker for the fourth time is failed. Returns how many. Run by pg_cron every minute '
'after steward.start(). For steward_operator and steward_worker.';
