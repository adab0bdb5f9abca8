create or replace view steward.decisions as
select
    d.decision_id,
    s.relation as source,
    sp.model_name as model,
    d.key,
    d.revision,
    d.policy_version,
    d.outcome,
    d.reason,
    d.chunks_embedded,
    d.chunks_reused,
    d.chunks_accepted,
    d.chunks_removed,
    d.characters,
    d.characters_embedded,
    d.details,
    d.lane,
    d.decided_at,
    d.decided_at - d.changed_at as lag,
    d.decided_at - d.claimed_at as duration
from steward_private.decision as d
inner join steward_private.space as sp on sp.space_id = d.space_id
inner join steward_private.source as s on s.source_id = sp.source_id;

comment on view steward.decisions is
'What became of each edit, and why: embedded, reused (nothing but places changed), skipped (what '
'changed is not significant), failed or retired; restored and erased by '
'steward.rollback_document() and steward.erase(). With the version of the policy that decided, the '
'number of chunks that were embedded, kept, among these accepted with another text, and removed; '
'details: how many chunks each stage decided about, which guards found what, and the least similar '
'chunk; the characters of the text and of what was sent; lane: edit '
'or backfill; lag: from the edit to its being searchable; duration: of a worker''s claim. For '
'steward_operator.';
