create or replace function steward._begin_alter(
    source regclass,
    content_plain text,
    condition_plain text,
    content_columns name[],
    options jsonb,
    is_light boolean default false
)
returns boolean
language plpgsql
volatile parallel unsafe
-- definer: writes the registry and makes functions
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_old steward_private.source := steward_private.source_of(_begin_alter.source);
    v_new steward_private.source;
    v_space steward_private.space;
    v_is_dirty boolean;
    v_is_light boolean;
    v_policy jsonb;
    v_is_other_policy boolean;
begin
    if not (
        coalesce(steward_private.is_expression(_begin_alter.content_plain), false)
        and coalesce(steward_private.is_expression(_begin_alter.condition_plain), true)
        and coalesce(steward_private.is_expression(_begin_alter.options ->> 'condition_old'), true)
        and coalesce(steward_private.is_expression(_begin_alter.options ->> 'condition_new'), true)
    ) then
        raise exception 'content of table % is not an expression', v_old.relation
            using errcode = 'syntax_error',
            hint = 'Call steward.alter().';
    end if;

    perform steward._check_options(_begin_alter.options);
    v_policy := steward._policy(
        _begin_alter.options -> 'chunking', _begin_alter.options -> 'significance'
    );
    v_is_other_policy := (v_policy -> 'chunking', v_policy -> 'significance')
        is distinct from (v_old.chunking, v_old.significance);

    if _begin_alter.options ->> 'mode' = 'transactional' and exists (
        select from steward_private.space as s
        inner join steward_private.model as m on m.model_name = s.model_name
        where
            s.source_id = v_old.source_id and s.state <> 'retired' and m.provider <> 'builtin'
    ) then
        raise exception 'a model of table % cannot be used in transactional mode', v_old.relation
            using errcode = 'feature_not_supported',
            detail = 'Row and vector commit together only with a model that runs in the database.';
    end if;

    -- What decides what is read needs a proof that the caller may, see _finish_alter().
    v_is_light := (
        v_old.content_plain, v_old.condition_plain, v_old.condition_old, v_old.condition_new,
        v_old.text_columns, v_old.content_columns, v_old.mode
    ) is not distinct from (
        _begin_alter.content_plain, _begin_alter.condition_plain,
        _begin_alter.options ->> 'condition_old', _begin_alter.options ->> 'condition_new',
        array(select jsonb_array_elements_text(_begin_alter.options -> 'text_columns')::name),
        _begin_alter.content_columns, _begin_alter.options ->> 'mode'
    ) and _begin_alter.is_light;

    if v_is_light and not has_table_privilege(session_user, v_old.relation, 'trigger') then
        raise exception 'permission denied to alter the tracking of table %', v_old.relation
            using errcode = 'insufficient_privilege';
    end if;

    -- History begins when nobody is at work who does not keep it. They would go on behind a weaker lock.
    if v_old.keep_history = interval '0'
        and (_begin_alter.options ->> 'keep_history')::interval > interval '0'
    then
        if not has_table_privilege(session_user, v_old.relation, 'trigger') then
            raise exception 'permission denied to alter the tracking of table %', v_old.relation
                using errcode = 'insufficient_privilege';
        end if;

        execute format('lock table %s in access exclusive mode', v_old.relation);

        update steward_private.space as s
        set history_since = clock_timestamp()
        where s.source_id = v_old.source_id;
    end if;

    -- Also keeps folds out until this commits: so positions may be given out here.
    update steward_private.source as s
    set
        content = _begin_alter.options ->> 'content',
        content_plain = _begin_alter.content_plain,
        condition = _begin_alter.options ->> 'where',
        condition_plain = _begin_alter.condition_plain,
        condition_old = _begin_alter.options ->> 'condition_old',
        condition_new = _begin_alter.options ->> 'condition_new',
        text_columns = array(
            select jsonb_array_elements_text(_begin_alter.options -> 'text_columns')
        ),
        content_columns = _begin_alter.content_columns,
        parts = case
            when jsonb_typeof(_begin_alter.options -> 'parts') = 'array'
                then array(select jsonb_array_elements_text(_begin_alter.options -> 'parts'))
        end,
        policy_version = s.policy_version + v_is_other_policy::integer,
        chunking = v_policy -> 'chunking',
        significance = v_policy -> 'significance',
        on_delete = _begin_alter.options ->> 'on_delete',
        mode = _begin_alter.options ->> 'mode',
        priority = (_begin_alter.options ->> 'priority')::integer,
        notify = (_begin_alter.options ->> 'notify')::boolean,
        daily_budget = (_begin_alter.options ->> 'daily_budget')::numeric,
        backfill_rate = (_begin_alter.options ->> 'backfill_rate')::integer,
        keep_history = (_begin_alter.options ->> 'keep_history')::interval,
        finished = v_is_light
    where s.source_id = v_old.source_id
    returning s.* into v_new;

    perform steward_private.require_known_parts(v_new.relation, v_new.significance, v_new.parts);

    if v_is_other_policy then
        insert into steward_private.policy (source_id, policy_version, chunking, significance)
        values (v_new.source_id, v_new.policy_version, v_new.chunking, v_new.significance);
    end if;

    v_is_dirty := (v_old.content_plain, v_old.condition_plain, v_old.chunking)
        is distinct from (v_new.content_plain, v_new.condition_plain, v_new.chunking);

    -- nothing yet that reads the source: that the caller may do this is still to be proved
    perform steward_private.define_trigger_functions(v_new);

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_new.source_id and s.state <> 'retired'
        order by s.space_id
    loop
        if v_is_light then
            perform steward_private.define_space_functions(v_new, v_space);
        end if;

        if v_is_dirty or v_is_other_policy then
            -- What is being worked on was read as it was to be read before.
            execute format(
                'update %s as t set generation = t.generation + 1 where t.token is not null',
                v_space.job_table
            );
        end if;

        if v_old.condition_plain is distinct from v_new.condition_plain
            or v_old.significance <> v_new.significance
        then
            -- Documents whose rows no longer count are in no backfill; and of the others only those
            -- that were accepted have to be judged by another policy.
            execute format(
                'insert into %1$s (%3$s, lane, position) '
                'select %4$s, 0, nextval(''steward_private.job_position_seq'') from %2$s as t '
                'where %5$L or t.shown is not null '
                'on conflict do nothing',
                v_space.job_table, v_space.doc_table,
                replace(steward_private.key_list(v_new, 't'), 't.', ''),
                steward_private.key_list(v_new, 't'),
                v_old.condition_plain is distinct from v_new.condition_plain
            );
        end if;
    end loop;

    if v_old.daily_budget is distinct from v_new.daily_budget then
        update steward_private.space as s
        set problem = null, paused_until = null
        where s.source_id = v_new.source_id and s.problem like 'the budget of %';
    end if;

    if v_is_light and v_is_dirty then
        perform steward_private.begin_backfill(v_new, 'altered');
    end if;

    return v_is_dirty;
end
$function$;

comment on function steward._begin_alter(regclass, text, text, name[], jsonb, boolean) is
'First part of steward.alter(): changes the registry and what is generated from it. Returns '
'whether rows have to be looked at again.';
