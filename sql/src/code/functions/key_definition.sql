create or replace function steward_private.key_definition(source steward_private.source)
returns text
language sql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select string_agg(format('key_%s %s not null', k.n, k.type_name), ', ' order by k.n)
    from unnest((key_definition.source).key_types) with ordinality as k (type_name, n);
end;
