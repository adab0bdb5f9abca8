create or replace function steward._model_settings(model text)
returns jsonb
language plpgsql
stable parallel unsafe
-- definer: the registry belongs to pg_steward; there is no secret in it, only the name of one
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_settings jsonb := steward_private.public_model_settings(_model_settings.model);
begin
    if v_settings is null then
        raise exception 'model "%" does not exist', _model_settings.model
            using errcode = 'undefined_object',
            hint = 'See the models with: select * from steward.models; add one with steward.add_model().';
    end if;

    return v_settings
        || jsonb_build_object('allowed', steward_private.setting_value('allowed_endpoints'));
end
$function$;

comment on function steward._model_settings(text) is
'How a worker calls a model: what was given to steward.add_model(), and as allowed which endpoints '
'may be called. No secret is in it, only the name of one.';
