create or replace function steward.prune(
    source regclass, older_than interval default null, keep_revisions integer default 0
)
returns bigint
language plpgsql
volatile parallel unsafe
-- definer: deletes on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(prune.source);
    v_space steward_private.space;
    v_age interval := coalesce(prune.older_than, v_source.keep_history);
    v_pruned bigint := 0;
begin
    perform steward_private.require_read_committed('prune()');

    if v_age < interval '0' then
        raise exception 'older_than must not be negative'
            using errcode = 'invalid_parameter_value';
    end if;

    if prune.keep_revisions is null or prune.keep_revisions < 0 then
        raise exception 'keep_revisions must be 0 or more'
            using errcode = 'invalid_parameter_value';
    end if;

    if v_age < v_source.keep_history
        and not pg_has_role(session_user, 'steward_admin', 'member')
    then
        raise exception 'permission denied to prune what table % is to keep', v_source.relation
            using errcode = 'insufficient_privilege',
            detail = format('Its history is kept for %s.', v_source.keep_history),
            hint = 'A steward_admin may, or shorten keep_history with steward.alter().';
    end if;

    if v_age < v_source.keep_history then
        perform steward_private.require_trigger_privilege(v_source, 'shorten the history');
    end if;

    -- locks the source before what belongs to it, as everybody does
    execute format('select from steward_private.read_%s(''[]'') as r', v_source.source_id);

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.revision_table is not null
        order by s.space_id
        -- not while it is being dropped
        for share
    loop
        v_pruned := v_pruned + steward_private.prune_space(
            v_source, v_space, clock_timestamp() - v_age, prune.keep_revisions, null
        );
    end loop;

    return v_pruned;
end
$function$;

comment on function steward.prune(regclass, interval, integer) is
'Delete what documents and chunks of a tracked table were until longer ago than older_than; null: '
'as long as its keep_history says. keep_revisions: as many of each document stay, however old. '
'Returns how many revisions were deleted. steward.as_of() is an error for moments that they are '
'missing from. steward.tidy() does it regularly. For steward_operator, and a shorter time than '
'keep_history for steward_admin with the TRIGGER privilege on the table.';
