create or replace function steward.claim(
    worker text,
    batch integer default 10,
    lease interval default '5 minutes',
    source regclass default null,
    provider text default null
)
returns table (
    token bigint,
    claimed_source regclass,
    key jsonb,
    model text,
    dimensions integer,
    texts text[]
)
language plpgsql
volatile parallel unsafe
-- definer: reads sources and writes jobs on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_spaces integer[];
    v_space_id integer;
    v_lane integer;
    v_share integer;
    v_row record;
    v_taken integer;
    v_is_settled boolean := false;
    v_until timestamptz := clock_timestamp() + interval '200 milliseconds';
    v_left integer := claim.batch;
    v_space steward_private.space;
    v_source steward_private.source;
begin
    if coalesce(claim.worker, '') = '' then
        raise exception 'worker must have a name'
            using errcode = 'invalid_parameter_value';
    end if;

    if claim.batch is null or claim.batch not between 1 and 10000 then
        raise exception 'batch must be between 1 and 10000'
            using errcode = 'invalid_parameter_value';
    end if;

    perform steward_private.require_read_committed('claim()');
    perform steward_private.check_lease(claim.lease);

    if not steward_private.has_python() then
        raise exception 'claim() requires PL/Python'
            using errcode = 'feature_not_supported',
            detail = 'It is what cuts and compares texts.',
            hint = 'As a superuser, run: create extension plpython3u; select steward.enable_python();';
    end if;

    if claim.source is not null then
        v_source := steward_private.source_of(claim.source);
    end if;

    perform steward_private.note_worker(claim.worker);

    v_spaces := array(
        select s.space_id
        from steward_private.space as s
        inner join steward_private.source as o on o.source_id = s.source_id
        inner join steward_private.model as m on m.model_name = s.model_name
        where
            s.state <> 'retired'
            and o.paused_at is null
            and (s.paused_until is null or s.paused_until < clock_timestamp())
            and (v_source.source_id is null or s.source_id = v_source.source_id)
            and (
                claim.provider is null
                or m.provider = any(regexp_split_to_array(claim.provider, ' *, *'))
            )
        -- among equals, no space is always the last one
        order by o.priority desc, random()
    );

    -- All queues are brought up to date before any job is taken. A fold passes over jobs that others
    -- have taken, and over sources that they fold, so that nobody waits who has something in hand.
    v_spaces := steward_private.fold_spaces(v_spaces);

    -- Again while there are rows that need no vector: but not for long, the others are waiting.
    loop
        v_taken := 0;

        -- Edits first, with a tenth of the batch set aside for a backfill, so that neither has to
        -- wait for the end of the other.
        for v_lane, v_share in
            select p.lane, p.share
            from (
                values
                (1, 0, (v_left + (random() * 9)::integer) / 10),
                (2, 1, v_left),
                (3, 0, v_left)
            ) as p (n, lane, share)
            order by p.n
        loop
            foreach v_space_id in array v_spaces loop
                exit when least(v_left, v_share) <= 0;

                select s.* into v_space
                from steward_private.space as s
                where s.space_id = v_space_id;
                v_source := steward_private.source_of_space(v_space);

                begin
                    for v_row in
                        select p.*, m.dimensions
                        from steward_private.plan_claims(
                            v_source, v_space, claim.worker, v_lane, least(v_left, v_share),
                            clock_timestamp() + claim.lease
                        ) as p
                        cross join steward_private.model as m
                        where m.model_name = v_space.model_name
                    loop
                        v_taken := v_taken + 1;

                        if v_row.key is not null then
                            token := v_row.token;
                            claimed_source := v_source.relation;
                            key := v_row.key;
                            model := v_space.model_name;
                            dimensions := v_row.dimensions;
                            texts := v_row.texts;
                            return next;
                            v_left := v_left - 1;
                            v_share := v_share - 1;
                        end if;
                    end loop;

                    -- what kept it from being worked on is over
                    if v_space.problem is not null and v_space.setbacks = 0 then
                        update steward_private.space as s
                        set problem = null, paused_until = null
                        where
                            s.space_id = v_space_id
                            and (s.paused_until is null or s.paused_until < clock_timestamp());
                    end if;
                exception
                    -- the moment's fault, not the source's
                    when transaction_rollback or insufficient_resources or lock_not_available then
                        raise;
                    when others then
                        perform steward_private.set_aside(v_space_id, sqlerrm);
                        v_spaces := array_remove(v_spaces, v_space_id);
                end;
            end loop;
        end loop;

        exit when v_left = 0 or clock_timestamp() > v_until
            or (v_taken = 0 and (v_is_settled or v_left < claim.batch));
        v_is_settled := v_taken = 0;

        -- nothing to return, and the queue is empty: a backfill may have more
        if v_is_settled then
            v_spaces := steward_private.fold_spaces(v_spaces);
        end if;
    end loop;
end
$function$;

comment on function steward.claim(text, integer, interval, regclass, text) is
'Take up to batch dirty rows to work on, for as long as the lease lasts. Each row returned has a '
'token and the texts that need vectors; give those to steward.complete(), or say what went wrong '
'with steward.fail(). Rows that need no vector are finished at once and not returned. source and '
'provider, which can be several with commas, narrow the choice. Edits come before the rows of a '
'backfill, which get a tenth of each batch at least. Commit before calling a provider. For '
'steward_worker.';
