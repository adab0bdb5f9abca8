create or replace function steward.set_price(model text, price numeric)
returns void
language plpgsql
volatile parallel unsafe
-- definer: the registry belongs to pg_steward
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if set_price.price < 0 or set_price.price = 'NaN' then
        raise exception 'price must not be negative'
            using errcode = 'invalid_parameter_value';
    end if;

    update steward_private.model as m
    set price = set_price.price
    where m.model_name = set_price.model;

    if not found then
        raise exception 'model "%" does not exist', set_price.model
            using errcode = 'undefined_object',
            hint = 'See the models with: select * from steward.models; add one with steward.add_model().';
    end if;
end
$function$;

comment on function steward.set_price(text, numeric) is
'What a million tokens of a model cost from now on; null: unknown. What has been spent stays as it '
'is. For steward_admin.';
