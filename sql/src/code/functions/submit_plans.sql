create or replace function steward.submit_plans(tokens bigint[], plans text[])
returns table (token bigint, outcome text, texts text[], error text)
language plpgsql
volatile parallel unsafe
-- definer: writes claims on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claims record;
    v_claim record;
    v_space steward_private.space;
    v_plan jsonb;
    v_known jsonb;
    v_error text;
    v_planned bigint[];
begin
    perform steward_private.require_read_committed('submit_plans()');

    if cardinality(submit_plans.tokens) is distinct from cardinality(submit_plans.plans)
        or array_position(submit_plans.tokens, null) is not null
    then
        raise exception 'each plan needs the token of its claim'
            using errcode = 'invalid_parameter_value';
    end if;

    for v_claims in
        select c.* from steward_private.claims_of(submit_plans.tokens) as c
    loop
        if v_claims.space_id is null then
            return query
            select t.token, 'stale', null::text[], null::text
            from unnest(v_claims.tokens) as t (token);
            continue;
        end if;

        select s.* into strict v_space
        from steward_private.space as s
        where s.space_id = v_claims.space_id;
        v_planned := '{}';

        for v_claim in
            select c.token, c.key, c.revision, c.texts, c.plan ->> 'content' as content, p.plan
            from unnest(submit_plans.tokens, submit_plans.plans) as p (token, plan)
            inner join steward_private.claim as c on c.token = p.token
            where p.token = any(v_claims.tokens)
            order by c.token
        loop
            v_error := null;

            begin
                v_plan := v_claim.plan::jsonb;

                if v_claim.texts >= 0 then
                    v_error := 'the claim has its plan already';
                elsif v_plan ? 'error' then
                    -- the content cannot be cut
                    v_plan := jsonb_build_object('error', v_plan ->> 'error');
                else
                    execute format(
                        'select k.known::jsonb from steward_private.known_%s($1) as k '
                        'where k.revision is not distinct from $2',
                        v_space.space_id
                    )
                    into v_known
                    using jsonb_build_array(v_claim.key), v_claim.revision;
                    v_error := steward_private.plan_complaint(
                        v_plan, v_claim.content, coalesce(v_known, '[]')
                    );
                end if;
            exception
                when data_exception then
                    v_error := sqlerrm;
            end;

            if v_error is not null then
                return query
                select
                    g.token,
                    case g.outcome when 'pending' then 'refused' else g.outcome end,
                    null::text[],
                    v_error
                from steward_private.give_back(
                    v_space.space_id, array[v_claim.token],
                    'the plan of a worker was refused: ' || v_error, 'configuration', null
                ) as g;
                continue;
            end if;

            update steward_private.claim as c
            set
                plan = v_plan,
                texts = coalesce(jsonb_array_length(v_plan -> 'texts'), 0),
                characters = coalesce(
                    (
                        select sum(length(t.value))
                        from jsonb_array_elements_text(v_plan -> 'texts') as t
                    ),
                    0
                )
            where c.token = v_claim.token;
            v_planned := v_planned || v_claim.token;
        end loop;

        perform steward_private.settle_claims(v_space, v_planned);

        return query
        select
            t.token,
            case when c.token is null then 'settled' else 'planned' end,
            array(
                select e.value
                from jsonb_array_elements_text(c.plan -> 'texts') with ordinality as e (value, n)
                order by e.n
            ),
            null::text
        from unnest(v_planned) as t (token)
        left join steward_private.claim as c on c.token = t.token
        order by t.token;
    end loop;
end
$function$;

comment on function steward.submit_plans(bigint[], text[]) is
'Hand in what a worker has found out by cutting and comparing what steward.claim_texts() returned: '
'for each claim a plan, as the package steward_py makes them, as JSON. Returns for each claim '
'planned, with the texts whose vectors go to steward.complete(); settled (nothing needs a vector, '
'or the content could not be cut, which is charged to it); refused (the plan is not one of this '
'content: the space pauses); busy, or stale (no longer held). For steward_worker.';
