create or replace view steward.decisions as
select
    d.decision_id,
    s.relation as source,
    sp.model_name as model,
    d.key,
    d.revision,
    d.outcome,
    d.reason,
    d.chunks_embedded,
    d.chunks_reused,
    d.chunks_removed,
    d.decided_at
from steward_private.decision as d
inner join steward_private.space as sp on sp.space_id = d.space_id
inner join steward_private.source as s on s.source_id = sp.source_id;

comment on view steward.decisions is
'What became of each edit, and why: embedded, reused, skipped, failed or retired, with the number '
'of chunks that were sent to the model, kept, and removed. For steward_operator.';
