-- A part of a reconcile(): compares the next rows of a source with what is stored of them, and at
-- the end of the source what is stored with the rows. The place is kept with the spaces. Returns
-- how many were found and not known, and whether that was the end.
create or replace function steward_private.census_slice(
    source steward_private.source, max_rows bigint, queue boolean
)
returns table (amount bigint, is_done boolean)
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
as $function$
declare
    v_source steward_private.source := census_slice.source;
    v_columns text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_started_at timestamptz;
    v_spaces integer[];
    v_space steward_private.space;
    v_joins text := '';
    v_problems text := '';
    v_wrong text := 'false';
    v_missing text := '';
    v_outdated text := '';
    v_compare text;
    v_look text;
    v_look_closer text;
    v_last jsonb;
    v_keys jsonb;
    v_batches jsonb;
    v_batch jsonb;
    v_count bigint;
    v_seen bigint := 0;
    v_found_missing bigint[];
    v_found_outdated bigint[];
    v_all_missing bigint[];
    v_all_outdated bigint[];
begin
    perform steward_private.require_read_committed('reconcile()');

    -- two at once would both write down the same difference
    insert into steward_private.census as c (space_id)
    select s.space_id
    from steward_private.space as s
    where
        s.source_id = v_source.source_id and s.state <> 'retired'
        -- to run into a conflict would be to wait for who has it
        and not exists (
            select from steward_private.census as o where o.space_id = s.space_id
        )
    on conflict on constraint census_pkey do nothing;

    if exists (
        select c.space_id
        from steward_private.census as c
        inner join steward_private.space as s on s.space_id = c.space_id
        where s.source_id = v_source.source_id and s.state <> 'retired'
        except
        select l.space_id
        from (
            select c.space_id
            from steward_private.census as c
            inner join steward_private.space as s on s.space_id = c.space_id
            where s.source_id = v_source.source_id and s.state <> 'retired'
            for update of c skip locked
        ) as l
    ) then
        raise exception 'table % is being reconciled by another session', v_source.relation
            using errcode = 'object_in_use';
    end if;

    -- locks the source before what belongs to it, as everybody does
    execute format('select from steward_private.read_%s(''[]'') as r', v_source.source_id);

    -- what takes part from its beginning; without a limit it begins anew
    if census_slice.max_rows is not null then
        select
            min(c.started_at), array_agg(c.space_id order by c.space_id),
            (array_agg(c.last_key order by c.space_id))[1]
        into v_started_at, v_spaces, v_last
        from steward_private.census as c
        inner join steward_private.space as s on s.space_id = c.space_id
        where
            s.source_id = v_source.source_id and s.state <> 'retired' and c.started_at is not null;
    end if;

    if v_started_at is null then
        v_last := null;
        v_started_at := clock_timestamp();

        insert into steward_private.census as c (space_id, started_at)
        select s.space_id, v_started_at
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state <> 'retired'
        on conflict on constraint census_pkey do update
        set
            started_at = excluded.started_at,
            last_key = null,
            rows_seen = 0,
            missing_seen = 0,
            outdated_seen = 0;

        v_spaces := array(
            select s.space_id
            from steward_private.space as s
            where s.source_id = v_source.source_id and s.state <> 'retired'
            order by s.space_id
        );
    end if;

    if v_spaces = '{}' then
        return query select 0::bigint, true;
        return;
    end if;

    for v_space in
        select s.*
        from steward_private.space as s
        where s.space_id = any(v_spaces)
        order by s.space_id
    loop
        v_joins := v_joins || format(
            ' left join %1$s as d_%3$s on %4$s left join %2$s as t_%3$s on %5$s '
            'left join steward_private.claim as c_%3$s on c_%3$s.token = t_%3$s.token',
            v_space.doc_table, v_space.job_table, v_space.space_id,
            steward_private.key_match(v_source, 'd_' || v_space.space_id, 'k'),
            steward_private.key_match(v_source, 't_' || v_space.space_id, 'k')
        );
        -- What there is a job for, and what a backfill has yet to come to, is no fault. But a worker
        -- may have read the row before it changed unseen: then the job will not do.
        v_problems := v_problems || format(
            $sql$,
            case
                when t_%1$s.generation is not null
                    then case
                        when c_%1$s.generation = t_%1$s.generation and k.is_readable
                            and c_%1$s.plan ->> 'content_hash' <> encode(k.content_hash, 'hex')
                            then 'claimed'
                    end
                when d_%1$s.revision is null
                    then case
                        when not exists (
                            select from steward_private.backfill as b
                            where b.space_id = %1$s and b.state = 'running'
                        )
                            then 'missing'
                    end
                when not k.is_readable or d_%1$s.content_hash <> k.content_hash
                    or d_%1$s.retired_at is not null
                    then 'outdated'
            end as problem_%1$s
            $sql$,
            v_space.space_id
        );
        v_wrong := v_wrong || format(' or k.problem_%s is not null', v_space.space_id);
        v_missing := v_missing || format(
            '%scount(*) filter (where k.problem_%s = ''missing'')',
            case when v_missing = '' then '' else ', ' end, v_space.space_id
        );
        v_outdated := v_outdated || format(
            '%scount(*) filter (where k.problem_%s = ''outdated'')',
            case when v_outdated = '' then '' else ', ' end, v_space.space_id
        );
    end loop;

    -- In one statement: row, document, job and mark are of one moment.
    v_compare := format(
        $sql$
        judged as materialized (select %1$s%2$s from row_read as k%3$s),

        -- what waits to be folded is known
        unknown as materialized (
            select k.*
            from judged as k
            where
                (%4$s)
                and (%1$s) not in (
                    select %5$s from %6$s as t
                    union all
                    select %5$s from %7$s as t
                )
        ),

        added as (
            insert into %6$s (%8$s) select %1$s from unknown as k where $2
        )

        select count(*), array[%9$s], array[%10$s] from unknown as k
        $sql$,
        steward_private.key_list(v_source, 'k'),
        v_problems,
        v_joins,
        v_wrong,
        steward_private.key_list(v_source, 't'),
        v_source.mark_tables[1],
        v_source.mark_tables[2],
        v_columns,
        v_missing,
        v_outdated
    );
    v_look := format(
        $sql$
        with row_read as materialized (
            select
                k.*,
                sha256(convert_to(coalesce(r.content, ''), 'UTF8')) as content_hash,
                true as is_readable
            from steward_private.read_%1$s($1) as r
            cross join lateral %2$s as k
            where r.found
        ),
        $sql$,
        v_source.source_id,
        steward_private.key_record(v_source, '$1 -> (r."position" - 1)::integer')
    ) || v_compare;
    v_look_closer := format(
        $sql$
        with row_read as materialized (
            select k.*, null::bytea as content_hash, false as is_readable
            from steward_private.there_%1$s($1) as r
            cross join lateral %2$s as k
            where r.found
        ),
        $sql$,
        v_source.source_id,
        steward_private.key_record(v_source, '$1 -> 0')
    ) || v_compare;

    amount := 0;
    v_all_missing := array_fill(0::bigint, array[cardinality(v_spaces)]);
    v_all_outdated := v_all_missing;

    loop
        execute format(
            'select jsonb_agg(r.key order by r.n) '
            'from steward_private.scan_%s($1, $2) with ordinality as r (key, n)',
            v_source.source_id
        )
        into v_keys
        using v_last, least(500, census_slice.max_rows - v_seen)::integer;

        exit when v_keys is null;

        v_seen := v_seen + jsonb_array_length(v_keys);
        v_last := v_keys -> -1;
        v_batches := jsonb_build_array(v_keys);

        while v_batches <> '[]' loop
            v_batch := v_batches -> 0;
            v_batches := v_batches - 0;

            begin
                execute v_look
                into v_count, v_found_missing, v_found_outdated
                using v_batch, census_slice.queue;
            exception
                when transaction_rollback or insufficient_resources or lock_not_available then
                    raise;
                when others then
                    -- The content of a row cannot be computed. Of which one? A worker will tell why.
                    if jsonb_array_length(v_batch) > 1 then
                        v_batches := (
                            select jsonb_agg(jsonb_build_array(e.value))
                            from jsonb_array_elements(v_batch) as e
                        );
                        continue;
                    end if;

                    execute v_look_closer
                    into v_count, v_found_missing, v_found_outdated
                    using v_batch, census_slice.queue;
            end;

            amount := amount + v_count;

            if v_count > 0 and not census_slice.queue then
                v_all_missing := array(
                    select u.a + u.f
                    from unnest(v_all_missing, v_found_missing) with ordinality as u (a, f, i)
                    order by u.i
                );
                v_all_outdated := array(
                    select u.a + u.f
                    from unnest(v_all_outdated, v_found_outdated) with ordinality as u (a, f, i)
                    order by u.i
                );
            end if;
        end loop;

        exit when v_seen = census_slice.max_rows;
    end loop;

    update steward_private.census as c
    set
        last_key = v_last,
        rows_seen = c.rows_seen + v_seen,
        missing_seen = c.missing_seen + u.missing,
        outdated_seen = c.outdated_seen + u.outdated
    from unnest(v_spaces, v_all_missing, v_all_outdated) as u (space_id, missing, outdated)
    where c.space_id = u.space_id;

    is_done := v_keys is null;

    if is_done then
        for v_space in
            select s.*
            from steward_private.space as s
            where s.space_id = any(v_spaces)
            order by s.space_id
        loop
            amount := amount
                + steward_private.finish_census(v_source, v_space, census_slice.queue);
        end loop;
    end if;

    if v_source.notify and census_slice.queue and amount > 0 then
        perform pg_notify('steward', v_source.label);
    end if;

    return next;
end
$function$;
