create or replace view steward.decisions_summary as
select
    s.relation as source,
    sp.model_name as model,
    t.day,
    sum(t.embedded) as embedded,
    sum(t.reused) as reused,
    sum(t.skipped) as skipped,
    sum(t.failed) as failed,
    sum(t.retired) as retired,
    round(
        sum(t.reused + t.skipped)
        / nullif(sum(t.embedded + t.reused + t.skipped + t.retired), 0),
        4
    ) as skip_rate,
    sum(t.chunks_embedded) as chunks_embedded,
    sum(t.chunks_reused) as chunks_reused,
    sum(t.characters) as characters,
    sum(t.characters_embedded) as characters_embedded
from steward_private.tally as t
inner join steward_private.space as sp on sp.space_id = t.space_id
inner join steward_private.source as s on s.source_id = sp.source_id
group by s.relation, sp.model_name, t.day
having sum(t.embedded + t.reused + t.skipped + t.failed + t.retired) > 0;

comment on view steward.decisions_summary is
'What was decided about rows that had changed, by source, model and day: how many were '
'embedded, reused, skipped, failed and retired. skip_rate: the share, without failures, that '
'needed no vector (reused and skipped). Chunks and characters: how many there were in these '
'texts, and how many of them went to the model. Counted as it happens. For steward_operator.';
