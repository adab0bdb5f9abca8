create or replace function steward._finish_track(source regclass)
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
    v_keys text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_queued bigint;
begin
    -- the proof that the caller may do this: PostgreSQL let them put the triggers on the table
    if (
        select count(*)
        from pg_trigger as t
        inner join pg_proc as p on p.oid = t.tgfoid
        where
            t.tgrelid = v_source.relation
            and t.tgparentid = 0
            and p.pronamespace = 'steward_data'::regnamespace
            and p.proname = steward_private.generated_name(v_source, v_source.source_id, 'queue')
    ) <> 4 then
        raise exception 'table % has not got its triggers', v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            hint = 'Call steward.track().';
    end if;


    select s.* into strict v_space
    from steward_private.space as s
    where s.source_id = v_source.source_id;

    perform steward_private.define_readers(v_source);
    perform steward_private.define_space_functions(v_source, v_space);

    execute format(
        'insert into %1$s (%2$s) select %2$s from steward_private.scan_%3$s() on conflict do nothing',
        v_space.job_table, v_keys, v_source.source_id
    );
    get diagnostics v_queued = row_count;

    update steward_private.source as s
    set finished = true
    where s.source_id = v_source.source_id;

    return v_queued;
end
$function$;

comment on function steward._finish_track(regclass) is
'Last part of steward.track(): makes the readers of the source and queues every row. Returns how '
'many.';
