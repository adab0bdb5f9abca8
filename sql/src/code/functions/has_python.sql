create or replace function steward_private.has_python()
returns boolean
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select l.lanname = 'plpython3u'
    from pg_proc as p
    inner join pg_language as l on l.oid = p.prolang
    inner join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = 'steward' and p.proname = '_load_python' and p.pronargs = 0;
end;
