create or replace view steward.queue as
select
    q.source,
    q.model,
    q.lane,
    q.state,
    q.jobs,
    clock_timestamp() - q.oldest_since as oldest
from steward_private.all_queue() as q;

comment on view steward.queue is
'How many rows are to be looked at, per source and model: because of an edit or of a backfill; '
'pending, claimed or failed; and since when the oldest of them has been waiting. steward.jobs has '
'them one by one. For steward_operator.';
