-- Where writers leave word that a row has changed: two tables in turn, so that one can be emptied
-- while nobody writes to it. Without an index or a key, which would cost a writer something.
create or replace function steward_private.create_mark_tables(source steward_private.source)
returns regclass[]
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := create_mark_tables.source;
    v_tables regclass[];
    v_name name;
begin
    for v_slot in 0..1 loop
        v_name := steward_private.generated_name(
            v_source, v_source.source_id, format('mark_%s', v_slot)
        );
        execute format(
            'create table steward_data.%I (%s, marked_at timestamptz not null default clock_timestamp())',
            v_name, steward_private.key_definition(v_source)
        );
        execute format('alter table steward_data.%I enable row level security', v_name);
        execute format(
            'comment on table steward_data.%I is %L', v_name,
            format('Rows of %s that have changed since a claim last looked.', v_source.relation)
        );
        v_tables := v_tables || format('steward_data.%I', v_name)::regclass;
    end loop;

    -- Rows that were deleted: whatever a worker has of them must not be stored, not even if another
    -- row has their key by now. Looked up by key.
    v_name := steward_private.generated_name(v_source, v_source.source_id, 'gone');
    execute format(
        -- removed: for each space its number, and how many documents, chunks and accepted
        -- documents went with the row
        'create table steward_data.%I (%s, removed integer[])',
        v_name, steward_private.key_definition(v_source)
    );
    execute format(
        'create index on steward_data.%I (%s)', v_name,
        replace(steward_private.key_list(v_source, 't'), 't.', '')
    );
    execute format('alter table steward_data.%I enable row level security', v_name);
    execute format(
        'comment on table steward_data.%I is %L', v_name,
        format('Rows of %s that were deleted since a claim last looked.', v_source.relation)
    );

    return v_tables || format('steward_data.%I', v_name)::regclass;
end
$function$;
