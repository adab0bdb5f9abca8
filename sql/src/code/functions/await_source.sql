-- Locks a source before anything of ours that belongs to it is read, as everybody does: a TRUNCATE
-- has the table first, and then ours. Waits for it. What cannot be read any more locks nothing.
create or replace function steward_private.await_source(source_id integer)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    execute format('select from steward_private.there_%s(''[]'') as r', await_source.source_id);
exception
    when undefined_function or undefined_table or undefined_column or insufficient_privilege then
        null;
end
$function$;
