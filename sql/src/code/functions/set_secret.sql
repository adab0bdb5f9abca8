create or replace function steward.set_secret(secret text, value text, origin text)
returns void
language plpgsql
volatile parallel unsafe
-- definer: nobody else may even read the table
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    -- What is wrong is said without the value; the statement itself may be in the log all the same.
    if set_secret.secret is null or set_secret.value is null or set_secret.origin is null then
        raise exception 'secret, value and origin must not be null'
            using errcode = 'null_value_not_allowed';
    end if;

    perform steward_private.check_secret(set_secret.secret, set_secret.origin);

    if set_secret.value !~ '^[!-~]([ -~]*[!-~])?$' or length(set_secret.value) > 8192 then
        raise exception 'the value of secret "%" cannot be sent', set_secret.secret
            using errcode = 'invalid_parameter_value',
            detail = 'It is of visible ASCII characters, at most 8192, with no space at its ends.';
    end if;

    if set_secret.value ~ '^(file|env):' then
        raise exception 'the value of secret "%" is a reference', set_secret.secret
            using errcode = 'invalid_parameter_value',
            hint = 'As a superuser, run: select steward.refer_secret(secret, reference, origin);';
    end if;

    insert into steward_private.secret as s (secret_name, value, origin)
    values (
        set_secret.secret, set_secret.value,
        lower(regexp_replace(set_secret.origin, '/$', ''))
    )
    on conflict on constraint secret_pkey do update
    set
        value = excluded.value,
        reference = null,
        origin = excluded.origin,
        set_at = excluded.set_at;
end
$function$;

comment on function steward.set_secret(text, text, text) is
'Keep a key for a provider under a name that steward.add_model() can say, or replace it. origin: '
'whom it may be sent to, as https://api.openai.com; it is sent to nobody else, whatever endpoint a '
'model has. No role can read it: it goes from a private table into the request. Give the value as '
'a parameter, not in the text of the statement, which the log and '
'pg_stat_activity can show; better, have a superuser refer to a file with steward.refer_secret(). '
'It is in dumps of the database. For steward_admin.';
