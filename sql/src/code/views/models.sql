create or replace view steward.models as
select
    m.model_name as model,
    m.dimensions,
    m.builtin,
    m.added_at
from steward_private.model as m;

comment on view steward.models is
'The models that texts can be embedded with. builtin/hash@1 is lexical, for trying out and '
'testing: it knows words and spellings, not meaning.';
