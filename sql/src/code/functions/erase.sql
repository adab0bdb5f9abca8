create or replace function steward.erase(source regclass, key jsonb)
returns table (object text, erased bigint, remaining bigint)
language plpgsql
volatile parallel unsafe
-- definer: deletes on behalf of an admin that has no other right
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
as $function$
declare
    v_source steward_private.source := steward_private.source_of(erase.source);
    v_space steward_private.space;
    v_key jsonb;
    v_record text := steward_private.key_record(v_source, '$1');
    v_match text := steward_private.key_match(v_source, 't', 'k');
    v_same text;
    v_counts boolean;
    v_hash bytea;
    v_table regclass;
    v_error text;
    v_errors text[] := '{}'::text[];
    v_is_kept boolean;
    v_is_due boolean := false;
    v_documents bigint;
    v_accepted bigint;
    v_count bigint;
    v_claims bigint := 0;
    v_spaces integer[] := '{}'::integer[];
    -- table and number, in the order in which they are told
    v_done jsonb := '[]'::jsonb;
    v_reasons text[];
    v_item record;
begin
    perform steward_private.require_read_committed('erase()');
    perform steward_private.require_trigger_privilege(v_source, 'erase from the history');
    v_key := steward_private.key_value(v_source, erase.key);

    -- Source, row, job, document: in the order in which everybody locks them. And no fold
    -- meanwhile, which makes jobs of marks.
    execute format('select from steward_private.read_%s(''[]'') as r', v_source.source_id);
    perform from steward_private.source as s
    where s.source_id = v_source.source_id
    for no key update;

    v_counts := steward_private.lock_row(v_source, v_key);

    -- as long as the row says the same, its document is no secret
    if v_counts then
        begin
            execute format(
                'select sha256(convert_to(coalesce(r.content, ''''), ''UTF8'')) '
                'from steward_private.read_%s($1) as r where r.found',
                v_source.source_id
            )
            into v_hash
            using jsonb_build_array(v_key);
        exception
            when transaction_rollback or insufficient_resources or lock_not_available then
                raise;
            when others then
                -- its text cannot be computed: then no document is of it
                v_hash := null;
        end;
    end if;

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.job_table is not null
        order by s.space_id
        -- not while it is being dropped
        for share
    loop
        v_spaces := v_spaces || v_space.space_id;

        -- Waits for whoever has it in hand; then what they have is a claim that can be seen.
        execute format(
            'select t.last_error from %s as t, %s as k where %s for update of t',
            v_space.job_table, v_record, v_match
        )
        into v_error
        using v_key;
        v_errors := v_errors || v_error;

        execute format(
            $sql$
            with own as materialized (
                select c.token, c.key from steward_private.claim as c where c.space_id = $2
            )

            delete from steward_private.claim as c
            using own as o
            where
                c.token = o.token
                and exists (select from %1$s as t, %2$s as k where %3$s)
            $sql$,
            steward_private.key_record(v_source, 'o.key'), v_record, v_match
        )
        using v_key, v_space.space_id;
        get diagnostics v_count = row_count;
        v_claims := v_claims + v_count;

        execute format(
            'select count(*) > 0 from %s as t, %s as k '
            -- one that was accepted has a vector of an earlier text
            'where %s and t.content_hash = $2 and t.shown is null and t.retired_at is null',
            v_space.doc_table, v_record, v_match
        )
        into v_is_kept
        using v_key, v_hash;

        execute format(
            'select count(*), count(t.shown) from %s as t, %s as k '
            'where %s and t.retired_at is null',
            v_space.doc_table, v_record, v_match
        )
        into v_documents, v_accepted
        using v_key;

        foreach v_table in array array[
            v_space.job_table, v_space.revision_table, v_space.past_table, v_space.doc_table,
            v_space.chunk_table
        ] loop
            v_count := 0;

            if not v_is_kept or v_table not in (v_space.doc_table, v_space.chunk_table) then
                execute format(
                    'delete from %s as t using %s as k where %s', v_table, v_record, v_match
                )
                using v_key;
                get diagnostics v_count = row_count;
            end if;

            v_is_due := v_is_due or (
                v_table = v_space.job_table and v_count > 0 and v_space.state <> 'retired'
            );
            v_done := v_done || jsonb_build_array(jsonb_build_array(v_table::text, v_count));
        end loop;

        if not v_is_kept then
            -- the last one deleted were the chunks
            insert into steward_private.tally (space_id, documents, chunks, accepted)
            select v_space.space_id, -v_documents, -v_count, -v_accepted
            where v_documents + v_count > 0;
            v_is_due := v_is_due or v_space.state <> 'retired';
        end if;
    end loop;

    foreach v_table in array v_source.mark_tables[:2] loop
        execute format(
            'delete from %s as t using %s as k where %s', v_table, v_record, v_match
        )
        using v_key;
        get diagnostics v_count = row_count;
        v_is_due := v_is_due or v_count > 0;
        v_done := v_done || jsonb_build_array(jsonb_build_array(v_table::text, v_count));
    end loop;

    -- as a fold would do it
    execute format(
        $sql$
        with let_go as (
            delete from %1$s as t using %2$s as k where %3$s returning t.removed
        ),

        tallied as (
            insert into steward_private.tally (space_id, documents, chunks, accepted)
            select s.space_id, -sum(g.removed[i.n][2]), -sum(g.removed[i.n][3]),
                -sum(g.removed[i.n][4])
            from let_go as g
            cross join generate_subscripts(g.removed, 1) as i (n)
            inner join steward_private.space as s on s.space_id = g.removed[i.n][1]
            group by s.space_id
        )

        select count(*) from let_go
        $sql$,
        v_source.mark_tables[3], v_record, v_match
    )
    into v_count
    using v_key;
    v_done := v_done || jsonb_build_array(
        jsonb_build_array(v_source.mark_tables[3]::text, v_count)
    );

    -- Values that are equal can be written in several ways: then every key has to be looked at.
    v_same := case
        when (
            select
                bool_and(
                    k.operator = 'operator(pg_catalog.=)'
                    and k.collation_clause = ''
                    and k.type_name
                    ~ '^(smallint|integer|bigint|numeric|text|uuid|boolean|date)(\(|$)'
                )
            from unnest(
                v_source.key_operators, v_source.key_collations, v_source.key_types
            ) as k (operator, collation_clause, type_name)
        )
            then 'd.key = $1'
        else format(
            'd.key is not null and exists (select from %s as t, %s as k where %s)',
            steward_private.key_record(v_source, 'd.key'), v_record, v_match
        )
    end;

    execute format(
        $sql$
        with own as materialized (
            select d.decision_id, d.decided_at, d.reason, d.outcome
            from steward_private.decision as d
            where
                d.space_id = any($2) and (d.reason <> 'erased' or d.details is not null) and %1$s
        ),

        scrubbed as (
            update steward_private.decision as d
            set reason = 'erased', details = null
            from own as o
            where d.decision_id = o.decision_id and d.decided_at = o.decided_at
        )

        select count(*), array_agg(distinct o.reason) filter (where o.outcome = 'failed')
        from own as o
        $sql$,
        v_same
    )
    into v_count, v_reasons
    using v_key, v_spaces;
    v_errors := v_errors || v_reasons;

    -- an error may have stopped the whole space
    update steward_private.space as s
    set problem = 'erased'
    where s.problem = any(v_errors);

    insert into steward_private.decision (space_id, key, outcome, reason)
    select s.space_id, v_key, 'erased', 'erased'
    from unnest(v_spaces) as s (space_id);

    -- What is left is looked for anew, whatever was counted.
    for v_item in
        select (e.value ->> 0)::regclass as name, (e.value ->> 1)::bigint as amount
        from jsonb_array_elements(v_done) with ordinality as e (value, n)
        order by e.n
    loop
        execute format(
            'select count(*) from %s as t, %s as k where %s', v_item.name, v_record, v_match
        )
        into remaining
        using v_key;
        object := v_item.name;
        erased := v_item.amount;
        return next;
    end loop;

    object := 'steward_private.claim';
    erased := v_claims;
    execute format(
        $sql$
        with own as materialized (
            select c.key from steward_private.claim as c where c.space_id = any($2)
        )

        select count(*)
        from own as o
        where exists (select from %1$s as t, %2$s as k where %3$s)
        $sql$,
        steward_private.key_record(v_source, 'o.key'), v_record, v_match
    )
    into remaining
    using v_key, v_spaces;
    return next;

    object := 'reasons in steward_private.decision';
    erased := v_count;
    execute format(
        'select count(*) from steward_private.decision as d '
        'where d.space_id = any($2) and (d.reason <> ''erased'' or d.details is not null) and %s',
        v_same
    )
    into remaining
    using v_key, v_spaces;
    return next;

    -- What a row still needs begins anew.
    if v_counts and v_is_due then
        execute format(
            'insert into %s (%s) select %s from %s as k',
            v_source.mark_tables[1],
            replace(steward_private.key_list(v_source, 't'), 't.', ''),
            steward_private.key_list(v_source, 'k'),
            v_record
        )
        using v_key;

        if v_source.notify then
            perform pg_notify('steward', v_source.label);
        end if;
    end if;

    object := format(
        'dead versions in the files, until: vacuum %s, steward_private.claim, '
        'steward_private.decision, steward_private.space;',
        (
            select string_agg(e.value ->> 0, ', ' order by e.n)
            from jsonb_array_elements(v_done) with ordinality as e (value, n)
        )
    );
    erased := 0;
    remaining := null;
    return next;
end
$function$;

comment on function steward.erase(regclass, jsonb) is
'Remove everything that is kept of a row of a tracked table, in every space: what its document '
'and chunks were, document and chunks, job, marks and claim; reasons of its decisions become '
'erased, and a decision erased is added: they and the key stay as evidence. If the row is still '
'there and the document is of its present text, document and chunks stay; if they are of another '
'text they go, and the row is queued again. A result that a worker still has is stale. Returns '
'for each table how many were erased, and how many remain, counted anew. The last row is the '
'VACUUM statement after which the dead versions are no longer in the tables; VACUUM FULL writes '
'the files anew. The write-ahead log, backups, replicas, the server''s log and the table itself '
'are not reached. A row that had another key once has left history under that. For steward_admin '
'with the TRIGGER privilege on the table.';
