create or replace function steward.version()
returns text
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
return '@version@';

comment on function steward.version() is
'The version of pg_steward installed in this database.';
