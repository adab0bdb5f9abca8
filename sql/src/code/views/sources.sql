create or replace view steward.sources as
select
    s.relation as source,
    s.content_column as content,
    s.key_columns as key,
    sp.model_name as model,
    s.chunk_size,
    s.tracked_by,
    s.tracked_at
from steward_private.source as s
inner join steward_private.space as sp on sp.source_id = s.source_id
where sp.state = 'active';

comment on view steward.sources is
'The tables under stewardship. A source shown as a number has been dropped: end its stewardship '
'with steward.untrack(number).';
