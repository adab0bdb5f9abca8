create or replace function steward.drop_secret(secret text)
returns void
language plpgsql
volatile parallel unsafe
-- definer: nobody else may write the table
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    delete from steward_private.secret as s where s.secret_name = drop_secret.secret;

    if not found then
        raise exception 'secret "%" does not exist', drop_secret.secret
            using errcode = 'undefined_object',
            hint = 'See their names with: select * from steward.secrets;';
    end if;
end
$function$;

comment on function steward.drop_secret(text) is
'Forget a secret. Models that name it cannot be called from now on. For steward_admin.';
