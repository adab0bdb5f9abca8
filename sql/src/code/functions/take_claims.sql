-- What claim() and claim_texts() do. cuts: whether texts are cut and compared here; otherwise what
-- is needed for it is returned, and the claims have no plan until submit_plans().
create or replace function steward_private.take_claims(
    worker text,
    batch integer,
    lease interval,
    source regclass,
    provider text,
    models text[],
    cuts boolean
)
returns table (
    token bigint,
    claimed_source regclass,
    key jsonb,
    model text,
    dimensions integer,
    texts text[],
    content text,
    known jsonb,
    options jsonb
)
language plpgsql
volatile parallel unsafe
security invoker
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
    v_left integer := take_claims.batch;
    v_space steward_private.space;
    v_source steward_private.source;
begin
    if coalesce(take_claims.worker, '') = '' then
        raise exception 'worker must have a name'
            using errcode = 'invalid_parameter_value';
    end if;

    if take_claims.batch is null or take_claims.batch not between 1 and 10000 then
        raise exception 'batch must be between 1 and 10000'
            using errcode = 'invalid_parameter_value';
    end if;

    perform steward_private.require_read_committed('claim()');
    perform steward_private.check_lease(take_claims.lease);

    if take_claims.source is not null then
        v_source := steward_private.source_of(take_claims.source);
    end if;

    perform steward_private.note_worker(take_claims.worker);

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
                take_claims.provider is null
                or m.provider = any(regexp_split_to_array(take_claims.provider, ' *, *'))
            )
            and (take_claims.models is null or m.model_name = any(take_claims.models))
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

                -- A failure may have paused it since; the fold has then seen its rows come back.
                continue when v_source.paused_at is not null
                    or v_space.paused_until > clock_timestamp();

                begin
                    for v_row in
                        select p.*, m.dimensions
                        from steward_private.plan_claims(
                            v_source, v_space, take_claims.worker, v_lane, least(v_left, v_share),
                            clock_timestamp() + take_claims.lease, take_claims.cuts
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
                            content := v_row.content;
                            known := v_row.known;
                            options := v_row.options;
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
            or (v_taken = 0 and (v_is_settled or v_left < take_claims.batch));
        v_is_settled := v_taken = 0;

        -- nothing to return, and the queue is empty: a backfill may have more
        if v_is_settled then
            v_spaces := steward_private.fold_spaces(v_spaces);
        end if;
    end loop;
end
$function$;
