create or replace function steward.resume(source regclass)
returns void
language plpgsql
volatile parallel unsafe
-- definer: writes the registry on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(resume.source);
begin
    update steward_private.source as s
    set paused_at = null, pause_reason = null
    where s.source_id = v_source.source_id;

    update steward_private.space as s
    set paused_until = null, problem = null, setbacks = 0
    where s.source_id = v_source.source_id;
end
$function$;

comment on function steward.resume(regclass) is
'End every pause of a source: one by steward.pause(), and those after a failure or a spent budget. '
'For steward_operator.';
