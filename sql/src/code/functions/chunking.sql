-- How to cut, as plan_documents() takes them.
create or replace function steward_private.chunking(chunk_size integer)
returns jsonb
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
return jsonb_build_object('chunking', jsonb_build_object('size', chunking.chunk_size));
