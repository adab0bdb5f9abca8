create or replace view steward.jobs as
select
    j.source,
    j.model,
    j.key,
    j.state,
    j.lane,
    j.generation,
    j.attempts,
    j.queued_at,
    j.available_at,
    j.worker,
    j.lease_expires_at,
    j.last_error,
    j.error_class
from steward_private.all_jobs() as j;

comment on view steward.jobs is
'The rows that are to be looked at: pending, claimed by a worker, or failed; because of an edit or '
'of a backfill. generation rises when a row changes while it is claimed. available_at: when it may '
'be claimed. error_class: item, transient, rate_limit, configuration, or lost with its worker. For '
'steward_operator.';
