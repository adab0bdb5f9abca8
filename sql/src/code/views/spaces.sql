create or replace view steward.spaces as
select
    s.relation as source,
    sp.model_name as model,
    m.provider,
    m.dimensions,
    sp.state,
    sp.promoted_at,
    sp.retired_at,
    nullif(sp.paused_until, 'infinity') as paused_until,
    coalesce(sp.paused_until = 'infinity', false) as waits_for_resume,
    sp.chunk_table,
    sp.doc_table,
    sp.created_at
from steward_private.space as sp
inner join steward_private.source as s on s.source_id = sp.source_id
inner join steward_private.model as m on m.model_name = sp.model_name;

comment on view steward.spaces is
'One source embedded by one model, and the tables that hold the result. The tables are not an '
'interface: read them with steward.search(). paused_until: nobody claims its rows before; '
'waits_for_resume: nor until steward.resume() is called; steward.check() says why.';
