create or replace function steward.retire_space(source regclass, model text)
returns void
language plpgsql
volatile parallel unsafe
-- definer: writes the registry and makes functions
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(retire_space.source);
    v_space steward_private.space;
begin
    perform steward_private.require_trigger_privilege(v_source, 'retire a space');

    v_source := steward_private.lock_registration(retire_space.source);
    v_space := steward_private.space_of(v_source, retire_space.model);

    if v_space.state = 'active' then
        raise exception 'table % is searched with model "%"', v_source.relation, retire_space.model
            using errcode = 'object_in_use',
            hint = 'Promote or demote another one first, or end it all with steward.untrack().';
    end if;

    update steward_private.space as s
    set
        state = 'retired',
        retired_at = clock_timestamp(),
        retired_by = pg_current_xact_id(),
        problem = null,
        paused_until = null
    where s.space_id = v_space.space_id;

    -- nobody begins to depend on what is to be dropped
    execute format(
        'revoke select on %s, %s from steward_reader', v_space.doc_table, v_space.chunk_table
    );

    -- what workers have of it is of no use any more
    delete from steward_private.claim as c where c.space_id = v_space.space_id;
    delete from steward_private.backfill as b where b.space_id = v_space.space_id;
    perform steward_private.define_trigger_functions(v_source);
    perform steward_private.define_fold_function(v_source);
end
$function$;

comment on function steward.retire_space(regclass, text) is
'Give up a space that search does not answer from: it follows no edit any more, and '
'steward.reap() drops its tables a minute later, when no search of before can be reading them. '
'Costs and decisions are kept; what steward.as_of() could tell of it is not. For steward_admin '
'with the TRIGGER privilege on the table.';
