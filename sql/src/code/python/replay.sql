create or replace function steward_private.replay(states jsonb, significance jsonb)
returns table (
    revision integer,
    outcome text,
    chunks_embedded integer,
    characters_embedded integer,
    simulated_outcome text,
    simulated_chunks integer,
    simulated_characters integer,
    details jsonb
)
language plpython3u
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.entry.replay(plpy, states, significance)
$python$;

comment on function steward_private.replay(jsonb, jsonb) is
'What became of a document from one state to the next, and what would have under another policy.';
