create or replace function steward._load_provider(model text)
returns void
language plpython3u
volatile parallel unsafe
-- definer: reads the registry and secrets, and returns nothing of them
security definer
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
steward_py.serving.load_provider(plpy, model)
$python$;

comment on function steward._load_provider(text) is
'Read how a model is called, secret included, into the Python of this session, from where no role '
'can read it: steward.work() calls providers with it.';
