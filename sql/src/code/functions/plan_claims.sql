-- Takes up to so many ready jobs of a lane of a space, reads their rows, cuts and compares them,
-- and returns what needs vectors. Rows that need none are settled, and returned without a key.
-- Without cuts it returns what is needed to do that elsewhere.
create or replace function steward_private.plan_claims(
    source steward_private.source,
    space steward_private.space,
    worker text,
    lane integer,
    amount integer,
    lease_expires_at timestamptz,
    cuts boolean
)
returns table (
    token bigint, key jsonb, texts text[], content text, known jsonb, options jsonb
)
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_space_id integer := (plan_claims.space).space_id;
    v_keys jsonb;
    v_generations bigint[];
    v_places tid[];
    v_found boolean[];
    v_contents text[];
    v_knowns text[];
    v_revisions integer[];
    v_plans text[];
    v_tokens bigint[];
begin
    execute format(
        'select jsonb_agg(d.key), array_agg(d.generation), array_agg(d.place) '
        'from steward_private.due_%s($1, $2) as d',
        v_space_id
    )
    into v_keys, v_generations, v_places
    using plan_claims.lane, plan_claims.amount;

    if v_keys is null then
        return;
    end if;

    -- A statement of its own, and so a snapshot of its own: every edit whose mark was folded is in
    -- it. One that is not has a mark that comes later, and keeps the row dirty.
    begin
        execute format(
            'select array_agg(r.found order by r."position"), '
            'array_agg(case when r.found then coalesce(r.content, '''') end order by r."position") '
            'from steward_private.read_%s($1) as r',
            (plan_claims.source).source_id
        )
        into v_found, v_contents
        using v_keys;
    exception
        when transaction_rollback or insufficient_resources or lock_not_available then
            raise;
        when others then
            if jsonb_array_length(v_keys) = 1 then
                -- the content of this row cannot be computed: its own affair
                v_found := array[true];
                v_contents := array[null];
                v_plans := array[jsonb_build_object('error', sqlerrm)::text];
            end if;
    end;

    if v_found is null then
        -- one of them: find out which, taking them one by one
        for v_number in 1..jsonb_array_length(v_keys) loop
            return query
            select p.token, p.key, p.texts, p.content, p.known, p.options
            from steward_private.plan_claims(
                plan_claims.source, plan_claims.space, plan_claims.worker, plan_claims.lane, 1,
                plan_claims.lease_expires_at, plan_claims.cuts
            ) as p;
        end loop;

        return;
    end if;

    execute format(
        'select array_agg(k.known order by o.n), array_agg(k.revision order by o.n) '
        'from generate_series(1, $2) as o (n) '
        'left join steward_private.known_%s($1) as k on k."position" = o.n',
        v_space_id
    )
    into v_knowns, v_revisions
    using v_keys, cardinality(v_found);

    -- The jobs are locked until this commits. So long texts make a batch shorter: those whose plan
    -- is missing stay as they were.
    if v_plans is null and not plan_claims.cuts then
        select array_agg(jsonb_build_object('content', c.content)::text order by c.n) into v_plans
        from unnest(v_contents) with ordinality as c (content, n);
    elsif v_plans is null then
        v_plans := steward_private.plan_documents(
            v_contents, v_knowns, steward_private.plan_options(plan_claims.source), 0.2
        );
    end if;

    v_generations := v_generations[:cardinality(v_plans)];

    select array_agg(case when v_found[p.n] then p.plan end order by p.n) into v_plans
    from unnest(v_plans) with ordinality as p (plan, n);

    execute format(
        'select steward_private.claim_%s($1, $2, $3, $4, $5, $6, $7, $8)', v_space_id
    )
    into v_tokens
    using
        plan_claims.worker, plan_claims.lease_expires_at, v_keys, v_generations, v_places, v_plans,
        v_revisions[:cardinality(v_plans)], (plan_claims.source).policy_version;

    perform steward_private.settle_claims(plan_claims.space, v_tokens);

    return query
    select
        t.token,
        c.key,
        array(
            select e.value
            from jsonb_array_elements_text(c.plan -> 'texts') with ordinality as e (value, n)
            order by e.n
        ),
        c.plan ->> 'content',
        case when c.texts < 0 then coalesce(v_knowns[t.n]::jsonb, '[]') end,
        case when c.texts < 0 then steward_private.plan_options(plan_claims.source) end
    from unnest(v_tokens) with ordinality as t (token, n)
    left join steward_private.claim as c on c.token = t.token
    order by t.token;
end
$function$;
