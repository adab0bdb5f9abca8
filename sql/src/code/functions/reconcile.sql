create or replace function steward.reconcile(source regclass)
returns bigint
language plpgsql
volatile parallel unsafe
-- definer: reads rows and writes marks on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
as $function$
declare
    v_source steward_private.source := steward_private.source_of(reconcile.source);
    v_columns text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_space steward_private.space;
    v_wrong text := 'false';
    v_leftover text := '';
    v_no_job text := 'false';
    v_mark text;
    v_last jsonb;
    v_keys jsonb;
    v_batches jsonb;
    v_batch jsonb;
    v_count bigint;
    v_total bigint := 0;
begin
    -- locks the source before what belongs to it, as everybody does
    execute format('select from steward_private.read_%s(''[]'') as r', v_source.source_id);

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state <> 'retired'
        order by s.space_id
    loop
        v_wrong := v_wrong || format(
            ' or exists (select from %s as d '
            'where %s and (d.content_hash <> k.content_hash or d.retired_at is not null))',
            v_space.doc_table, steward_private.key_match(v_source, 'd', 'k')
        );

        v_no_job := v_no_job || format(
            ' or not exists (select from %s as t where %s)',
            v_space.job_table, steward_private.key_match(v_source, 't', 'k')
        );

        -- what a backfill has yet to come to is no fault
        if not exists (
            select from steward_private.backfill as b
            where b.space_id = v_space.space_id and b.state = 'running'
        ) then
            v_wrong := v_wrong || format(
                ' or not exists (select from %s as d where %s) '
                'and not exists (select from %s as t where %s)',
                v_space.doc_table, steward_private.key_match(v_source, 'd', 'k'),
                v_space.job_table, steward_private.key_match(v_source, 't', 'k')
            );
        end if;

        -- documents without a row, and chunks of no document
        v_leftover := v_leftover || format(
            $sql$
            %7$s
            (
                select %6$s
                from (
                    select jsonb_agg(d.key) as keys
                    from (
                        select %3$s as key, (row_number() over () - 1) / 500 as batch
                        from %1$s as d
                        where d.retired_at is null
                    ) as d
                    group by d.batch
                ) as b
                cross join lateral steward_private.there_%8$s(b.keys) as r
                cross join lateral %5$s as k
                where not r.found
            )
            union
            (
                select %9$s
                from %2$s as c
                where not exists (
                    select from %1$s as d where %4$s and c.chunk_id = any(d.chunk_ids)
                )
            )
            $sql$,
            v_space.doc_table,
            v_space.chunk_table,
            steward_private.key_object(v_source, 'd'),
            steward_private.key_match(v_source, 'd', 'c'),
            steward_private.key_record(v_source, 'b.keys -> (r."position" - 1)::integer'),
            steward_private.key_list(v_source, 'k'),
            case when v_leftover = '' then '' else 'union' end,
            v_source.source_id,
            steward_private.key_list(v_source, 'c')
        );
    end loop;

    if v_leftover = '' then
        return 0;
    end if;

    v_mark := format(
        $sql$
        with row_read as materialized (
            select k.*, sha256(convert_to(coalesce(r.content, ''), 'UTF8')) as content_hash
            from steward_private.read_%2$s($1) as r
            cross join lateral %4$s as k
            where r.found
        )

        insert into %1$s (%3$s) select %5$s from row_read as k where %6$s
        $sql$,
        v_source.mark_tables[1],
        v_source.source_id,
        v_columns,
        steward_private.key_record(v_source, '$1 -> (r."position" - 1)::integer'),
        steward_private.key_list(v_source, 'k'),
        v_wrong
    );

    loop
        execute format(
            'select jsonb_agg(r.key order by r.n) '
            'from steward_private.scan_%s($1, 500) with ordinality as r (key, n)',
            v_source.source_id
        )
        into v_keys
        using v_last;

        exit when v_keys is null;

        v_last := v_keys -> -1;

        v_batches := jsonb_build_array(v_keys);

        while v_batches <> '[]' loop
            v_batch := v_batches -> 0;
            v_batches := v_batches - 0;

            begin
                execute v_mark using v_batch;
                get diagnostics v_count = row_count;
                v_total := v_total + v_count;
            exception
                when transaction_rollback or insufficient_resources or lock_not_available then
                    raise;
                when others then
                    -- The content of a row cannot be computed. Of which one? A worker will tell why.
                    if jsonb_array_length(v_batch) > 1 then
                        v_batches := (
                            select jsonb_agg(jsonb_build_array(e.value))
                            from jsonb_array_elements(v_batch) as e
                        ) || v_batches;
                    else
                        execute format(
                            'insert into %s (%s) select %s from %s as k where %s',
                            v_source.mark_tables[1],
                            v_columns,
                            steward_private.key_list(v_source, 'k'),
                            steward_private.key_record(v_source, '$1 -> 0'),
                            v_no_job
                        )
                        using v_batch;
                        get diagnostics v_count = row_count;
                        v_total := v_total + v_count;
                    end if;
            end;
        end loop;
    end loop;

    execute format('insert into %s (%s) %s', v_source.mark_tables[1], v_columns, v_leftover);
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;

    if v_source.notify and v_total > 0 then
        perform pg_notify('steward', v_source.label);
    end if;

    return v_total;
end
$function$;

comment on function steward.reconcile(regclass) is
'Compare the rows of a source with the documents made of them, and have every row that has none or '
'was changed since, and whatever is stored of rows that are gone, looked at again, as after an '
'edit. For after something was written behind the back of the triggers (session_replication_role, '
'a disabled trigger). Returns how many. Reads every row, but cuts none; steward.verify() looks '
'closer. For steward_operator.';
