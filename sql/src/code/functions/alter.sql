create or replace function steward.alter(
    source regclass,
    content text default null,
    "where" text default null,
    chunking jsonb default null,
    significance jsonb default null,
    on_delete text default null,
    mode text default null,
    priority integer default null,
    notify boolean default null,
    daily_budget numeric default null,
    backfill_rate integer default null,
    keep_history interval default null
)
returns table (option text, was text, is_now text, consequence text)
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_old jsonb := steward._options(alter.source);
    v_parsed jsonb := v_old -> 'parsed';
    v_new jsonb;
    v_given jsonb;
    v_missing name;
    v_is_dirty boolean;
    v_is_light boolean;
    v_rows bigint;
    v_on_rows text;
begin
    v_old := v_old - 'parsed';

    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'alter() must run in a transaction that is read committed'
            using errcode = 'invalid_transaction_state';
    end if;

    if not has_table_privilege(alter.source, 'trigger') then
        raise exception 'permission denied to alter the tracking of table %', alter.source
            using errcode = 'insufficient_privilege',
            hint = format(
                'Ask its owner, or run as its owner: grant trigger on %s to %I;',
                alter.source, current_user
            );
    end if;

    v_new := v_old || jsonb_strip_nulls(
        jsonb_build_object(
            'content', alter.content,
            'where', alter."where",
            'on_delete', alter.on_delete,
            'mode', alter.mode,
            'priority', alter.priority,
            'notify', alter.notify,
            'daily_budget', alter.daily_budget::text,
            'backfill_rate', alter.backfill_rate,
            'keep_history', alter.keep_history
        )
    )
    -- what stands for nothing
    || case when alter."where" ~ '^[[:space:]]*$' then '{"where": null}' else '{}' end::jsonb
    || case when alter.daily_budget = 'infinity' then '{"daily_budget": null}' else '{}' end::jsonb
    || case when alter.backfill_rate = 0 then '{"backfill_rate": null}' else '{}' end::jsonb;

    perform steward._check_options(v_new);

    if alter.chunking is not null or alter.significance is not null then
        v_new := v_new || steward._policy(
            coalesce(alter.chunking, v_new -> 'chunking'),
            coalesce(alter.significance, v_new -> 'significance')
        );
    end if;

    -- Only what the caller has written is looked into, which means computed, with their rights. What
    -- is registered already may be somebody else's.
    if alter.content is not null then
        select to_jsonb(d) into strict v_given
        from steward._describe(
            alter.source, alter.content, alter."where",
            alter."where" is not null or v_old ->> 'where' is null
        ) as d;
        v_parsed := v_parsed || jsonb_build_object(
            'content_plain', v_given -> 'content_plain', 'parts', v_given -> 'parts',
            'text_columns', v_given -> 'content_columns'
        );
    end if;

    if alter."where" is not null then
        if v_given is null then
            select to_jsonb(d) into strict v_given
            from steward._describe(
                alter.source, v_parsed -> 'text_columns' ->> 0, alter."where", false
            ) as d;
        end if;

        v_parsed := v_parsed || jsonb_build_object(
            'condition_plain', v_given -> 'condition_plain',
            'condition_old', v_given -> 'condition_old',
            'condition_new', v_given -> 'condition_new'
        );
    end if;

    if v_given is not null then
        v_parsed := v_parsed || jsonb_build_object(
            'columns', (
                select jsonb_agg(distinct c.value)
                from jsonb_array_elements(
                    v_parsed -> 'text_columns'
                    || case
                        when alter."where" is not null then v_given -> 'columns'
                        when v_old ->> 'where' is null then '[]'
                        else v_parsed -> 'columns'
                    end
                ) as c
            )
        );
    end if;

    select c.column_name into v_missing
    from jsonb_array_elements_text(v_parsed -> 'key_columns' || (v_parsed -> 'columns'))
        as c (column_name)
    where not exists (
        select from pg_attribute as a
        where
            a.attrelid = alter.source and a.attname = c.column_name
            and a.attnum > 0 and not a.attisdropped
    )
    limit 1;

    if found then
        raise exception 'there is no column "%" in table % any more', v_missing, alter.source
            using errcode = 'undefined_column',
            hint = 'Rename it back, or untrack and track the table again.';
    end if;

    -- A trigger is made anew only where it must: for that PostgreSQL locks the table.
    v_is_light := v_given is null and alter.mode is null and v_new <> v_old;

    v_is_dirty := steward._begin_alter(
        alter.source,
        v_parsed ->> 'content_plain',
        v_parsed ->> 'condition_plain',
        array(select jsonb_array_elements_text(v_parsed -> 'columns')),
        v_new || v_parsed,
        v_is_light
    );

    if v_is_light then
        v_rows := case when v_is_dirty then steward._backfill_size(alter.source) end;
    else
        if v_old ->> 'where' is not null and v_new ->> 'where' is null then
            execute format('drop trigger steward_leave on %s', alter.source);
        end if;

        -- whatever has changed: that PostgreSQL allows it is the proof that the caller may
        perform steward._create_triggers(
            alter.source,
            array(select jsonb_array_elements_text(v_parsed -> 'text_columns')),
            v_parsed ->> 'condition_old',
            v_parsed ->> 'condition_new',
            array(select jsonb_array_elements_text(v_parsed -> 'columns'))
        );
        v_rows := steward._finish_alter(alter.source, v_is_dirty);
    end if;

    v_on_rows := format('%s rows will be looked at', v_rows);

    return query
    select
        o.key,
        v_old ->> o.key,
        v_new ->> o.key,
        case
            when o.key in ('content', 'chunking') then v_on_rows
            when o.key = 'significance'
                then 'changes that were accepted will be judged again'
            when o.key = 'where' and v_new ->> 'where' is null then v_on_rows
            when o.key = 'where' then v_on_rows || '; rows that do not satisfy it are no longer found'
            when o.key = 'on_delete' then 'holds for rows that are deleted from now on'
            when o.key = 'mode' and v_new ->> 'mode' = 'transactional'
                then 'from now on writers embed; what was queued stays queued'
            when o.key = 'mode' then 'from now on changes wait for a worker'
            when o.key = 'keep_history' and (v_new ->> 'keep_history')::interval = interval '0'
                then 'nothing is kept from now on; what was kept stays until steward.prune()'
            when o.key = 'keep_history' and (v_old ->> 'keep_history')::interval = interval '0'
                then 'history is complete from now on'
            when o.key = 'keep_history'
                then 'steward.tidy() removes what is older'
            else 'holds from now on'
        end
    from jsonb_each(v_new) as o
    where o.value is distinct from v_old -> o.key
    order by o.key;
end
$function$;

-- the linter does not know that this is a list of arguments
comment on function steward.alter( -- noqa: LT01
    regclass, text, text, jsonb, jsonb, text, text, integer, boolean, numeric, integer, interval
) is
'Change options of a tracked table, as steward.track() takes them; what is not given stays; '
'chunking and significance are given whole, and what they leave out has its default. To change '
'one key: significance => (select significance || ''{"similarity": 0.9}'' from steward.sources '
'where source = ''articles''::regclass). '
'where => '''' ends a condition, daily_budget => ''infinity'' a budget, backfill_rate => 0 a '
'limit. Returns a row for each option that has changed, with what follows from it: which rows '
'will be looked at again, behind the edits; those that turn out as they were cost no vector. '
'Model and key cannot be changed. Without any option it makes triggers and functions anew, for '
'instance for a new owner of the table. For steward_admin with the TRIGGER privilege on the '
'table; its owner, to end a condition.';
