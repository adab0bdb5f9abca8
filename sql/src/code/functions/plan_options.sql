-- What plan_documents() has to know of a source.
create or replace function steward_private.plan_options(source steward_private.source)
returns jsonb
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
return jsonb_build_object(
    'chunking', (plan_options.source).chunking,
    'significance', (plan_options.source).significance,
    'parts', coalesce(to_jsonb((plan_options.source).parts), '[]'::jsonb)
);
