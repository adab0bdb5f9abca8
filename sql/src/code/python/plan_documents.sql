create or replace function steward_private.plan_documents(
    contents text[], knowns text[], options jsonb, seconds double precision
)
returns text[]
language plpython3u
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.entry.plan_documents(plpy, contents, knowns, options, seconds)
$python$;

comment on function steward_private.plan_documents(text[], text[], jsonb, double precision) is
'Cuts texts into chunks and says which of the known ones they keep and which texts need a vector. '
'A JSON object for each text, in order; when so many seconds have passed the rest is left out.';
