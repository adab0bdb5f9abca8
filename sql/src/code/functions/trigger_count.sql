create or replace function steward_private.trigger_count(source steward_private.source)
returns integer
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
-- insert, update, rekey, delete, truncate; and leave where there is something to leave
return 5 + ((trigger_count.source).condition is not null)::integer;
