-- Locks a source before anything of ours that belongs to it, as everybody does. Says whether it
-- could: whoever has it in exclusive use may be about to ask for what we hold, so we do not wait
-- until somebody must be the victim.
create or replace function steward_private.touch_source(source_id integer)
returns boolean
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $function$
begin
    execute format('select from steward_private.read_%s(''[]'') as r', touch_source.source_id);

    return true;
exception
    when lock_not_available then
        return false;
end
$function$;
