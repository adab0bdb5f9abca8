-- Runs as the caller of steward.track(), so that PostgreSQL itself decides whether they may.
create or replace function steward._create_triggers(
    source regclass,
    content_columns name[],
    condition_old text,
    condition_new text,
    condition_columns name[]
)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source record;
    v_keys_changed text;
    v_changed text;
    v_of_columns text := '';
    v_of_keys text := '';
    v_mark text;
    v_old_key text;
    v_new_key text;
begin
    select t.* into v_source from steward._trigger_functions(_create_triggers.source) as t;
    v_mark := coalesce(v_source.sync, v_source.mark);

    -- Bytes, not collations: to a case-insensitive one 'a' and 'A' are equal, to search not. The
    -- columns of the content, not the content itself: what is computed could fail, and a writer
    -- must not.
    select
        string_agg(c.is_changed, ' or ' order by c.column_name) filter (where c.is_key),
        string_agg(c.is_changed, ' or ' order by c.column_name)
    into v_keys_changed, v_changed
    from (
        select distinct
            n.column_name,
            format(
                'old.%1$I::text collate "C" is distinct from new.%1$I::text collate "C"',
                n.column_name
            ) as is_changed,
            n.column_name = any(v_source.key_columns) as is_key
        from unnest(_create_triggers.content_columns || v_source.key_columns) as n (column_name)
    ) as c;

    if _create_triggers.condition_new is not null then
        v_changed := format(
            '((%s) is not true or %s) and (%s)',
            _create_triggers.condition_old, v_changed, _create_triggers.condition_new
        );
    end if;

    -- UPDATE OF spares the comparison (and the detoasting) when the statement does not name the
    -- columns, but does not notice what a BEFORE trigger changes.
    if not steward._has_before_update_trigger(_create_triggers.source) then
        select 'of ' || string_agg(distinct quote_ident(c.column_name), ', ')
        into v_of_columns
        from unnest(
            v_source.key_columns
            || _create_triggers.content_columns
            || _create_triggers.condition_columns
        ) as c (column_name);
        select 'of ' || string_agg(quote_ident(c.column_name), ', ')
        into v_of_keys
        from unnest(v_source.key_columns) as c (column_name);
    end if;

    -- That the key is not null holds until somebody drops the constraint. It also makes the triggers
    -- depend on the key: whoever drops it with CASCADE drops them too, instead of leaving triggers
    -- behind that fail.
    select
        string_agg(format('old.%I is not null', k.column_name), ' and '),
        string_agg(format('new.%I is not null', k.column_name), ' and ')
    into v_old_key, v_new_key
    from unnest(v_source.key_columns) as k (column_name);
    v_changed := format('(%s) and %s', v_changed, v_new_key);
    execute format(
        'create or replace trigger steward_insert after insert on %s for each row '
        'when (%s and (%s)) execute function %s',
        _create_triggers.source, v_new_key,
        coalesce(_create_triggers.condition_new, 'true'), v_mark
    );
    -- the old key before the new one
    execute format(
        'create or replace trigger steward_rekey after update %s on %s for each row when ((%s) and %s) '
        'execute function %s',
        v_of_keys, _create_triggers.source, v_keys_changed, v_old_key, v_source.gone
    );
    execute format(
        'create or replace trigger steward_update after update %s on %s for each row when (%s) '
        'execute function %s',
        v_of_columns, _create_triggers.source, v_changed, v_mark
    );
    execute format(
        'create or replace trigger steward_delete after delete on %s for each row '
        'when (%s) execute function %s',
        _create_triggers.source, v_old_key, v_source.gone
    );
    execute format(
        'create or replace trigger steward_truncate after truncate on %s for each statement '
        'execute function %s',
        _create_triggers.source, v_source.truncated
    );

    if _create_triggers.condition_new is not null then
        execute format(
            'create or replace trigger steward_leave after update %s on %s for each row '
            'when ((%s) and (%s) is not true and %s) execute function %s',
            v_of_columns, _create_triggers.source, _create_triggers.condition_old,
            _create_triggers.condition_new, v_old_key, v_source.gone
        );
    end if;
end
$function$;

comment on function steward._create_triggers(regclass, name[], text, text, name[]) is
'Second part of steward.track(): puts the triggers on the table, with the rights of the caller.';
