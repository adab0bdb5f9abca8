create or replace function steward._embed_query(model text, query text)
returns text
language plpython3u
volatile parallel unsafe
-- definer: reads the registry and secrets, and returns nothing of them
security definer
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.serving.embed_query(plpy, model, query)
$python$;

comment on function steward._embed_query(text, text) is
'The vector of what somebody searches for, by any model that the database can call. The session '
'remembers the last ones, for each role apart.';
