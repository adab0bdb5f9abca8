-- The functions that the triggers of a source call: mark (a row is new or changed), gone (a row is
-- no longer there under its key, or no longer counts), truncated, and sync, which stores vectors in
-- the writer's own transaction.
create or replace function steward_private.define_trigger_functions(source steward_private.source)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := define_trigger_functions.source;
    v_columns text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_new_keys text;
    v_old_keys text;
    v_old_match text;
    v_new_object text;
    v_old_object text;
    v_mark_new text;
    v_mark_old text;
    v_remove text := '';
    v_empty text := '';
    v_notify text := '';
    v_moved text := '';
    v_kept text := steward_private.key_list(define_trigger_functions.source, 't');
    v_revision text := ', revision, content_hash, chunk_ids, starts, ends, headings, shown, '
        'policy_version, valid_from, decided_at';
    v_revision_t text := ', t.revision, t.content_hash, t.chunk_ids, t.starts, t.ends, t.headings, '
        't.shown, t.policy_version, t.valid_from, t.decided_at';
    v_past text := ', chunk, prefix, chunk_hash, embedding, embedded_at';
    v_past_t text := ', t.chunk, t.prefix, t.chunk_hash, t.embedding, t.embedded_at';
    v_space steward_private.space;
begin
    select
        string_agg(format('steward_private.key_%s_%s(new)', v_source.source_id, k.n), ', ' order by k.n),
        string_agg(format('steward_private.key_%s_%s(old)', v_source.source_id, k.n), ', ' order by k.n),
        string_agg(
            format(
                't.key_%2$s %3$s steward_private.key_%1$s_%2$s(old)%4$s',
                v_source.source_id, k.n, k.operator, k.collation_clause
            ),
            ' and ' order by k.n
        ),
        format(
            'jsonb_build_object(%s)',
            string_agg(
                format('%L, steward_private.key_%s_%s(new)', k.column_name, v_source.source_id, k.n),
                ', ' order by k.n
            )
        ),
        format(
            'jsonb_build_object(%s)',
            string_agg(
                format('%L, steward_private.key_%s_%s(old)', k.column_name, v_source.source_id, k.n),
                ', ' order by k.n
            )
        )
    into v_new_keys, v_old_keys, v_old_match, v_new_object, v_old_object
    from unnest(
        v_source.key_columns, v_source.key_operators, v_source.key_collations
    ) with ordinality as k (column_name, operator, collation_clause, n);

    if v_source.notify then
        -- PostgreSQL sends equal ones of a transaction once
        v_notify := format('perform pg_notify(''steward'', %L);', v_source.label);
    end if;

    -- Nothing but an insert into a table without an index. Which of the two, the clock says: so one
    -- of them comes to rest and can be emptied. Nothing depends on it that each writer agrees.
    select
        format(m.body, v_source.mark_tables[1], v_source.mark_tables[2], v_columns, v_new_keys, v_notify),
        format(m.body, v_source.mark_tables[1], v_source.mark_tables[2], v_columns, v_old_keys, v_notify)
    into v_mark_new, v_mark_old
    from (
        values (
            $sql$
    if floor(date_part('epoch', now()) / 10)::bigint & 1 = 0 then
        insert into %1$s (%3$s) values (%4$s);
    else
        insert into %2$s (%3$s) values (%4$s);
    end if;
    %5$s
            $sql$
        )
    ) as m (body);

    perform steward_private.define_trigger_function(
        v_source, 'mark', format('begin %s return null; end', v_mark_new)
    );

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state <> 'retired'
        order by s.space_id
    loop
        v_remove := v_remove || format(
            case
                when v_source.on_delete = 'retire'
                    then $sql$
        with gone as (
            update %1$s as t set retired_at = clock_timestamp() where %3$s and t.retired_at is null
            returning t.shown
        )
        select count(*), count(t.shown), 0 into v_documents, v_accepted, v_chunks from gone as t;
        $sql$
                when v_source.keep_history = interval '0'
                    then $sql$
        with gone as (delete from %1$s as t where %3$s returning t.shown)
        select count(*), count(t.shown) into v_documents, v_accepted from gone as t;
        delete from %2$s as t where %3$s;
        get diagnostics v_chunks = row_count;
        $sql$
                else $sql$
        with gone as (delete from %1$s as t where %3$s returning t.*),
        kept as (
            insert into %5$s as t (%7$s, superseded_at)
            select %8$s, coalesce(t.retired_at, v_now) from gone as t
            returning t.shown
        )
        select count(*), count(t.shown) into v_documents, v_accepted from kept as t;
        with gone as (delete from %2$s as t where %3$s returning t.*)
        insert into %6$s (%9$s, superseded_at) select %10$s, v_now from gone as t;
        get diagnostics v_chunks = row_count;
        $sql$
            end
            || $sql$
        if v_documents + v_chunks > 0 then
            v_removed := v_removed || array[[%4$s, v_documents, v_chunks, v_accepted]];
        end if;
        $sql$,
            v_space.doc_table, v_space.chunk_table, v_old_match, v_space.space_id,
            v_space.revision_table, v_space.past_table,
            v_columns || v_revision, v_kept || v_revision_t,
            'chunk_id, ' || v_columns || v_past, 't.chunk_id, ' || v_kept || v_past_t
        );
        v_empty := v_empty || case
            when v_source.keep_history > interval '0'
                then format(
                    $sql$
    if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
        -- the snapshot may be older than what is there
        begin
            update steward_private.space as s
            set history_since = clock_timestamp()
            where s.space_id = %9$s;
        exception
            when serialization_failure then
                null;
        end;
    else
        insert into %1$s (%5$s, superseded_at)
        select %6$s, coalesce(t.retired_at, clock_timestamp()) from %3$s as t;
        insert into %2$s (%7$s, superseded_at) select %8$s, clock_timestamp() from %4$s as t;
    end if;
                    $sql$,
                    v_space.revision_table, v_space.past_table,
                    v_space.doc_table, v_space.chunk_table,
                    v_columns || v_revision, v_kept || v_revision_t,
                    'chunk_id, ' || v_columns || v_past, 't.chunk_id, ' || v_kept || v_past_t,
                    v_space.space_id
                )
            else ''
        end || format(
            $sql$
    insert into steward_private.tally (space_id, is_reset) values (%4$s, true);
    truncate %1$s, %2$s, %3$s;
    insert into steward_private.decision (space_id, outcome, reason)
    values (%4$s, 'retired', 'table truncated');
            $sql$,
            v_space.job_table, v_space.doc_table, v_space.chunk_table, v_space.space_id
        );
    end loop;

    if (select c.relkind from pg_class as c where c.oid = v_source.relation) = 'p' then
        -- A row that moves to another partition is deleted here and inserted there.
        v_moved := format(
            $sql$
    if (
        select r.found from steward_private.there_%1$s(jsonb_build_array(%2$s)) as r
    ) then
        return null;
    end if;
            $sql$,
            v_source.source_id, v_old_object
        );
    end if;

    -- At once, so that a row inserted under the same key does not show the chunks of this one. A
    -- snapshot older than a worker's commit may not let us; then the mark makes a worker do it.
    perform steward_private.define_trigger_function(
        v_source, 'gone',
        format(
            $sql$
declare
    %7$s
    v_documents integer;
    v_chunks integer;
    v_accepted integer;
    v_removed integer[];
begin
    %1$s
    if current_setting('transaction_isolation') = 'read committed' then
        %2$s
    else
        begin
            %2$s
        exception
            when serialization_failure then
                v_removed := null;
        end;
    end if;
    insert into %4$s (%5$s, removed) values (%6$s, v_removed);
    %3$s
    return null;
end
            $sql$,
            case when v_moved = '' then '' else 'if tg_op = ''DELETE'' then ' || v_moved || ' end if;' end,
            v_remove,
            v_mark_old,
            v_source.mark_tables[3],
            v_columns,
            v_old_keys,
            case
                when v_source.keep_history > interval '0' and v_source.on_delete = 'drop'
                    then 'v_now timestamptz := clock_timestamp();'
                else ''
            end
        )
    );

    perform steward_private.define_trigger_function(
        v_source, 'truncated',
        format(
            $sql$
begin
    -- rows tell by their type which table they are of, a truncated table does not
    if not exists (
        select from steward_private.source as s
        where s.source_id = %1$s and s.relation = tg_relid
    ) then
        raise exception 'trigger function is for another table'
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    truncate %2$s, %3$s, %4$s;
    %5$s
    return null;
end
            $sql$,
            v_source.source_id, v_source.mark_tables[1], v_source.mark_tables[2],
            v_source.mark_tables[3], v_empty
        )
    );

    if v_source.mode = 'transactional' then
        perform steward_private.define_trigger_function(
            v_source, 'sync',
            format(
                'begin perform steward_private.sync_row(%s, %s); return null; end',
                v_source.source_id, v_new_object
            )
        );
    end if;
end
$function$;
