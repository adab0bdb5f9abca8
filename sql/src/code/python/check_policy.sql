create or replace function steward_private.check_policy(options jsonb)
returns jsonb
language plpython3u
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.entry.check_policy(plpy, options)
$python$;

comment on function steward_private.check_policy(jsonb) is
'A policy of significance, checked, with every default written out.';
