create or replace function steward_private.check_chunking(options jsonb)
returns jsonb
language plpython3u
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.entry.check_chunking(plpy, options)
$python$;

comment on function steward_private.check_chunking(jsonb) is
'The options of cutting, checked, with every default written out.';
