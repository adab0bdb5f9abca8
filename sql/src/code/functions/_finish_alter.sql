create or replace function steward._finish_alter(source regclass, look_again boolean)
returns bigint
language plpgsql
volatile parallel unsafe
-- definer: writes the registry
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(_finish_alter.source);
    v_space steward_private.space;
    v_now bigint := pg_current_xact_id()::text::bigint;
begin
    perform steward_private.require_triggers(v_source);

    -- The proof that the caller may do this: PostgreSQL has just let them make the triggers anew.
    if not exists (
        select from pg_trigger as t
        where
            t.tgrelid = v_source.relation
            and t.tgname = 'steward_insert'
            and t.tgparentid = 0
            and pg_xact_status(
                (
                    (v_now >> 32 << 32)
                    + t.xmin::text::bigint
                    -- frozen in an earlier epoch
                    - case
                        when t.xmin::text::bigint > v_now & 4294967295
                            and v_now >> 32 > 0
                            then 4294967296
                        else 0
                    end
                )::text::xid8
            ) = 'in progress'
    ) then
        raise exception 'triggers of table % have not been made anew', v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            hint = 'Call steward.alter().';
    end if;

    perform steward_private.define_readers(v_source);
    perform steward_private.require_trusted_expressions(v_source);

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state <> 'retired'
        order by s.space_id
    loop
        perform steward_private.define_space_functions(v_source, v_space);
        perform steward_private.create_visibility_policy(v_source, v_space.doc_table);
        perform steward_private.create_visibility_policy(v_source, v_space.chunk_table);
    end loop;

    update steward_private.source as s
    set finished = true
    where s.source_id = v_source.source_id;

    if _finish_alter.look_again then
        return steward_private.begin_backfill(v_source, 'altered');
    end if;

    return 0;
end
$function$;

comment on function steward._finish_alter(regclass, boolean) is
'Last part of steward.alter(): makes the readers anew, and has the rows looked at again, if need '
'be. Returns how many.';
