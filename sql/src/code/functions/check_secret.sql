-- Whether a secret can have this name, and be for this origin.
create or replace function steward_private.check_secret(secret text, origin text)
returns void
language plpgsql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if check_secret.secret !~ '^[A-Za-z0-9_.-]{1,100}$' then
        raise exception 'the name of a secret is of letters, digits, _, . and -'
            using errcode = 'invalid_parameter_value';
    end if;

    if check_secret.origin !~* '^https?://[^[:space:]@#?/]+/?$' then
        raise exception 'the origin of secret "%" is not of the form https://host',
            check_secret.secret
            using errcode = 'invalid_parameter_value',
            detail = 'It is an endpoint without its path; with a port if it is not the usual one.';
    end if;
end
$function$;
