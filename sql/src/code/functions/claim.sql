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
    v_tokens bigint[];
begin
    if coalesce(claim.worker, '') = '' then
        raise exception 'worker must have a name'
            using errcode = 'invalid_parameter_value';
    end if;

    if claim.batch is null or claim.batch not between 1 and 10000 then
        raise exception 'batch must be between 1 and 10000'
            using errcode = 'invalid_parameter_value';
    end if;

    if claim.lease is null or claim.lease <= interval '0' or claim.lease > interval '1 day' then
        raise exception 'lease must be longer than nothing and at most a day'
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
            and (s.paused_until is null or s.paused_until < v_now)
            and (v_source.source_id is null or s.source_id = v_source.source_id)
            and (claim.provider is null or m.provider = claim.provider)
        -- no space is always the last one
        order by random()
    loop
        exit when v_left = 0;

        -- A source that cannot be read (dropped, no longer its owner's to read ...) is no reason to
        -- stop working on the others. Nothing is taken from it; check() tells why.
        begin
            select s.* into strict v_source
            from steward_private.source as s
            where s.source_id = v_space.source_id;

            -- locks the source before its jobs, as everybody does
            execute format(
                'select from steward_private.read_%s(''[]'') as r', v_source.source_id
            );

            v_tokens := steward_private.take_jobs(
                v_source, v_space, claim.worker, v_left, v_now, v_now + claim.lease
            );
            v_left := v_left - cardinality(v_tokens);

            if v_tokens <> '{}' then
                return query
                select p.token, v_source.relation, p.key, v_space.model_name, m.dimensions, p.texts
                from steward_private.plan_claims(v_source, v_space, v_tokens) as p
                cross join steward_private.model as m
                where m.model_name = v_space.model_name;

                if v_space.problem is not null then
                    update steward_private.space as s
                    set problem = null, paused_until = null
                    where s.space_id = v_space.space_id;
                end if;
            end if;
        exception
            -- the moment's fault, not the source's
            when transaction_rollback or insufficient_resources or lock_not_available then
                raise;
            when others then
                update steward_private.space as s
                set problem = sqlerrm, paused_until = v_now + interval '1 minute'
                where s.space_id = v_space.space_id;
        end;
    end loop;
end
$function$;

comment on function steward.claim(text, integer, interval, regclass, text) is
'Take up to batch dirty rows to work on, for as long as the lease lasts. Each row returned has a '
'token and the texts that need vectors; give those to steward.complete(), or say what went wrong '
'with steward.fail(). Rows that need no vector are finished at once and not returned. source and '
'provider narrow the choice. Commit before calling a provider. For steward_worker.';
