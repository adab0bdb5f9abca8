create or replace view steward.workers as
select
    coalesce(w.worker_name, c.worker) as worker,
    w.first_seen,
    w.last_seen,
    coalesce(c.claims, 0) as claims,
    c.oldest_claim,
    c.lease_expires_at,
    coalesce(c.lease_expires_at < clock_timestamp(), false) as is_late
from steward_private.worker as w
full join (
    select
        left(k.worker, 200) as worker,
        count(*) as claims,
        min(k.claimed_at) as oldest_claim,
        min(k.lease_expires_at) as lease_expires_at
    from steward_private.claim as k
    group by left(k.worker, 200)
) as c on c.worker = w.worker_name;

comment on view steward.workers is
'Who asks for work: when first and last (to half a minute), how many claims they hold, since '
'when, and when the first of their leases ends. is_late: it has ended, and nobody has taken the'
' rows back yet. Workers that hold nothing are forgotten after 30 days, backends after an hour.'
' For steward_operator.';
