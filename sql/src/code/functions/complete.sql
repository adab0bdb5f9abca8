create or replace function steward.complete(
    tokens bigint[], vectors text[], tokens_used bigint default null
)
returns table (token bigint, outcome text, error text)
language plpgsql
volatile parallel unsafe
-- definer: writes vectors on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_space record;
    v_places integer[];
    v_is_in_order boolean;
    v_item record;
    v_error text;
    v_state text;
begin
    perform steward_private.require_read_committed('complete()');

    if array_position(complete.tokens, null) is not null then
        raise exception 'a token must not be null'
            using errcode = 'null_value_not_allowed',
            detail = format('It is number %s.', array_position(complete.tokens, null));
    end if;

    if cardinality(complete.tokens) is distinct from cardinality(complete.vectors) then
        raise exception 'each vector needs the token of its claim'
            using errcode = 'invalid_parameter_value',
            detail = format(
                '%s vectors have %s tokens.',
                coalesce(cardinality(complete.vectors)::text, 'null'),
                coalesce(cardinality(complete.tokens)::text, 'null')
            ),
            hint = 'A claim with three texts has its token three times.';
    end if;

    if complete.tokens_used < 0 then
        raise exception 'tokens_used must not be negative'
            using errcode = 'invalid_parameter_value';
    end if;

    return query
    select distinct t.token, 'stale', null::text
    from unnest(complete.tokens) as t (token)
    where not exists (select from steward_private.claim as c where c.token = t.token);

    for v_space in
        with given as (
            select t.token, count(*) as vectors
            from unnest(complete.tokens) as t (token)
            group by t.token
        ),

        -- in the order of the tokens, as everybody locks them
        item as (
            select
                c.space_id, g.token, g.vectors = c.texts as fits,
                (
                    sum(g.vectors) filter (where g.vectors = c.texts)
                        over (partition by c.space_id order by g.token)
                    - g.vectors + 1
                )::integer as first
            from given as g
            inner join steward_private.claim as c on c.token = g.token
        )

        select
            i.space_id,
            m.dimensions,
            array_agg(i.token order by i.token) filter (where i.fits) as tokens,
            array_agg(i.first order by i.token) filter (where i.fits) as firsts,
            array_agg(i.token order by i.token) filter (where not i.fits) as misfits
        from item as i
        inner join steward_private.space as s on s.space_id = i.space_id
        inner join steward_private.model as m on m.model_name = s.model_name
        group by i.space_id, m.dimensions
        order by i.space_id
    loop
        if v_space.misfits is not null then
            v_error := 'a claim needs one vector for each of its texts';
            return query
            select g.token, case g.outcome when 'pending' then 'refused' else g.outcome end, v_error
            from steward_private.give_back(
                v_space.space_id, v_space.misfits, v_error, 'configuration', null
            ) as g;
        end if;

        continue when v_space.tokens is null;

        v_places := array(
            select t.n::integer
            from unnest(complete.tokens) with ordinality as t (token, n)
            where t.token = any(v_space.tokens)
            order by t.token, t.n
        );
        -- mostly they are all of one space, and in its order: megabytes that need not be copied
        v_is_in_order := v_places = array(select generate_series(1, cardinality(complete.vectors)));

        -- All at once; if something is wrong with one of them, one by one.
        begin
            return query
            select f.token, f.outcome, null::text
            from steward_private.finish_claims(
                v_space.space_id,
                v_space.dimensions,
                v_space.tokens,
                v_space.firsts,
                case
                    when v_is_in_order then complete.vectors
                    else array(
                        select complete.vectors[p.place]
                        from unnest(v_places) with ordinality as p (place, n)
                        order by p.n
                    )
                end,
                -- each space pays for its vectors
                complete.tokens_used * cardinality(v_places) / cardinality(complete.vectors)
            ) as f;
            continue;
        exception
            -- the moment's fault
            when transaction_rollback or insufficient_resources or lock_not_available then
                raise;
            when others then
                null;
        end;

        for v_item in
            select t.token, array_agg(t.vector order by t.n) as vectors
            from unnest(complete.tokens, complete.vectors) with ordinality as t (token, vector, n)
            where t.token = any(v_space.tokens)
            group by t.token
            order by t.token
        loop
            begin
                return query
                select f.token, f.outcome, null::text
                from steward_private.finish_claims(
                    v_space.space_id, v_space.dimensions, array[v_item.token], array[1],
                    v_item.vectors, null
                ) as f;
                continue;
            exception
                when transaction_rollback or insufficient_resources or lock_not_available then
                    raise;
                when sqlstate 'SW002' then
                    v_error := sqlerrm;
                    v_state := 'configuration';
                when others then
                    v_error := sqlerrm;
                    v_state := 'item';
            end;

            return query
            select
                g.token,
                case
                    when g.outcome = 'pending' and v_state = 'configuration' then 'refused'
                    when g.outcome = 'pending' then 'failed'
                    else g.outcome
                end,
                v_error
            from steward_private.give_back(
                v_space.space_id, array[v_item.token], v_error, v_state, null
            ) as g;
        end loop;
    end loop;
end
$function$;

comment on function steward.complete(bigint[], text[], bigint) is
'Hand in vectors, in pgvector''s text form [0.1,0.2,...]. tokens: for each vector the token of '
'its claim, so a claim with three texts has its token three times, and its vectors in the order '
'of its texts. tokens_used: what the provider counted, for the bill; otherwise it is estimated. '
'Returns for each claim what came of it: embedded, reused, retired; superseded (the document was '
'changed in another way: it will be claimed again); busy (somebody is writing to the row right '
'now: try again, or release it); stale (no longer held: drop the result); failed (a vector of it '
'is not valid: charged, and tried again); refused (the vectors are not those of the model: the '
'space pauses). One bad item does not keep the others from being stored. An edit made since the '
'claim keeps the row dirty. For steward_worker.';

create or replace function steward.complete(token bigint, vectors text[])
returns text
language plpgsql
volatile parallel unsafe
-- definer: writes vectors on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claim steward_private.claim;
    v_dimensions integer;
    v_outcome text;
begin
    perform steward_private.require_read_committed('complete()');

    select c.* into v_claim
    from steward_private.claim as c
    where c.token = complete.token;

    if not found then
        perform steward._refuse_claim(complete.token);
    end if;

    select m.dimensions into strict v_dimensions
    from steward_private.space as s
    inner join steward_private.model as m on m.model_name = s.model_name
    where s.space_id = v_claim.space_id;

    if cardinality(complete.vectors) is distinct from v_claim.texts then
        raise exception 'claim % needs % vectors, not %',
            complete.token, v_claim.texts, coalesce(cardinality(complete.vectors)::text, 'null')
            using errcode = 'SW002',
            detail = 'There is one vector for each text of the claim, in their order.';
    end if;

    select f.outcome into v_outcome
    from steward_private.finish_claims(
        v_claim.space_id, v_dimensions, array[complete.token], array[1], complete.vectors, null
    ) as f;

    if coalesce(v_outcome, 'stale') = 'stale' then
        perform steward._refuse_claim(complete.token);
    end if;

    return v_outcome;
end
$function$;

comment on function steward.complete(bigint, text[]) is
'The same for one claim. Returns embedded, reused, retired, superseded or busy. Raises SW001 when '
'the claim is no longer held, SW002 when the vectors are not those of the model, and another error '
'when one of them is not a vector; then nothing has changed, and steward.fail() says so. For '
'steward_worker.';
