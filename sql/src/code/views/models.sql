create or replace view steward.models as
select
    m.model_name as model,
    m.provider,
    m.dimensions,
    case
        when m.provider = 'builtin'
            then 'lexical, for trying out and testing: knows words and spellings, not meaning'
        when m.provider in ('openai', 'ollama', 'http') then 'called by the database or a worker'
        else 'vectors come from a worker of yours'
    end as remarks,
    m.added_at,
    m.price,
    m.endpoint,
    m.secret,
    m.metric,
    m.storage,
    m.requests_per_minute,
    m.tokens_per_minute
from steward_private.model as m;

comment on view steward.models is
'The models that sources can be embedded with. Add one with steward.add_model(), try it out with '
'steward.test_model().';
