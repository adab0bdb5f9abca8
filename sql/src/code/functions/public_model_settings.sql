-- How a model is called, without any secret, as the Python package reads it.
create or replace function steward_private.public_model_settings(model text)
returns jsonb
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        jsonb_strip_nulls(to_jsonb(m)) - 'request'
        || jsonb_build_object(
            'name', m.model_name, 'timeout', extract(epoch from m.timeout), 'request', m.request
        )
    from steward_private.model as m
    where m.model_name = public_model_settings.model;
end;
