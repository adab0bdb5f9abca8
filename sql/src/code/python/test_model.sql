create or replace function steward.test_model(model text)
returns table (step text, status text, detail text, hint text)
language plpython3u
volatile parallel unsafe
-- definer: reads the registry and secrets, and tells nothing of them
security definer
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.serving.test_model(plpy, model)
$python$;

comment on function steward.test_model(text) is
'Try a model out, with a few words of text: what works and what is wrong, step by step, and what '
'to do about it. status: ok, warning, error, or skipped after an error. It waits for the provider '
'as long as the timeout of the model says. For steward_admin.';
