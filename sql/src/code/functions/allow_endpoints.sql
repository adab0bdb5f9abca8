create or replace function steward.allow_endpoints(allowed text)
returns void
language plpgsql
volatile parallel unsafe
-- invoker, and granted to no role: it limits what a steward_admin may make the server call
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_word text;
begin
    if allow_endpoints.allowed is null then
        delete from steward_private.setting as s where s.setting_name = 'allowed_endpoints';
        return;
    end if;

    foreach v_word in array regexp_split_to_array(btrim(allow_endpoints.allowed), '[ ,]+') loop
        if v_word !~ '^(([*][.])?[A-Za-z0-9_.-]+(:[0-9]{1,5})?|[0-9a-fA-F.:]+/[0-9]{1,3})$'
            and v_word !~ '^[[][0-9a-fA-F:]+[]](:[0-9]{1,5})?$'
            and v_word <> ''
        then
            raise exception '"%" cannot be allowed as an endpoint', v_word
                using errcode = 'invalid_parameter_value',
                hint = 'Give public, loopback, private, a host, *.domain, an address or a network, '
                    'separated by commas.';
        end if;
    end loop;

    insert into steward_private.setting as s (setting_name, value)
    values ('allowed_endpoints', allow_endpoints.allowed)
    on conflict on constraint setting_pkey do update
    set value = excluded.value, set_at = excluded.set_at;
end
$function$;

comment on function steward.allow_endpoints(text) is
'Say which addresses models may be called at, separated by commas: public (the internet, by https '
'only), loopback (this machine), private (networks of your own), a host, *.domain, an address or a '
'network, these with a port if you like. null: back to public, loopback. Link-local addresses and '
'those at which clouds hand out credentials are never called. For superusers.';
