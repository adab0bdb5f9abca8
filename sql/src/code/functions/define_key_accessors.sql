-- One function for each key column, that takes a row of the source. The trigger function calls
-- these instead of naming the columns: parsed once, they follow a column that is renamed, whereas
-- a name in the trigger function would make the user's own writes fail. Without a SET clause, which
-- would keep PostgreSQL from inlining them; no search_path can change what a parsed body means.
create or replace function steward_private.define_key_accessors(source steward_private.source)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := define_key_accessors.source;
    v_key record;
begin
    for v_key in
        select
            k.n,
            k.column_name,
            format_type(a.atttypid, a.atttypmod) as type_name
        from unnest(v_source.key_columns) with ordinality as k (column_name, n)
        inner join pg_attribute as a
            on a.attrelid = v_source.relation and a.attname = k.column_name
        order by k.n
    loop
        execute format(
            'create or replace function steward_private.key_%1$s_%2$s(source_row %3$s) '
            'returns %4$s language sql immutable parallel safe security invoker '
            'return (source_row).%5$I',
            v_source.source_id, v_key.n, v_source.relation, v_key.type_name, v_key.column_name
        );
        execute format(
            'revoke all on function steward_private.key_%s_%s(%s) from public',
            v_source.source_id, v_key.n, v_source.relation
        );
    end loop;
end
$function$;
