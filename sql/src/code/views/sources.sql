create or replace view steward.sources as
select
    s.relation as source,
    s.content,
    s.key_columns as key,
    s.condition as "where",
    sp.model_name as model,
    s.parts,
    s.chunking,
    s.significance,
    s.policy_version,
    s.on_delete,
    s.mode,
    s.priority,
    s.notify,
    s.daily_budget,
    s.backfill_rate,
    s.keep_history,
    s.paused_at,
    s.tracked_by,
    s.tracked_at
from steward_private.source as s
inner join steward_private.space as sp on sp.source_id = s.source_id
where sp.state = 'active';

comment on view steward.sources is
'The tables under stewardship, with the options of steward.track(). A source shown as a number '
'has been dropped: end its stewardship with steward.untrack(number).';
