-- Keeps others from changing what is made of a source, and folds out, until this commits. Returns
-- it as it is then.
create or replace function steward_private.lock_registration(source regclass)
returns steward_private.source
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(lock_registration.source);
begin
    select s.* into v_source
    from steward_private.source as s
    where s.source_id = v_source.source_id
    for no key update;

    if not found then
        -- untracked while we waited: the error says so
        v_source := steward_private.source_of(lock_registration.source);
    end if;

    return v_source;
end
$function$;
