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
    v_now timestamptz := clock_timestamp();
    v_left integer := claim.batch;
    v_space steward_private.space;
    v_source steward_private.source;
    v_model steward_private.model;
    v_tokens bigint[];
    v_row record;
    v_claim steward_private.claim;
    v_chunking jsonb;
begin
    if coalesce(claim.worker, '') = '' then
        raise exception 'worker must have a name'
            using errcode = 'invalid_parameter_value';
    end if;

    if claim.batch is null or claim.batch not between 1 and 10000 then
        raise exception 'batch must be between 1 and 10000'
            using errcode = 'invalid_parameter_value';
    end if;

    if claim.lease is null or claim.lease <= interval '0' then
        raise exception 'lease must be longer than nothing'
            using errcode = 'invalid_parameter_value';
    end if;

    if not steward_private.has_python() then
        raise exception 'claim() requires PL/Python'
            using errcode = 'feature_not_supported',
            detail = 'It is what cuts and compares texts.',
            hint = 'As a superuser, run: create extension plpython3u; select steward.enable_python();';
    end if;

    if claim.source is not null then
        v_source := steward_private.source_of(claim.source);
    end if;

    for v_space in
        select s.*
        from steward_private.space as s
        inner join steward_private.model as m on m.model_name = s.model_name
        where
            s.state <> 'retired'
            and (v_source.source_id is null or s.source_id = v_source.source_id)
            and (claim.provider is null or m.provider = claim.provider)
        -- no space is always the last one
        order by random()
    loop
        exit when v_left = 0;

        select s.* into strict v_source
        from steward_private.source as s
        where s.source_id = v_space.source_id;

        select m.* into strict v_model
        from steward_private.model as m
        where m.model_name = v_space.model_name;

        v_chunking := jsonb_build_object(
            'target', v_source.chunk_size,
            'minimum', v_source.chunk_size / 2,
            'maximum', v_source.chunk_size * 3 / 2
        );
        v_tokens := steward_private.take_jobs(
            v_source, v_space, claim.worker, v_left, v_now, v_now + claim.lease
        );
        v_left := v_left - cardinality(v_tokens);

        -- A statement of its own, and so a snapshot of its own: every edit whose job was taken is
        -- in it. An edit that is not raises the generation and keeps the job alive.
        for v_row in
            execute format(
                $sql$
                with claimed as materialized (
                    select c.*, row_number() over (order by c.token) as "position"
                    from steward_private.claim as c
                    where c.token = any($1)
                ),

                row_read as materialized (
                    select r.*
                    from steward_private.read_%1$s(
                        (select jsonb_agg(c.key order by c."position") from claimed as c)
                    ) as r
                )

                select c.token, c.key, r.found, r.content
                from claimed as c
                inner join row_read as r on r."position" = c."position"
                order by c."position"
                $sql$,
                v_source.source_id
            )
            using v_tokens
        loop
            -- What goes wrong with one row is that row's affair: it is charged, and told in its job.
            begin
                update steward_private.claim as c
                set plan = case
                    when v_row.found
                        then steward_private.plan_chunks(
                            coalesce(v_row.content, ''),
                            steward_private.known_chunks(v_source, v_space, v_row.key),
                            v_chunking
                        )
                    else 'null'
                end
                where c.token = v_row.token
                returning c.* into v_claim;

                texts := array(
                    select t.value
                    from jsonb_array_elements_text(v_claim.plan -> 'texts')
                        with ordinality as t (value, n)
                    order by t.n
                );

                -- nothing for a provider to do: finished here, unless somebody has the row locked
                continue when
                    texts = '{}'
                    and steward_private.finish_claim(v_source, v_space, v_claim, '{}') <> 'busy';
            exception
                when others then
                    select c.* into strict v_claim
                    from steward_private.claim as c
                    where c.token = v_row.token;

                    perform steward_private.give_back(v_claim, sqlerrm);
                    continue;
            end;

            token := v_claim.token;
            claimed_source := v_source.relation;
            key := v_claim.key;
            model := v_model.model_name;
            dimensions := v_model.dimensions;
            return next;
        end loop;
    end loop;
end
$function$;

comment on function steward.claim(text, integer, interval, regclass, text) is
'Take up to batch dirty rows to work on, for as long as the lease lasts. Each row returned has a '
'token and the texts that need vectors; give those to steward.complete(), or say what went wrong '
'with steward.fail(). Rows that need no vector are finished at once and not returned. source and '
'provider narrow the choice. Commit before calling a provider. For steward_worker.';
