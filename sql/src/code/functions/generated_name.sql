-- A name that a person recognises and that fits into 63 bytes whatever the table is called.
create or replace function steward_private.generated_name(
    source steward_private.source, number integer, suffix text
)
returns name
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_tail text := format('_%s_%s', generated_name.number, generated_name.suffix);
    v_base text := (generated_name.source).label;
begin
    -- whole characters only: a name cut inside one is not valid in the database's encoding
    while octet_length(v_base) + octet_length(v_tail) > 63 loop
        v_base := left(v_base, -1);
    end loop;

    return v_base || v_tail;
end
$function$;
