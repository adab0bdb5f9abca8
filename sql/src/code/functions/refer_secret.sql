create or replace function steward.refer_secret(secret text, reference text, origin text)
returns void
language plpgsql
volatile parallel unsafe
-- invoker, and granted to no role: what it refers to is read with the rights of the server
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if refer_secret.secret is null or refer_secret.reference is null
        or refer_secret.origin is null
    then
        raise exception 'secret, reference and origin must not be null'
            using errcode = 'null_value_not_allowed';
    end if;

    perform steward_private.check_secret(refer_secret.secret, refer_secret.origin);

    if refer_secret.reference !~ '^(file:/.+|env:[A-Za-z_][A-Za-z0-9_]*)$' then
        raise exception 'the reference of secret "%" is not possible', refer_secret.secret
            using errcode = 'invalid_parameter_value',
            detail = 'It is file: and an absolute path, or env: and the name of a variable.';
    end if;

    insert into steward_private.secret as s (secret_name, reference, origin)
    values (
        refer_secret.secret, refer_secret.reference,
        lower(regexp_replace(refer_secret.origin, '/$', ''))
    )
    on conflict on constraint secret_pkey do update
    set
        value = null,
        reference = excluded.reference,
        origin = excluded.origin,
        set_at = excluded.set_at;
end
$function$;

comment on function steward.refer_secret(text, text, text) is
'Say where the server finds a key for a provider: file:/path, with the key as its only line, or '
'env:NAME, a variable in the environment of the server. It is read each time, and never kept. '
'origin: whom it may be sent to, see steward.set_secret(). For superusers.';
