create or replace view steward.models as
select
    m.model_name as model,
    m.provider,
    m.dimensions,
    case
        when m.provider = 'builtin'
            then 'lexical, for trying out and testing: knows words and spellings, not meaning'
        else 'vectors come from a worker of yours'
    end as remarks,
    m.added_at,
    m.price
from steward_private.model as m;

comment on view steward.models is
'The models that sources can be embedded with. Add one with steward.add_model().';
