-- Locks a row of a source until this commits, so that no writer and no worker changes what is
-- stored of it. Returns whether it is there and counts. Never waits for a writer.
create or replace function steward_private.lock_row(source steward_private.source, key jsonb)
returns boolean
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := lock_row.source;
    v_keys jsonb := jsonb_build_array(lock_row.key);
    v_counts boolean;
    v_is_there boolean;
begin
    execute format(
        'select l.counts from steward_private.lock_%s($1) as l', v_source.source_id
    )
    into v_counts
    using v_keys;

    if v_counts is null then
        execute format(
            'select r.found from steward_private.there_%s($1) as r', v_source.source_id
        )
        into v_is_there
        using v_keys;

        if v_is_there then
            raise exception 'somebody is writing to row % of table %', lock_row.key, v_source.relation
                using errcode = 'lock_not_available',
                hint = 'Try again in a moment.';
        end if;
    end if;

    return coalesce(v_counts, false);
end
$function$;
