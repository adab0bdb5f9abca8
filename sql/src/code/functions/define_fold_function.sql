-- Generated for each source: what turns marks into jobs, and what shows the marks not yet turned.
create or replace function steward_private.define_fold_function(source steward_private.source)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := define_fold_function.source;
    v_keys text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_keys_t text := steward_private.key_list(v_source, 't');
    v_dirty_keys text := steward_private.key_list(v_source, 'd');
    v_space steward_private.space;
    v_states text := '';
    v_busy text := '';
    v_revoke text := '';
    v_free text := '';
    v_held text := '';
    v_body text;
begin
    for v_space in
        select s.*
        from steward_private.space as s
        where s.source_id = v_source.source_id and s.state <> 'retired'
        order by s.space_id
    loop
        -- A job that somebody has locked cannot be changed now; its marks stay for the next time.
        -- A job that is ready anyway stays as it is: whoever claims it will read the row as it is.
        -- What is written comes from the row as it was locked, not as the snapshot has it: before
        -- PostgreSQL notices that there is a newer one, it checks the constraint with the older.
        v_states := v_states || format(
            $sql$
        state_%1$s as materialized (
            select
                %4$s,
                d.marked_at,
                j.token is not null as claimed,
                j.token,
                j.lane = 1 and j.position is not null as is_ready,
                j.lane is not null as is_locked,
                j.lane is null and exists (select from %2$s as t where %3$s) as is_there
            from dirty as d
            left join lateral (
                select t.lane, t.position, t.token
                from %2$s as t
                where %3$s
                limit 1
                for update skip locked
            ) as j on true
        ),

        changed_%1$s as (
            update %2$s as t
            set
                generation = case when d.claimed then t.generation + 1 else t.generation end,
                lane = 1,
                position = case
                    when not d.claimed then nextval('steward_private.job_position_seq')
                end,
                queued_at = case
                    when t.failed_at is not null or t.lane = 0 then d.marked_at else t.queued_at
                end,
                next_queued_at = case when d.claimed then coalesce(t.next_queued_at, d.marked_at) end,
                available_at = null,
                token = d.token,
                failed_at = null,
                attempts = case when d.claimed then t.attempts else 0 end,
                setbacks = case when d.claimed then t.setbacks else 0 end
            from state_%1$s as d
            where %3$s and d.is_locked and not d.is_ready
            returning 1
        ),

        added_%1$s as (
            insert into %2$s (%5$s, position, queued_at)
            select %4$s, nextval('steward_private.job_position_seq'), d.marked_at
            from state_%1$s as d
            where not d.is_locked and not d.is_there
            returning 1
        ),
            $sql$,
            v_space.space_id, v_space.job_table,
            steward_private.key_match(v_source, 't', 'd'), v_dirty_keys, v_keys
        );
        -- What a worker has of a deleted row is worth nothing.
        v_revoke := v_revoke || format(
            $sql$
    with lost as materialized (
        select t.token as lost_token, %3$s
        from (select distinct %3$s from %2$s as t limit 5000) as d
        inner join %1$s as t on %4$s
        where t.token is not null
        for update of t skip locked
    ),

    revoked as (
        update %1$s as t
        set
            token = null,
            lane = 1,
            position = nextval('steward_private.job_position_seq'),
            attempts = 0,
            setbacks = 0
        from lost as d
        where %4$s
    )

    delete from steward_private.claim as c using lost as d where c.token = d.lost_token;
            $sql$,
            v_space.job_table, v_source.mark_tables[3], v_keys_t, steward_private.key_match(v_source, 't', 'd')
        );
        -- Somebody may be reading the row as it was, with its job in hand: not done with.
        v_free := v_free || format(
            $sql$
    free_%1$s as materialized (
        select %3$s
        from deleted as d
        inner join %2$s as t on %4$s
        where t.token is null
        for update of t skip locked
    ),
            $sql$,
            v_space.space_id, v_space.job_table, v_keys_t,
            steward_private.key_match(v_source, 't', 'd')
        );
        v_held := v_held || format(
            $sql$
            %1$s (
                select %2$s from deleted as d inner join %3$s as t on %4$s
                except
                select %5$s from free_%6$s as d
            )
            $sql$,
            case when v_held = '' then '' else 'union all' end,
            v_keys_t, v_space.job_table, steward_private.key_match(v_source, 't', 'd'),
            v_dirty_keys, v_space.space_id
        );
        v_busy := v_busy || format(
            '%s select %s from state_%s as d where not d.is_locked and d.is_there',
            case when v_busy = '' then '' else ' union all' end, v_dirty_keys, v_space.space_id
        );
    end loop;

    -- One fold of a source at a time. Its lock also guards the positions of jobs: they are given
    -- out by nobody else, so that no job turns up before a horizon that was drawn without it.
    v_body := format(
        $sql$
declare
    v_folded bigint;
    v_space_id integer;
begin
    perform from steward_private.source as s where s.source_id = %1$s for no key update skip locked;

    if not found then
        return null;
    end if;

    %9$s

    with deleted as materialized (select distinct %2$s from %10$s as t limit 5000),
    %11$s
    held as materialized (%12$s),

    let_go as (
        delete from %10$s as t
        using deleted as d
        where %13$s and (%3$s) not in (select %3$s from held as d)
        returning t.removed
    )

    insert into steward_private.tally (space_id, documents, chunks, accepted)
    select s.space_id, -sum(g.removed[i.n][2]), -sum(g.removed[i.n][3]),
        -sum(g.removed[i.n][4])
    from let_go as g
    cross join generate_subscripts(g.removed, 1) as i (n)
    inner join steward_private.space as s on s.space_id = g.removed[i.n][1]
    group by s.space_id;

    with marked as materialized (
        (select 0 as slot, t.ctid as place, %2$s, t.marked_at from %4$s as t limit 5000)
        union all
        (select 1, t.ctid, %2$s, t.marked_at from %5$s as t limit 5000)
    ),

    dirty as materialized (
        select %3$s, min(d.marked_at) as marked_at from marked as d group by %3$s
    ),
    %6$s
    busy as materialized (%7$s),

    removed_0 as (
        delete from %4$s as t
        using marked as m
        where m.slot = 0 and t.ctid = m.place and not exists (select from busy as d where %8$s)
        returning 1
    ),

    removed_1 as (
        delete from %5$s as t
        using marked as m
        where m.slot = 1 and t.ctid = m.place and not exists (select from busy as d where %8$s)
        returning 1
    )

    select (select count(*) from removed_0) + (select count(*) from removed_1) into v_folded;

    for v_space_id in
        select s.space_id
        from steward_private.space as s
        where s.source_id = %1$s and s.state <> 'retired'
        order by s.space_id
    loop
        perform steward_private.refill_queue(v_space_id);
    end loop;

    return v_folded;
end
        $sql$,
        v_source.source_id,
        steward_private.key_list(v_source, 't'),
        v_dirty_keys,
        v_source.mark_tables[1],
        v_source.mark_tables[2],
        v_states,
        v_busy,
        steward_private.key_match(v_source, 'm', 'd'),
        v_revoke,
        v_source.mark_tables[3],
        v_free,
        v_held,
        steward_private.key_match(v_source, 't', 'd')
    );
    -- The tables may be empty when the statement is planned, and long when it runs: never a plan
    -- that reads all jobs, also not along an index: only look-ups remain. Whoever stands in the way
    -- (a writer in transactional mode) is not waited for until somebody must be the victim of a
    -- deadlock.
    execute format(
        'create or replace function steward_private.fold_%s() returns bigint '
        'language plpgsql volatile parallel unsafe security invoker '
        'set search_path = pg_catalog, pg_temp set lock_timeout = ''100ms'' '
        'set enable_seqscan = off set enable_indexscan = off set enable_indexonlyscan = off as %L',
        v_source.source_id, v_body
    );

    v_body := format(
        $sql$
begin
    return query
    select %1$s, min(m.marked_at)
    from (select * from %2$s union all select * from %3$s) as m
    group by %4$s;
end
        $sql$,
        steward_private.key_object(v_source, 'm'),
        v_source.mark_tables[1],
        v_source.mark_tables[2],
        steward_private.key_list(v_source, 'm')
    );
    execute format(
        'create or replace function steward_private.marks_%s() '
        'returns table (key jsonb, marked_at timestamptz) '
        'language plpgsql stable parallel unsafe security invoker '
        'set search_path = pg_catalog, pg_temp set extra_float_digits = 3 as %L',
        v_source.source_id, v_body
    );

    execute format(
        'revoke all on function steward_private.fold_%1$s(), steward_private.marks_%1$s() '
        'from public',
        v_source.source_id
    );
end
$function$;
