create or replace function steward_private.accepted(
    olds text[], old_prefixes text[], texts text[], prefixes text[], significance jsonb
)
returns boolean[]
language plpython3u
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.entry.accepted(
    plpy, olds, old_prefixes, texts, prefixes, policy_json=significance
)
$python$;

comment on function steward_private.accepted(text[], text[], text[], text[], jsonb) is
'Whether, by the text stages of a policy, each text may keep the vector that was made of the old '
'one. prefixes: the headings that were put before it for the model; null: none.';
