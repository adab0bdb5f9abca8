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
    d.characters,
    d.characters_embedded,
    d.lane,
    d.decided_at,
    d.decided_at - d.changed_at as lag,
    d.decided_at - d.claimed_at as duration
from steward_private.decision as d
inner join steward_private.space as sp on sp.space_id = d.space_id
inner join steward_private.source as s on s.source_id = sp.source_id;

comment on view steward.decisions is
'What became of each edit, and why: embedded, reused, skipped, failed or retired; restored and '
'erased by steward.rollback_document() and steward.erase(). With the number of chunks that were '
'sent to the model, kept, and removed; the characters of the text and of what was sent; lane: edit '
'or backfill; lag: from the edit to its being searchable; duration: of a worker''s claim. For '
'steward_operator.';
