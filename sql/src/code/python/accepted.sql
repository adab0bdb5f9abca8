create or replace function steward_private.accepted(
    olds text[], texts text[], headings text[], significance jsonb
)
returns boolean[]
language plpython3u
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.entry.accepted(plpy, olds, texts, headings, significance)
$python$;

comment on function steward_private.accepted(text[], text[], text[], jsonb) is
'Whether, by the text stages of a policy, each text may keep the vector that was made of the old '
'one. headings: what was put before the text for the model; null: nothing.';
