create or replace function steward_private.plan_chunks(
    content text, known jsonb, options jsonb
)
returns jsonb
language plpython3u
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.entry.plan_chunks(plpy, content, known, options)
$python$;

comment on function steward_private.plan_chunks(text, jsonb, jsonb) is
'Cuts a text into chunks and says which of the known ones it keeps and which texts need a vector.';
