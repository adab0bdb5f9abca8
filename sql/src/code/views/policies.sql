create or replace view steward.policies as
select
    s.relation as source,
    p.policy_version,
    p.policy_version = s.policy_version as is_current,
    p.chunking,
    p.significance,
    p.set_by,
    p.set_at
from steward_private.policy as p
inner join steward_private.source as s on s.source_id = p.source_id;

comment on view steward.policies is
'How the texts of each source were cut, and which changes counted, by version: each decision names '
'the version that it was made by. Changed with steward.alter(). For steward_operator.';
