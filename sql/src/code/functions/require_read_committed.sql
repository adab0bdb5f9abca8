-- An older snapshot would not show what was committed since, and that is what is decided about.
create or replace function steward_private.require_read_committed(what text)
returns void
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception '% must run in a transaction that is read committed',
            require_read_committed.what
            using errcode = 'invalid_transaction_state';
    end if;
end
$function$;
