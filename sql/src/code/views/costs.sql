create or replace view steward.costs as
select
    s.relation as source,
    sp.model_name as model,
    u.used_at::date as day,
    count(*) as batches,
    sum(u.texts) as texts,
    sum(u.characters) as characters,
    sum(u.tokens) as tokens,
    sum(u.cost) as cost
from steward_private.usage as u
inner join steward_private.space as sp on sp.space_id = u.space_id
inner join steward_private.source as s on s.source_id = sp.source_id
group by s.relation, sp.model_name, u.used_at::date;

comment on view steward.costs is
'What was sent to each model for each source, by day, and what it cost at the price given to '
'steward.add_model(). Tokens are those that the worker has told, or a quarter of the characters. '
'For steward_operator.';
