create or replace view steward.failures as
select
    f.source,
    f.model,
    f.key,
    f.state,
    f.attempts,
    f.error_class,
    f.last_error,
    f.last_failed_at,
    f.next_try_at
from steward_private.all_failures() as f;

comment on view steward.failures is
'The rows that could not be embedded: failed for good after four attempts (steward.retry_failed() '
'gives them four more), to be tried again at next_try_at, or being tried again just now; with the '
'error and its class: item, transient, rate_limit, configuration, or lost with its worker. For '
'steward_operator.';
