create or replace function steward.complete(token bigint, vectors text[])
returns text
language plpgsql
volatile parallel unsafe
-- definer: writes vectors on behalf of a worker that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_claim steward_private.claim := steward_private.held_claim(complete.token);
    v_dimensions integer;
begin
    select m.dimensions into strict v_dimensions
    from steward_private.space as s
    inner join steward_private.model as m on m.model_name = s.model_name
    where s.space_id = v_claim.space_id;

    if cardinality(complete.vectors) is distinct from
        coalesce(jsonb_array_length(nullif(v_claim.plan, 'null') -> 'texts'), 0)
    then
        raise exception 'claim % needs % vectors, not %',
            complete.token,
            coalesce(jsonb_array_length(nullif(v_claim.plan, 'null') -> 'texts'), 0),
            coalesce(cardinality(complete.vectors)::text, 'null')
            using errcode = 'invalid_parameter_value',
            detail = 'There is one vector for each text of the claim, in their order.';
    end if;

    perform steward_private.check_vectors(complete.vectors, v_dimensions, 'vector');

    return steward_private.finish_claim(v_claim, complete.vectors);
end
$function$;

comment on function steward.complete(bigint, text[]) is
'Hand in the vectors of a claim, one for each of its texts, in pgvector''s text form '
'[0.1,0.2,...]. Returns what was decided (embedded, reused or retired), or busy when somebody is '
'writing to the row right now: then try again, or let the lease run out. Raises SW001 when the '
'claim is no longer held: the result is older than what is stored or being made. An edit made '
'since the claim keeps the row dirty. For steward_worker.';
