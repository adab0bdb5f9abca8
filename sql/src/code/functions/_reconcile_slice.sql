create or replace function steward._reconcile_slice(source regclass, max_rows bigint)
returns boolean
language plpgsql
volatile parallel unsafe
-- definer: reads rows and writes marks on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(_reconcile_slice.source);
    v_is_done boolean;
begin
    select c.is_done into strict v_is_done
    from steward_private.census_slice(
        v_source, greatest(coalesce(_reconcile_slice.max_rows, 100000), 1), true
    ) as c;

    return v_is_done;
end
$function$;

comment on function steward._reconcile_slice(regclass, bigint) is
'Part of steward.reconcile_all(): goes on for so many rows, and says whether that was the end.';
