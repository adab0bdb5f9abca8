create or replace view steward.backfills as
select
    s.relation as source,
    sp.model_name as model,
    b.state,
    b.reason,
    b.rows_queued,
    b.rows_estimated,
    round(
        b.rows_queued
        / nullif(
            extract(epoch from coalesce(b.finished_at, clock_timestamp()) - b.started_at), 0
        )
        * 60
    ) as rows_per_minute,
    case
        when b.state = 'running' and b.rows_queued > 0
            then make_interval(
                secs => greatest(b.rows_estimated - b.rows_queued, 0)::double precision
                / b.rows_queued
                * extract(epoch from clock_timestamp() - b.started_at)::double precision
            )
    end as time_left,
    b.started_at,
    b.finished_at
from steward_private.backfill as b
inner join steward_private.space as sp on sp.space_id = b.space_id
inner join steward_private.source as s on s.source_id = sp.source_id;

comment on view steward.backfills is
'How far the rows that a source had already have been queued for workers: running, done or '
'cancelled, how many of about how many, at which rate, and how long it will still take. For '
'steward_operator.';
