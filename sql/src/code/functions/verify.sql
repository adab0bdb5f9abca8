create or replace function steward.verify(source regclass)
returns table (key jsonb, model text, problem text, pending boolean)
language plpgsql
-- stable: rows and chunks are all seen as of one moment, so that nobody's commit looks like a fault
stable parallel unsafe
-- definer: reads what the caller may not; only keys leave
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
as $function$
declare
    v_source steward_private.source := steward_private.source_of(verify.source);
    v_space steward_private.space;
    v_compare text;
    v_backfill steward_private.backfill;
    v_unreached jsonb;
    v_is_ahead boolean;
    v_marks jsonb;
    v_last jsonb;
    v_keys jsonb;
    v_batches jsonb;
    v_batch jsonb;
    v_is_read boolean;
    v_part record;
begin
    -- locks the source before what belongs to it, as everybody does
    execute format('select from steward_private.read_%s(''[]'') as r', v_source.source_id);

    -- looked up for each problem; the tables of marks have no index
    execute format(
        'select jsonb_object_agg(m.key::text, true) from steward_private.marks_%s() as m',
        v_source.source_id
    )
    into v_marks;

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state <> 'retired'
        order by s.space_id
    loop
        -- $1 keys of rows, $2 and $3 the hashes of their texts and their plans when nothing is known,
        -- $4 and $5 where the rows begin that a backfill has yet to come to
        v_compare := format(
            $sql$
            with fresh as materialized (
                select
                    e.key,
                    e.n,
                    h.content_hash,
                    p.plan,
                    coalesce(jsonb_array_length(p.plan -> 'chunks') = 0, false) as is_empty,
                    k.*
                from jsonb_array_elements($1) with ordinality as e (key, n)
                inner join unnest($2) with ordinality as h (content_hash, n) on h.n = e.n
                inner join (
                    select u.plan::jsonb as plan, u.n
                    from unnest($3) with ordinality as u (plan, n)
                ) as p on p.n = e.n
                cross join lateral %5$s as k
            ),

            -- Whose text has changed since its vector was made: by the policy, not significantly? What
            -- was accepted because the vectors were near cannot be known without another vector.
            changed as materialized (
                select
                    f.n,
                    c.chunk as was,
                    c.prefix as old_prefix,
                    s.shown as is_now,
                    p.prefix,
                    row_number() over () as place
                from fresh as f
                inner join %1$s as d on %6$s
                cross join lateral unnest(d.chunk_ids, d.shown) with ordinality as s (chunk_id, shown, n)
                inner join %2$s as c on c.chunk_id = s.chunk_id
                left join lateral (
                    select p.prefix
                    from jsonb_to_recordset(f.plan -> 'chunks') as p (ordinal integer, prefix text)
                    where p.ordinal = s.n - 1
                ) as p on true
                where s.shown is not null and %9$L::jsonb ->> 'cosine' is null
            ),

            unaccepted as materialized (
                select c.n
                from (
                    select
                        array_agg(c.was order by c.place) as were,
                        array_agg(c.old_prefix order by c.place) as old_prefixes,
                        array_agg(c.is_now order by c.place) as are,
                        array_agg(c.prefix order by c.place) as prefixes
                    from changed as c
                    having count(*) > 0
                ) as a
                cross join lateral unnest(
                    steward_private.accepted(a.were, a.old_prefixes, a.are, a.prefixes, %9$L)
                ) with ordinality as v (is_accepted, place)
                inner join changed as c on c.place = v.place
                where not v.is_accepted
            ),

            judged as materialized (
                select
                    f.*,
                    case
                        when d.revision is null then case when not f.is_empty then 'missing' end
                        when f.is_empty and d.chunk_ids = '{}' then null
                        when d.retired_at is not null or d.content_hash <> f.content_hash then 'stale'
                        when f.plan ? 'error' then null
                        when
                            exists (
                                select
                                from jsonb_to_recordset(f.plan -> 'chunks') as p (
                                    ordinal integer, start integer, "end" integer, heading text,
                                    prefix text, chunk_hash text, vector integer
                                )
                                full join unnest(d.chunk_ids, d.starts, d.ends, d.headings, d.shown)
                                    with ordinality as s (chunk_id, start, "end", heading, shown, n)
                                    on s.n = p.ordinal + 1
                                -- all at once: to pick them one by one copies them all each time
                                left join jsonb_array_elements_text(f.plan -> 'texts')
                                    with ordinality as x (text, n)
                                    on x.n = p.vector + 1
                                left join %2$s as c on c.chunk_id = s.chunk_id and %8$s
                                where
                                    (s.start = p.start) is not true
                                    or (s."end" = p."end") is not true
                                    or s.heading is distinct from p.heading
                                    or (
                                        case
                                            when s.shown is null
                                                then coalesce(c.prefix || E'\n\n', '') || c.chunk = x.text
                                                and c.chunk_hash = decode(p.chunk_hash, 'hex')
                                            else coalesce(p.prefix || E'\n\n', '') || s.shown = x.text
                                        end
                                    ) is not true
                            )
                            then 'chunks differ'
                        when f.n in (select u.n from unaccepted as u) then 'not accepted'
                    end as problem
                from fresh as f
                left join %1$s as d on %6$s
            )

            select
                f.key,
                %4$L,
                f.problem,
                (t.generation is not null and t.failed_at is null)
                or coalesce($6 ? f.key::text, false)
                or $4
                or coalesce(f.n >= (select b.n from fresh as b where b.key = $5), false)
            from judged as f
            left join %3$s as t on %7$s
            where f.problem is not null
            order by f.n
            $sql$,
            v_space.doc_table,
            v_space.chunk_table,
            v_space.job_table,
            v_space.model_name,
            steward_private.key_record(v_source, 'e.key'),
            steward_private.key_match(v_source, 'd', 'f'),
            steward_private.key_match(v_source, 't', 'f'),
            steward_private.key_match(v_source, 'c', 'f'),
            v_source.significance
        );

        v_is_ahead := false;
        v_unreached := null;

        select b.* into v_backfill
        from steward_private.backfill as b
        where b.space_id = v_space.space_id and b.state = 'running';

        if found then
            execute format('select r.key from steward_private.scan_%s($1, 1) as r', v_source.source_id)
            into v_unreached
            using v_backfill.last_key;
        end if;

        v_last := null;

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
                v_is_read := false;

                begin
                    -- long texts a few at a time
                    for v_part in
                        execute format(
                            $sql$
                            select
                                jsonb_agg($1 -> (r."position" - 1)::integer order by r."position") as keys,
                                array_agg(r.content order by r."position") as contents,
                                array_agg(
                                    sha256(convert_to(r.content, 'UTF8')) order by r."position"
                                ) as hashes
                            from (
                                select
                                    r."position",
                                    coalesce(r.content, '') as content,
                                    sum(length(coalesce(r.content, '')))
                                        over (order by r."position") / 10000000 as part
                                from steward_private.read_%s($1) as r
                                where r.found
                            ) as r
                            group by r.part
                            order by min(r."position")
                            $sql$,
                            v_source.source_id
                        )
                        using v_batch
                    loop
                        v_is_read := true;

                        return query execute v_compare
                        using
                            v_part.keys,
                            v_part.hashes,
                            steward_private.plan_documents(
                                v_part.contents,
                                null,
                                steward_private.plan_options(v_source),
                                'infinity'
                            ),
                            v_is_ahead,
                            v_unreached,
                            v_marks;

                        v_is_ahead := v_is_ahead
                            or coalesce(v_part.keys @> jsonb_build_array(v_unreached), false);
                    end loop;
                exception
                    when transaction_rollback or insufficient_resources or lock_not_available then
                        raise;
                    when others then
                        -- The content of a row cannot be computed. Of which one?
                        if v_is_read then
                            raise;
                        elsif jsonb_array_length(v_batch) > 1 then
                            v_batches := (
                                select jsonb_agg(jsonb_build_array(e.value))
                                from jsonb_array_elements(v_batch) as e
                            );
                        else
                            key := v_batch -> 0;
                            model := v_space.model_name;
                            problem := 'unreadable';
                            pending := false;
                            return next;
                        end if;
                end;
            end loop;
        end loop;

        -- the other way round: what is stored and should not be
        return query execute format(
            $sql$
            with document as (
                select %5$s as key, (row_number() over () - 1) / 500 as batch
                from %1$s as d
                where d.retired_at is null
            ),

            batch as (select jsonb_agg(d.key) as keys from document as d group by d.batch),

            wrong as materialized (
                select b.keys -> (r."position" - 1)::integer as key, 'orphan' as problem
                from batch as b
                cross join lateral steward_private.there_%13$s(b.keys) as r
                where not r.found

                union all

                select distinct %6$s, 'stray chunk'
                from %2$s as c
                where not exists (
                    select from %1$s as d where %7$s and c.chunk_id = any(d.chunk_ids)
                )
            ),

            marked as materialized (select %9$s from %10$s as t union select %9$s from %11$s as t)

            select
                w.key,
                %4$L,
                w.problem,
                (t.generation is not null and t.failed_at is null) or m.key_1 is not null
            from wrong as w
            cross join lateral %14$s as k
            left join %3$s as t on %8$s
            left join marked as m on %12$s
            $sql$,
            v_space.doc_table,
            v_space.chunk_table,
            v_space.job_table,
            v_space.model_name,
            steward_private.key_object(v_source, 'd'),
            steward_private.key_object(v_source, 'c'),
            steward_private.key_match(v_source, 'd', 'c'),
            steward_private.key_match(v_source, 't', 'k'),
            steward_private.key_list(v_source, 't'),
            v_source.mark_tables[1],
            v_source.mark_tables[2],
            steward_private.key_match(v_source, 'm', 'k'),
            v_source.source_id,
            steward_private.key_record(v_source, 'w.key')
        );
    end loop;
end
$function$;

comment on function steward.verify(regclass) is
'Compare everything that is stored of a source with what its rows say now, by cutting every text '
'anew. No row: all is true. Otherwise for each key the problem: missing (a text without a '
'document), stale (the document is of another text), chunks differ, not accepted (a vector '
'is of an earlier text, and by the policy the change counts), orphan (a document without a '
'row), stray chunk (of no document), unreadable (the content cannot be computed). pending: it is '
'known and will be put right (there is a job, or a backfill has yet to come to the row); a problem '
'that is not pending is a fault, and steward.reconcile() has all but differing chunks looked at '
'again. Reads every row. For steward_operator.';
