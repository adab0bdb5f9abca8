-- pgvector can live in any schema; names made from here on say which one.
create or replace function steward_private.vector_type()
returns text
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_schema name;
begin
    select n.nspname into v_schema
    from pg_extension as e
    inner join pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'vector';

    if not found then
        raise exception 'pgvector is not installed in this database'
            using errcode = 'feature_not_supported',
            hint = 'Run: create extension vector;';
    end if;

    return format('%I.vector', v_schema);
end
$function$;
