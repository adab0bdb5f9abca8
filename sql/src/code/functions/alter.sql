create or replace function steward.alter(
    source regclass,
    content text default null,
    "where" text default null,
    chunk_size integer default null,
    on_delete text default null,
    mode text default null,
    priority integer default null,
    notify boolean default null,
    daily_budget numeric default null,
    backfill_rate integer default null
)
returns table (option text, was text, is_now text, consequence text)
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_old jsonb := steward._options(alter.source);
    v_new jsonb;
    v_content record;
    v_is_dirty boolean;
    v_rows bigint;
    v_on_rows text;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'alter() must run in a transaction that is read committed'
            using errcode = 'invalid_transaction_state';
    end if;

    v_new := v_old || jsonb_strip_nulls(
        jsonb_build_object(
            'content', alter.content,
            'where', alter."where",
            'chunk_size', alter.chunk_size,
            'on_delete', alter.on_delete,
            'mode', alter.mode,
            'priority', alter.priority,
            'notify', alter.notify,
            'daily_budget', alter.daily_budget::text,
            'backfill_rate', alter.backfill_rate
        )
    )
    -- what stands for nothing
    || case when alter."where" ~ '^[[:space:]]*$' then '{"where": null}' else '{}' end::jsonb
    || case when alter.daily_budget = 'infinity' then '{"daily_budget": null}' else '{}' end::jsonb
    || case when alter.backfill_rate = 0 then '{"backfill_rate": null}' else '{}' end::jsonb;

    if v_new = v_old then
        return;
    end if;

    if not has_table_privilege(alter.source, 'trigger') then
        raise exception 'permission denied to alter the tracking of table %', alter.source
            using errcode = 'insufficient_privilege',
            hint = format(
                'Ask its owner, or run as its owner: grant trigger on %s to %I;',
                alter.source, current_user
            );
    end if;

    perform steward._check_options(v_new);

    select d.* into strict v_content
    from steward._describe(alter.source, v_new ->> 'content', v_new ->> 'where') as d;

    v_is_dirty := steward._begin_alter(
        alter.source, v_content.content_plain, v_content.condition_plain, v_content.columns, v_new
    );

    if v_old ->> 'where' is not null and v_new ->> 'where' is null then
        execute format('drop trigger steward_leave on %s', alter.source);
    end if;

    -- whatever has changed: that PostgreSQL allows it is the proof that the caller may
    perform steward._create_triggers(
        alter.source, v_content.content_columns, v_content.condition_old, v_content.condition_new,
        v_content.columns
    );
    v_rows := steward._finish_alter(alter.source, v_is_dirty);

    v_on_rows := format('%s rows will be looked at', v_rows);

    return query
    select
        o.key,
        v_old ->> o.key,
        v_new ->> o.key,
        case
            when o.key in ('content', 'chunk_size') then v_on_rows
            when o.key = 'where' and v_new ->> 'where' is null then v_on_rows
            when o.key = 'where' then v_on_rows || '; rows that do not satisfy it are no longer found'
            when o.key = 'on_delete' then 'holds for rows that are deleted from now on'
            when o.key = 'mode' and v_new ->> 'mode' = 'transactional'
                then 'from now on writers embed; what was queued stays queued'
            when o.key = 'mode' then 'from now on changes wait for a worker'
            else 'holds from now on'
        end
    from jsonb_each(v_new) as o
    where o.value is distinct from v_old -> o.key
    order by o.key;
end
$function$;

-- the linter does not know that this is a list of arguments
comment on function steward.alter( -- noqa: LT01
    regclass, text, text, integer, text, text, integer, boolean, numeric, integer
) is
'Change options of a tracked table, as steward.track() takes them; what is not given stays. where '
'=> '''' ends a condition, daily_budget => ''infinity'' a budget, backfill_rate => 0 a limit. '
'Returns a row for each option that has changed, with what follows from it: which rows will be '
'looked at again, behind the edits; those that turn out as they were cost no vector. Model and '
'key cannot be changed. For steward_admin with the TRIGGER privilege on the table; its owner, to '
'end a condition.';
