create or replace function steward_private.define_trigger_function(source steward_private.source)
returns regprocedure
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := define_trigger_function.source;
    v_name name := steward_private.generated_name(v_source, v_source.source_id, 'queue');
    v_keys text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_new_keys text;
    v_old_keys text;
    v_old_match text;
    v_key_kept text;
    v_old_object text;
    v_has_float boolean;
    v_queue text := '';
    v_retire text := '';
    v_empty text := '';
    v_body text;
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
        string_agg(
            format(
                'steward_private.key_%1$s_%2$s(new) %3$s steward_private.key_%1$s_%2$s(old)%4$s',
                v_source.source_id, k.n, k.operator, k.collation_clause
            ),
            ' and ' order by k.n
        ),
        format(
            'jsonb_build_object(%s)',
            string_agg(
                format('%L, steward_private.key_%s_%s(old)', k.column_name, v_source.source_id, k.n),
                ', ' order by k.n
            )
        ),
        bool_or(k.type_name in ('real', 'double precision'))
    into v_new_keys, v_old_keys, v_old_match, v_key_kept, v_old_object, v_has_float
    from unnest(
        v_source.key_columns, v_source.key_types, v_source.key_operators, v_source.key_collations
    ) with ordinality as k (column_name, type_name, operator, collation_clause, n);

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state <> 'retired'
        order by s.space_id
    loop
        -- DO NOTHING here would lose an edit that commits while the row is claimed
        v_queue := v_queue || format(
            $sql$
    insert into %1$s as t (%2$s, priority)
    values (%3$s, 1)
    on conflict (%2$s) do update
    set
        generation = t.generation + 1,
        priority = greatest(t.priority, excluded.priority),
        available_at = case when t.failed_at is null then t.available_at else now() end,
        attempts = case when t.failed_at is null then t.attempts else 0 end,
        failed_at = null;
            $sql$,
            v_space.job_table, v_keys, v_new_keys
        );

        -- job before documents and chunks: the order in which everybody locks
        v_retire := v_retire || format(
            $sql$
    delete from %1$s as t where %4$s;
    v_known := found;
    delete from %2$s as t where %4$s returning t.revision into v_revision;
    v_known := v_known or found;
    delete from %3$s as t where %4$s;
    get diagnostics v_chunks = row_count;
    if v_known then
        insert into steward_private.decision (
            space_id, key, revision, outcome, reason, chunks_removed
        )
        values (%5$s, %6$s, v_revision, 'retired', v_reason, v_chunks);
    end if;
    -- Under a snapshot older than a worker's commit the chunks cannot be seen, so they could not
    -- be deleted: leave a job that makes a worker look again.
    if current_setting('transaction_isolation') <> 'read committed' then
        insert into %1$s (%7$s) values (%8$s) on conflict (%7$s) do nothing;
    end if;
            $sql$,
            v_space.job_table, v_space.doc_table, v_space.chunk_table, v_old_match,
            v_space.space_id, v_old_object, v_keys, v_old_keys
        );

        v_empty := v_empty || format(
            $sql$
    truncate %1$s, %2$s, %3$s;
    delete from steward_private.claim where space_id = %4$s;
    insert into steward_private.decision (space_id, outcome, reason)
    values (%4$s, 'retired', 'table truncated');
            $sql$,
            v_space.job_table, v_space.doc_table, v_space.chunk_table, v_space.space_id
        );
    end loop;

    -- The body is passed as a literal: a column called $body$ must not end it.
    v_body := format(
        $sql$
declare
    v_reason text;
    v_known boolean;
    v_revision integer;
    v_chunks integer;
begin
    if tg_op = 'TRUNCATE' then
        -- rows tell by their type which table they are of, a truncated table does not
        if not exists (
            select from steward_private.source as s
            where s.source_id = %5$s and s.relation = tg_relid
        ) then
            raise exception 'trigger function is for another table'
                using errcode = 'object_not_in_prerequisite_state';
        end if;
        %1$s
        return null;
    end if;

    if tg_op = 'DELETE' then
        v_reason := 'row deleted';
    elsif tg_op = 'UPDATE' and not (%2$s) then
        v_reason := 'key changed';
    end if;

    if v_reason is not null then
        %3$s
    end if;

    if tg_op = 'DELETE' then
        return null;
    end if;

    %4$s
    return null;
end
        $sql$,
        v_empty, v_key_kept, v_retire, v_queue, v_source.source_id
    );

    -- definer: whoever writes to the source need not have any right on the tables of pg_steward
    execute format(
        'create or replace function steward_data.%I() returns trigger '
        'language plpgsql volatile parallel unsafe security definer '
        'set search_path = pg_catalog, pg_temp as %L',
        v_name, v_body
    );
    if v_has_float then
        -- a float's text has as many digits as the session wants, and keys are compared as text
        execute format('alter function steward_data.%I() set extra_float_digits = 3', v_name);
    end if;

    execute format('revoke all on function steward_data.%I() from public', v_name);
    -- who creates the triggers, now or on a new partition
    execute format('grant execute on function steward_data.%I() to steward_admin', v_name);
    execute format(
        'grant execute on function steward_data.%I() to %I',
        v_name,
        (select pg_get_userbyid(c.relowner) from pg_class as c where c.oid = v_source.relation)
    );
    execute format(
        'comment on function steward_data.%I() is %L',
        v_name,
        format('Marks changed rows of %s as dirty.', v_source.relation)
    );

    return format('steward_data.%I()', v_name)::regprocedure;
end
$function$;
