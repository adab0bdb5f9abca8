create or replace function steward_private.key_list(source steward_private.source, alias text)
returns text
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select string_agg(format('%s.key_%s', key_list.alias, n), ', ' order by n)
    from generate_series(1, cardinality((key_list.source).key_columns)) as n;
end;
