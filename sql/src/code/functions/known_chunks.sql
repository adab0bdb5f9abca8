create or replace function steward_private.known_chunks(space_id integer, key jsonb)
returns jsonb
language plpgsql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_known jsonb;
begin
    execute format('select steward_private.known_%s($1)', known_chunks.space_id)
    into v_known
    using known_chunks.key;

    return v_known;
end
$function$;
