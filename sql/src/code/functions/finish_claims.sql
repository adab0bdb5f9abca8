-- Checks vectors, stores them, and writes down what they cost.
create or replace function steward_private.finish_claims(
    space_id integer,
    dimensions integer,
    tokens bigint[],
    firsts integer[],
    vectors text[],
    tokens_used bigint
)
returns table (token bigint, outcome text)
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_sent jsonb;
    v_done record;
begin
    if not steward_private.touch_source(
        (
            select s.source_id
            from steward_private.space as s
            where s.space_id = finish_claims.space_id
        )
    ) then
        return query select t.token, 'busy' from unnest(finish_claims.tokens) as t (token);
        return;
    end if;

    if finish_claims.vectors <> '{}' then
        -- the claims are gone afterwards
        select jsonb_object_agg(c.token, jsonb_build_array(c.texts, c.characters)) into v_sent
        from steward_private.claim as c
        where c.token = any(finish_claims.tokens);
    end if;

    -- The texts are read here, and once: what goes on is a third as large, and each copy counts.
    for v_done in execute format(
        'select f.token, f.outcome from steward_private.finish_%s($1, $2, $3::%s[], $4) as f',
        finish_claims.space_id, steward_private.vector_type()
    )
    using
        finish_claims.tokens, finish_claims.firsts, finish_claims.vectors,
        finish_claims.dimensions
    loop
        token := v_done.token;
        outcome := v_done.outcome;
        -- will be handed in again, and must not be paid for twice
        if outcome = 'busy' then
            v_sent := v_sent - token::text;
        end if;
        return next;
    end loop;

    if v_sent <> '{}' then
        insert into steward_private.usage (space_id, texts, characters, tokens, cost)
        select
            s.space_id, u.texts, u.characters, u.tokens,
            coalesce(u.tokens * m.price / 1000000, 0)
        from (
            select
                sum((e.value ->> 0)::bigint) as texts,
                sum((e.value ->> 1)::bigint) as characters,
                -- four characters are about a token
                coalesce(
                    finish_claims.tokens_used, ceil(sum((e.value ->> 1)::bigint) / 4.0)
                ) as tokens
            from jsonb_each(v_sent) as e
        ) as u
        cross join steward_private.space as s
        inner join steward_private.model as m on m.model_name = s.model_name
        where s.space_id = finish_claims.space_id;

        -- the provider is there again
        update steward_private.space as s
        set
            setbacks = 0,
            problem = null,
            paused_until = null
        where
            s.space_id = finish_claims.space_id and s.setbacks > 0
            and s.paused_until is distinct from 'infinity';
    end if;
end
$function$;
