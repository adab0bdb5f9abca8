-- All that is needed to call a model, with its secret: for functions in PL/Python, which keep it to
-- themselves. No row when there is no such model.
create or replace function steward_private.model_settings(model text)
returns table (
    settings jsonb, allowed text, secret_value text, reference text, origin text,
    has_secret boolean
)
language sql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        steward_private.public_model_settings(m.model_name) as settings, -- noqa: RF04
        steward_private.setting_value('allowed_endpoints') as allowed,
        s.value as secret_value,
        -- What a reference leads to is read as the server. Whoever owns the table can write there
        -- whatever he likes, so that has to be somebody who may read files of the server anyway.
        case
            when (
                select
                    r.rolsuper or (
                        starts_with(s.reference, 'file:')
                        and pg_has_role(r.oid, 'pg_read_server_files', 'usage')
                    )
                from pg_class as c
                inner join pg_roles as r on r.oid = c.relowner
                where c.oid = 'steward_private.secret'::regclass
            )
                then s.reference
        end as reference,
        s.origin,
        s.secret_name is not null as has_secret
    from steward_private.model as m
    left join steward_private.secret as s on s.secret_name = m.secret
    where m.model_name = model_settings.model;
end;
