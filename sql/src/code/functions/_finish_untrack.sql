create or replace function steward._finish_untrack(source regclass, keep_vectors boolean)
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
        select r.oid
        from (
            select unnest(
                array[s.job_table, s.doc_table, s.chunk_table, s.revision_table, s.past_table]
            ) as oid
            from steward_private.space as s
            where s.source_id = v_source.source_id
            union
            select unnest(v_source.mark_tables)
        ) as r
        inner join pg_class as c on c.oid = r.oid
    loop
        if _finish_untrack.keep_vectors and exists (
            select from steward_private.space as s where v_table in (s.doc_table, s.chunk_table)
        ) then
            -- nobody's rows any more whose policies could decide
            execute format('drop policy select_who_sees_the_row on %s', v_table);
            execute format('revoke all on %s from steward_reader', v_table);
            execute format('grant all on %s to %I', v_table, session_user);
            execute format('alter table %s disable row level security', v_table);
        else
            execute format('drop table %s', v_table);
        end if;
    end loop;

    for v_function in
        select p.oid::regprocedure
        from pg_proc as p
        where
            (
                p.pronamespace = 'steward_private'::regnamespace
                and (
                    p.proname ~ format(
                        '^(read|there|lock|scan|marks|fold|key)_%s(_[0-9]+)?$', v_source.source_id
                    )
                    or p.proname in (
                        select format('%s_%s', n.prefix, s.space_id)
                        from steward_private.space as s
                        cross join (
                            values ('due'), ('known'), ('claim'), ('finish')
                        ) as n (prefix)
                        where s.source_id = v_source.source_id
                    )
                )
            )
            or (
                p.pronamespace = 'steward_data'::regnamespace
                and p.proname ~ format(
                    '_%s_(mark|gone|truncated|sync)$', v_source.source_id
                )
            )
    loop
        execute format('drop function %s', v_function);
    end loop;

    delete from steward_private.source as s where s.source_id = v_source.source_id;
end
$function$;

comment on function steward._finish_untrack(regclass, boolean) is
'Last part of steward.untrack(): drops the tables and functions of a source without triggers.';
