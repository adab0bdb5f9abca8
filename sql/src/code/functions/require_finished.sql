create or replace function steward_private.require_finished()
returns trigger
language plpgsql
volatile parallel unsafe
-- definer: fires at commit, with the rights of whoever commits
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if exists (
        select from steward_private.source as s
        where s.source_id = new.source_id and not s.finished
    ) then
        raise exception 'a change of how table % is tracked was begun and not finished', new.relation
            using errcode = 'object_not_in_prerequisite_state',
            hint = 'Call steward.track() or steward.alter().';
    end if;

    return null;
end
$function$;
