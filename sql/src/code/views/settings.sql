create or replace view steward.settings as
select
    k.setting_name as setting,
    coalesce(s.value, k.default_value) as value, -- noqa: RF04
    k.default_value,
    k.unit,
    k.meaning
from steward_private.known_settings() as k
left join steward_private.setting as s on s.setting_name = k.setting_name;

comment on view steward.settings is
'What can be set with steward.configure(): the value now, its default, what kind of value it is, '
'and what it means. Those called ..._warn and ..._critical are thresholds of steward.health(). For '
'steward_operator.';
