-- Runs as the caller of steward.track(), so that PostgreSQL itself decides whether they may.
create or replace function steward._create_triggers(
    source regclass, content name, key_columns name[], trigger_function regprocedure
)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_columns text := (
        select string_agg(distinct quote_ident(c.column_name), ', ')
        from unnest(_create_triggers.key_columns || _create_triggers.content) as c (column_name)
    );
    v_changed text := (
        -- bytes, not collations: to a case-insensitive one 'a' and 'A' are equal, to search not
        select
            string_agg(
                format(
                    'old.%1$I::text collate "C" is distinct from new.%1$I::text collate "C"',
                    c.column_name
                ),
                ' or '
            )
        from unnest(_create_triggers.key_columns || _create_triggers.content) as c (column_name)
    );
begin
    -- These conditions always hold. They make the triggers depend on the key: whoever drops it with
    -- CASCADE drops them too, instead of leaving triggers behind that fail.
    execute format(
        'create trigger steward_insert after insert on %s for each row '
        'when (new.%I is not null) execute function %s',
        _create_triggers.source, _create_triggers.key_columns[1], _create_triggers.trigger_function
    );

    -- UPDATE OF spares the comparison (and the detoasting) when the statement does not name the
    -- columns, but does not notice what a BEFORE trigger changes.
    execute format(
        'create trigger steward_update after update %s on %s for each row when (%s) execute function %s',
        case
            when steward._has_before_update_trigger(_create_triggers.source) then ''
            else 'of ' || v_columns
        end,
        _create_triggers.source,
        v_changed,
        _create_triggers.trigger_function
    );

    execute format(
        'create trigger steward_delete after delete on %s for each row '
        'when (old.%I is not null) execute function %s',
        _create_triggers.source, _create_triggers.key_columns[1], _create_triggers.trigger_function
    );
    execute format(
        'create trigger steward_truncate after truncate on %s for each statement execute function %s',
        _create_triggers.source, _create_triggers.trigger_function
    );
end
$function$;

comment on function steward._create_triggers(regclass, name, name[], regprocedure) is
'Second part of steward.track(): puts the triggers on the table, with the rights of the caller.';
