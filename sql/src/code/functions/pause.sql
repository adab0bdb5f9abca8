create or replace function steward.pause(source regclass, reason text default null)
returns void
language plpgsql
volatile parallel unsafe
-- definer: writes the registry on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(pause.source);
begin
    update steward_private.source as s
    set paused_at = coalesce(s.paused_at, now()), pause_reason = pause.reason
    where s.source_id = v_source.source_id;
end
$function$;

comment on function steward.pause(regclass, text) is
'Claim no more rows of a source until steward.resume(). Changes go on being noted, search goes on. '
'Claims that are under way may be completed. For steward_operator.';
