create or replace function steward._finish_untrack(source regclass)
returns void
language plpgsql
volatile parallel unsafe
-- definer: drops what belongs to pg_steward
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(_finish_untrack.source);
    v_table regclass;
    v_function text;
begin
    -- the proof that the caller may do this: PostgreSQL let them drop the triggers
    if exists (
        select from pg_trigger as t
        inner join pg_proc as p on p.oid = t.tgfoid
        where t.tgrelid = v_source.relation and p.pronamespace = 'steward_data'::regnamespace
    ) then
        raise exception 'table % still has its triggers', v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            hint = 'Call steward.untrack().';
    end if;

    for v_table in
        select unnest(array[s.job_table, s.doc_table, s.chunk_table])
        from steward_private.space as s
        where s.source_id = v_source.source_id
        intersect
        select c.oid from pg_class as c
    loop
        execute format('drop table %s', v_table);
    end loop;

    for v_function in
        select p.oid::regprocedure
        from pg_proc as p
        where
            (
                p.pronamespace = 'steward_private'::regnamespace
                and (
                    p.proname ~ format('^(read|lock|scan|key)_%s(_[0-9]+)?$', v_source.source_id)
                    or p.proname in (
                        select format('%s_%s', n.prefix, s.space_id)
                        from steward_private.space as s
                        cross join (values ('known'), ('finish')) as n (prefix)
                        where s.source_id = v_source.source_id
                    )
                )
            )
            or (
                p.pronamespace = 'steward_data'::regnamespace
                and right(p.proname, length(format('_%s_queue', v_source.source_id)))
                = format('_%s_queue', v_source.source_id)
            )
    loop
        execute format('drop function %s', v_function);
    end loop;

    delete from steward_private.source as s where s.source_id = v_source.source_id;
end
$function$;

comment on function steward._finish_untrack(regclass) is
'Last part of steward.untrack(): drops the tables and functions of a source without triggers.';
