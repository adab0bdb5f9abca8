-- That a worker has asked for work. To half a minute, so that asking in vain writes nothing; and
-- never waits for another session of the same name.
create or replace function steward_private.note_worker(name text)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    -- what fits into an index
    v_name text := left(note_worker.name, 200);
begin
    if exists (
        select from steward_private.worker as w
        where
            w.worker_name = v_name
            and w.last_seen > clock_timestamp() - interval '30 seconds'
    ) then
        return;
    end if;

    if not pg_try_advisory_xact_lock(
        hashtext('steward.claim()'), hashtext(v_name)
    ) then
        return;
    end if;

    insert into steward_private.worker as w (worker_name)
    values (v_name)
    on conflict on constraint worker_pkey do update
    set last_seen = excluded.last_seen;
end
$function$;
