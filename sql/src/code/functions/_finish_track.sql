create or replace function steward._finish_track(source regclass, backfill boolean)
returns bigint
language plpgsql
volatile parallel unsafe
-- definer: makes functions on behalf of the table's owner and fills the tables of pg_steward
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(_finish_track.source);
    v_space steward_private.space;
    v_queued bigint := 0;
begin
    if v_source.finished then
        raise exception 'table % is already tracked', v_source.relation
            using errcode = 'duplicate_object';
    end if;

    perform steward_private.require_triggers(v_source);

    select s.* into strict v_space
    from steward_private.space as s
    where s.source_id = v_source.source_id;

    perform steward_private.define_readers(v_source);
    perform steward_private.require_trusted_expressions(v_source);
    perform steward_private.define_fold_function(v_source);
    perform steward_private.define_space_functions(v_source, v_space);

    if _finish_track.backfill then
        v_queued := steward_private.begin_backfill(v_source, 'tracked');
    end if;

    update steward_private.source as s
    set finished = true
    where s.source_id = v_source.source_id;

    return v_queued;
end
$function$;

comment on function steward._finish_track(regclass, boolean) is
'Last part of steward.track(): makes the readers of the source and begins the backfill. Returns '
'how many rows there are.';
