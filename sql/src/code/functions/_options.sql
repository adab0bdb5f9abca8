create or replace function steward._options(source regclass)
returns jsonb
language sql
stable parallel safe
-- definer: the registry belongs to pg_steward; steward.sources shows the same
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select
        jsonb_build_object(
            'content', s.content,
            'where', s.condition,
            'chunking', s.chunking,
            'significance', s.significance,
            'on_delete', s.on_delete,
            'mode', s.mode,
            'priority', s.priority,
            'notify', s.notify,
            'daily_budget', s.daily_budget,
            'backfill_rate', s.backfill_rate,
            'keep_history', s.keep_history,
            -- as PostgreSQL has written them down
            'parsed', jsonb_build_object(
                'content_plain', s.content_plain,
                'parts', s.parts,
                'condition_plain', s.condition_plain,
                'condition_old', s.condition_old,
                'condition_new', s.condition_new,
                'text_columns', s.text_columns,
                'columns', s.content_columns,
                'key_columns', s.key_columns
            )
        )
    from steward_private.source_of(_options.source) as s;
end;

comment on function steward._options(regclass) is
'The options of a tracked table.';
