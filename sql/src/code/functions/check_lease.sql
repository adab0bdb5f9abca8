create or replace function steward_private.check_lease(lease interval)
returns void
language plpgsql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if check_lease.lease is null or check_lease.lease <= interval '0'
        or check_lease.lease > interval '1 day'
    then
        raise exception 'lease must be longer than nothing and at most a day'
            using errcode = 'invalid_parameter_value';
    end if;
end
$function$;
