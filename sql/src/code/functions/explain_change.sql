create or replace function steward.explain_change(
    old_text text, new_text text, significance jsonb default null, chunking jsonb default null
)
returns table (
    ordinal integer,
    decision text,
    stage text,
    similarity double precision,
    reason text,
    old_excerpt text,
    new_excerpt text
)
language sql
stable parallel unsafe
-- definer: what compares texts is a function of pg_steward's own
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select
        e.ordinal,
        e.decision,
        e.stage,
        e.similarity,
        e.reason,
        e.old_excerpt,
        e.new_excerpt
    from steward_private.explain_change(
        null,
        explain_change.old_text,
        explain_change.new_text,
        jsonb_build_object(
            'chunking', explain_change.chunking, 'significance', explain_change.significance
        )
    ) as e;
end;

comment on function steward.explain_change(text, text, jsonb, jsonb) is
'What would become of each chunk if the new text came in the place of the old one, and why, '
'without doing anything. decision: keep, move, accept (the old vector stays, the new text is '
'shown), embed or remove. stage: what decided, cheapest first: same, moved, normalised, guarded, '
'structure, similar or different; new and removed have nothing to be compared with. similarity: '
'of the two texts, from 0 to 1. significance, chunking: see steward.significance() and '
'steward.track(); null: the defaults. For steward_operator.';
