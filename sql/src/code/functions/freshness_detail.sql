create or replace function steward.freshness_detail(source regclass)
returns table (
    key jsonb,
    model text,
    state text,
    revision integer,
    stored_hash text,
    source_hash text,
    queued_at timestamptz,
    decided_at timestamptz
)
language plpgsql
-- stable: rows and documents are all seen as of one moment
stable parallel unsafe
-- definer: reads what the caller may not; only keys and hashes leave
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
as $function$
declare
    v_source steward_private.source := steward_private.source_of(freshness_detail.source);
    v_space steward_private.space;
    v_read text;
    v_there text;
    v_compare text;
    v_orphans text;
    v_last jsonb;
    v_keys jsonb;
    v_batches jsonb;
    v_batch jsonb;
    v_pages integer;
begin
    -- locks the source before what belongs to it, as everybody does
    execute format('select from steward_private.read_%s(''[]'') as r', v_source.source_id);

    v_read := format(
        $sql$
        with row_read as materialized (
            select
                r."position" as n,
                true as is_readable,
                sha256(convert_to(coalesce(r.content, ''), 'UTF8')) as content_hash
            from steward_private.read_%1$s($1) as r
            where r.found
        ),
        $sql$,
        v_source.source_id
    );
    v_there := format(
        $sql$
        with row_read as materialized (
            select r."position" as n, false as is_readable, null::bytea as content_hash
            from steward_private.there_%1$s($1) as r
            where r.found
        ),
        $sql$,
        v_source.source_id
    );

    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state <> 'retired'
        order by s.space_id
    loop
        v_compare := format(
            $sql$
            item as materialized (
                select e.key, r.*, k.*
                from row_read as r
                inner join jsonb_array_elements($1) with ordinality as e (key, n) on e.n = r.n
                cross join lateral %4$s as k
            ),

            marked as materialized (
                select %5$s, min(t.marked_at) as marked_at
                from (select * from %6$s union all select * from %7$s) as t
                group by %5$s
            )

            select
                i.key,
                %3$L,
                case
                    when m.marked_at is not null then 'pending'
                    when t.failed_at is not null then 'failed'
                    when t.generation is not null then 'pending'
                    when d.revision is null and $2 then 'pending'
                    when not i.is_readable then 'unreadable'
                    when d.revision is null then 'missing'
                    when d.content_hash <> i.content_hash or d.retired_at is not null then 'outdated'
                    when d.shown is not null then 'accepted'
                    else 'fresh'
                end,
                d.revision,
                encode(d.content_hash, 'hex'),
                encode(i.content_hash, 'hex'),
                least(t.queued_at, m.marked_at),
                d.decided_at
            from item as i
            left join %1$s as d on %8$s
            left join %2$s as t on %9$s
            left join marked as m on %10$s
            order by i.n
            $sql$,
            v_space.doc_table,
            v_space.job_table,
            v_space.model_name,
            steward_private.key_record(v_source, 'e.key'),
            steward_private.key_list(v_source, 't'),
            v_source.mark_tables[1],
            v_source.mark_tables[2],
            steward_private.key_match(v_source, 'd', 'i'),
            steward_private.key_match(v_source, 't', 'i'),
            steward_private.key_match(v_source, 'm', 'i')
        );

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

                begin
                    return query execute v_read || v_compare
                    using
                        v_batch,
                        exists (
                            select from steward_private.backfill as b
                            where b.space_id = v_space.space_id and b.state = 'running'
                        );
                exception
                    when transaction_rollback or insufficient_resources or lock_not_available then
                        raise;
                    when others then
                        -- The content of a row cannot be computed. Of which one?
                        if jsonb_array_length(v_batch) > 1 then
                            v_batches := (
                                select jsonb_agg(jsonb_build_array(e.value))
                                from jsonb_array_elements(v_batch) as e
                            );
                        else
                            return query execute v_there || v_compare
                            using v_batch, false;
                        end if;
                end;
            end loop;
        end loop;

        -- documents whose row is gone, some pages of the table at a time
        v_orphans := format(
            $sql$
            with document as materialized (
                select d.*, %3$s as key, row_number() over () as n
                from %1$s as d
                where
                    d.ctid >= format('(%%s,0)', $1)::tid and d.ctid < format('(%%s,0)', $1 + 16)::tid
                    and d.retired_at is null
            ),

            gone as materialized (
                select r."position" as n
                from steward_private.there_%4$s(
                    (select jsonb_agg(d.key order by d.n) from document as d)
                ) as r
                where not r.found
            )

            select
                d.key, %5$L, 'orphan', d.revision, encode(d.content_hash, 'hex'), null::text,
                t.queued_at, d.decided_at
            from gone as g
            inner join document as d on d.n = g.n
            left join %2$s as t on %6$s
            order by d.n
            $sql$,
            v_space.doc_table,
            v_space.job_table,
            steward_private.key_object(v_source, 'd'),
            v_source.source_id,
            v_space.model_name,
            steward_private.key_match(v_source, 't', 'd')
        );

        v_pages := pg_relation_size(v_space.doc_table) / current_setting('block_size')::bigint;

        for v_page in 0..v_pages by 16 loop
            return query execute v_orphans using v_page;
        end loop;
    end loop;
end
$function$;

comment on function steward.freshness_detail(regclass) is
'Every row of a source, and every document whose row is gone, for each model: its state (fresh,'
' accepted, pending, missing, outdated, orphan, failed, or unreadable when its content cannot be '
'computed), the revision stored, the SHA-256 of the text that was embedded and of the text that'
' the row has now, since when it waits, and when it was last decided about. Reads every row, '
'but cuts none. For steward_operator.';
