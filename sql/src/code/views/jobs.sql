create or replace view steward.jobs as
select
    j.source,
    j.model,
    j.key,
    j.state,
    j.generation,
    j.attempts,
    j.queued_at,
    j.available_at,
    j.worker,
    j.lease_expires_at,
    j.last_error
from steward_private.all_jobs() as j;

comment on view steward.jobs is
'The rows that are to be looked at: pending, claimed by a worker, or failed. generation counts the '
'edits since the row was last fresh. For steward_operator.';
