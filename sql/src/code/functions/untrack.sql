create or replace function steward.untrack(source regclass, keep_vectors boolean default false)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_trigger name;
begin
    if untrack.keep_vectors is null then
        raise exception 'keep_vectors must not be null'
            using errcode = 'null_value_not_allowed';
    end if;

    -- also the error for a table that is not tracked
    perform steward._trigger_functions(untrack.source);

    -- a table that was dropped has taken its triggers along
    for v_trigger in
        select t.tgname
        from pg_trigger as t
        inner join pg_proc as p on p.oid = t.tgfoid
        where
            t.tgrelid = untrack.source
            and t.tgparentid = 0
            and p.pronamespace = 'steward_data'::regnamespace
        order by t.tgname
    loop
        execute format('drop trigger %I on %s', v_trigger, untrack.source);
    end loop;

    perform steward._finish_untrack(untrack.source, untrack.keep_vectors);
end
$function$;

comment on function steward.untrack(regclass, boolean) is
'End the stewardship of a table: drops its triggers, vectors, jobs and decisions, and leaves the '
'table as it was. A table that has been dropped is named by its number in steward.sources. '
'keep_vectors: leave the tables with documents and chunks in the schema steward_data, now the '
'caller''s own. For steward_admin who owns the table.';
