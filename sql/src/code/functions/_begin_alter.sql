create or replace function steward._begin_alter(
    source regclass,
    content_plain text,
    condition_plain text,
    content_columns name[],
    options jsonb
)
returns bigint
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
    v_rows bigint := 0;
begin
    if not has_table_privilege(session_user, v_old.relation, 'trigger') then
        raise exception 'permission denied to alter the tracking of table %', v_old.relation
            using errcode = 'insufficient_privilege',
            hint = format(
                'Ask its owner, or run as its owner: grant trigger on %s to %I;',
                v_old.relation, session_user
            );
    end if;

    if not (
        coalesce(steward_private.is_expression(_begin_alter.content_plain), false)
        and coalesce(steward_private.is_expression(_begin_alter.condition_plain), true)
    ) then
        raise exception 'content of table % is not an expression', v_old.relation
            using errcode = 'syntax_error',
            hint = 'Call steward.alter().';
    end if;

    perform steward._check_options(_begin_alter.options);

    if _begin_alter.options ->> 'mode' = 'transactional' and exists (
        select from steward_private.space as s
        inner join steward_private.model as m on m.model_name = s.model_name
        where s.source_id = v_old.source_id and m.provider <> 'builtin'
    ) then
        raise exception 'the model of table % cannot be used in transactional mode', v_old.relation
            using errcode = 'feature_not_supported',
            detail = 'Row and vector commit together only with a model that runs in the database.';
    end if;

    -- Also keeps folds out until this commits: so positions may be given out here.
    update steward_private.source as s
    set
        content = _begin_alter.options ->> 'content',
        content_plain = _begin_alter.content_plain,
        condition = _begin_alter.options ->> 'where',
        condition_plain = _begin_alter.condition_plain,
        content_columns = _begin_alter.content_columns,
        chunk_size = (_begin_alter.options ->> 'chunk_size')::integer,
        on_delete = _begin_alter.options ->> 'on_delete',
        mode = _begin_alter.options ->> 'mode',
        priority = (_begin_alter.options ->> 'priority')::integer,
        notify = (_begin_alter.options ->> 'notify')::boolean,
        daily_budget = (_begin_alter.options ->> 'daily_budget')::numeric,
        backfill_rate = (_begin_alter.options ->> 'backfill_rate')::integer
    where s.source_id = v_old.source_id
    returning s.* into v_new;

    perform steward_private.define_readers(v_new);
    perform steward_private.require_trusted_expressions(v_new);
    perform steward_private.define_trigger_functions(v_new);

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_new.source_id
        order by s.space_id
    loop
        perform steward_private.define_space_functions(v_new, v_space);
        perform steward_private.create_visibility_policy(v_new, v_space.doc_table);
        perform steward_private.create_visibility_policy(v_new, v_space.chunk_table);

        if (v_old.content_plain, v_old.condition_plain, v_old.chunk_size)
            is distinct from (v_new.content_plain, v_new.condition_plain, v_new.chunk_size)
        then
            -- What is being worked on was read as it was to be read before.
            execute format(
                'update %s as t set generation = t.generation + 1 where t.token is not null',
                v_space.job_table
            );
        end if;

        if v_old.condition_plain is distinct from v_new.condition_plain then
            -- Documents whose rows no longer count are in no backfill.
            execute format(
                'insert into %1$s (%3$s, lane, position) '
                'select %4$s, 0, nextval(''steward_private.job_position_seq'') from %2$s as t '
                'on conflict do nothing',
                v_space.job_table, v_space.doc_table,
                replace(steward_private.key_list(v_new, 't'), 't.', ''),
                steward_private.key_list(v_new, 't')
            );
        end if;
    end loop;

    if (v_old.content_plain, v_old.condition_plain, v_old.chunk_size)
        is distinct from (v_new.content_plain, v_new.condition_plain, v_new.chunk_size)
    then
        v_rows := steward_private.begin_backfill(v_new, 'altered');
    end if;

    return v_rows;
end
$function$;

comment on function steward._begin_alter(regclass, text, text, name[], jsonb) is
'Part of steward.alter(): changes the registry and what is generated from it. Returns how many rows '
'will be looked at.';
