-- The sizes of chunks, as plan_documents() takes them.
create or replace function steward_private.chunking(chunk_size integer)
returns jsonb
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
return jsonb_build_object(
    'target', chunking.chunk_size,
    'minimum', chunking.chunk_size / 2,
    'maximum', chunking.chunk_size * 3 / 2
);
