-- A search that began before may still be about to read a retired space, and a writer to remove
-- something from it: not at once, and without waiting for anybody.
create or replace function steward_private.drop_retired_spaces()
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $function$
declare
    v_space steward_private.space;
    v_table regclass;
    v_function text;
    v_oldest bigint := pg_current_xact_id()::text::bigint - (
        select coalesce(max(age(a.backend_xmin)), 0)
        from pg_stat_activity as a
        where a.datname = current_database()
    );
begin
    for v_space in
        select s.*
        from steward_private.space as s
        where
            s.state = 'retired'
            and s.job_table is not null
            and s.retired_at < clock_timestamp() - interval '1 minute'
            -- nor while there is a snapshot in which it was not retired yet; after a restore the number
            -- means nothing, and may be one of the future
            and not coalesce(
                s.retired_by <= pg_current_xact_id()
                and s.retired_by::text::bigint >= least(
                    v_oldest, pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                ),
                false
            )
        order by s.space_id
        for update skip locked
    loop
        begin
            foreach v_table in array array[
                v_space.job_table, v_space.doc_table, v_space.chunk_table, v_space.revision_table,
                v_space.past_table
            ] loop
                execute format('drop table %s', v_table);
            end loop;

            for v_function in
                select p.oid::regprocedure
                from pg_proc as p
                where
                    p.pronamespace = 'steward_private'::regnamespace
                    and p.proname in (
                        select format('%s_%s', n.prefix, v_space.space_id)
                        from (values ('due'), ('known'), ('claim'), ('finish')) as n (prefix)
                    )
            loop
                execute format('drop function %s', v_function);
            end loop;

            delete from steward_private.census as c where c.space_id = v_space.space_id;
            delete from steward_private.horizon as h where h.space_id = v_space.space_id;
            update steward_private.space as s
            set
                job_table = null,
                doc_table = null,
                chunk_table = null,
                revision_table = null,
                past_table = null
            where s.space_id = v_space.space_id;
        exception
            when lock_not_available then
                -- the next time
                null;
            when dependent_objects_still_exist then
                raise warning 'retired space % of model "%" cannot be dropped',
                    v_space.space_id, v_space.model_name
                    using detail = sqlerrm,
                    hint = 'Drop what depends on its tables.';
        end;
    end loop;
end
$function$;
