create or replace function steward_private.finish_claim(
    claim steward_private.claim, vectors text[]
)
returns text
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_outcome text;
begin
    execute format('select steward_private.finish_%s($1, $2)', (finish_claim.claim).space_id)
    into v_outcome
    using finish_claim.claim, finish_claim.vectors;

    return v_outcome;
end
$function$;
