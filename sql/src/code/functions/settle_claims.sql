-- What a claim can settle without a provider: rows that cannot be planned, that are gone, and those
-- whose every chunk has its vector.
create or replace function steward_private.settle_claims(
    space steward_private.space, tokens bigint[]
)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_space_id integer := (settle_claims.space).space_id;
    v_claim record;
    v_tokens bigint[];
begin
    for v_claim in
        select c.token, c.plan ->> 'error' as error
        from steward_private.claim as c
        where c.token = any(settle_claims.tokens) and c.plan ? 'error'
    loop
        perform from steward_private.give_back(
            v_space_id, array[v_claim.token], v_claim.error, 'item', null
        );
    end loop;

    select array_agg(c.token order by c.token) into v_tokens
    from steward_private.claim as c
    where c.token = any(settle_claims.tokens) and c.texts = 0;

    if v_tokens is null then
        return;
    end if;

    select array_agg(f.token) into v_tokens
    from steward_private.finish_claims(
        v_space_id, 0, v_tokens, array_fill(1, array[cardinality(v_tokens)]), '{}', null
    ) as f
    where f.outcome = 'busy';

    if v_tokens is not null then
        perform from steward_private.give_back(
            v_space_id, v_tokens, null, 'released', interval '5 seconds'
        );
    end if;
end
$function$;
