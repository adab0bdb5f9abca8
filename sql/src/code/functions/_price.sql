create or replace function steward._price(model text)
returns numeric
language plpgsql
stable parallel safe
-- definer: the registry belongs to pg_steward
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_model steward_private.model;
begin
    select m.* into v_model
    from steward_private.model as m
    where m.model_name = _price.model;

    if not found then
        raise exception 'model "%" does not exist', _price.model
            using errcode = 'undefined_object',
            hint = 'See the models with: select * from steward.models; add one with steward.add_model().';
    end if;

    return v_model.price;
end
$function$;

comment on function steward._price(text) is
'What a million tokens of a model cost, if it is known.';
