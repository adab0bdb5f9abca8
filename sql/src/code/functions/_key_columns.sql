create or replace function steward._key_columns(source regclass)
returns name[]
language sql
stable parallel safe
-- definer: the registry belongs to pg_steward; the names of a primary key are no secret
security definer
set search_path = pg_catalog, pg_temp
return (steward_private.source_of(_key_columns.source)).key_columns;

comment on function steward._key_columns(regclass) is
'The key columns of a tracked table.';
