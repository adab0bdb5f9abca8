-- The proof that the caller may do what they do: PostgreSQL let them put the triggers on the table.
create or replace function steward_private.require_triggers(source steward_private.source)
returns void
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := require_triggers.source;
begin
    if (
        select count(*)
        from pg_trigger as t
        inner join pg_proc as p on p.oid = t.tgfoid
        where
            t.tgrelid = v_source.relation
            and t.tgparentid = 0
            and p.pronamespace = 'steward_data'::regnamespace
            and p.proname in (
                select steward_private.generated_name(v_source, v_source.source_id, f.purpose)
                from (values ('mark'), ('gone'), ('truncated'), ('sync')) as f (purpose)
            )
    ) <> steward_private.trigger_count(v_source) then
        raise exception 'table % has not got its triggers', v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            hint = 'Call steward.track().';
    end if;
end
$function$;
