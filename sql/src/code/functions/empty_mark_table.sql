-- Empties a table of marks that have all been folded, if nobody writes to it just now. Dead rows
-- that an old transaction keeps from being cleaned up go, too: they are nobody's to see.
create or replace function steward_private.empty_mark_table(mark_table regclass, slot integer)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_is_used boolean;
begin
    -- not the one that writers use now or in a moment, see define_trigger_functions()
    if floor(date_part('epoch', clock_timestamp()) / 10)::bigint & 1 = empty_mark_table.slot
        or date_part('second', clock_timestamp())::numeric % 10 > 7
    then
        return;
    end if;

    -- a few pages are read faster than they are truncated
    if pg_relation_size(empty_mark_table.mark_table) < 64 * 8192 then
        return;
    end if;

    execute format('select exists (select from %s)', empty_mark_table.mark_table) into v_is_used;

    if v_is_used then
        return;
    end if;

    begin
        -- whoever has written to it and not yet committed holds a lock
        execute format(
            'lock table %s in access exclusive mode nowait', empty_mark_table.mark_table
        );
    exception
        when lock_not_available then
            return;
    end;

    execute format('select exists (select from %s)', empty_mark_table.mark_table) into v_is_used;

    if not v_is_used then
        execute format('truncate %s', empty_mark_table.mark_table);
    end if;
end
$function$;
