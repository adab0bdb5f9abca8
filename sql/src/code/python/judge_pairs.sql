create or replace function steward_private.judge_pairs(olds text[], news text[], options jsonb)
returns boolean[]
language plpython3u
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.entry.judge_pairs(plpy, olds, news, options)
$python$;

comment on function steward_private.judge_pairs(text[], text[], jsonb) is
'Whether, by the policy, each new text may keep the vector that was made of the old one.';
