create or replace function steward_private.max_attempts()
returns integer
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
-- the first try and three more
return 4;
