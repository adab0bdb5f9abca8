create or replace function steward.add_model(
    model text, dimensions integer, provider text, price numeric default null
)
returns void
language plpgsql
volatile parallel unsafe
-- definer: the registry belongs to pg_steward
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if add_model.model is null or add_model.dimensions is null or add_model.provider is null then
        raise exception 'model, dimensions and provider must not be null'
            using errcode = 'null_value_not_allowed';
    end if;

    if add_model.provider in ('builtin', '') or starts_with(add_model.model, 'builtin/') then
        raise exception 'model "%" of provider "%" cannot be added',
            add_model.model, add_model.provider
            using errcode = 'invalid_parameter_value',
            detail = 'The word builtin stands for what pg_steward itself can compute.';
    end if;

    if add_model.dimensions not between 1 and 16000 then
        raise exception 'dimensions must be between 1 and 16000'
            using errcode = 'invalid_parameter_value';
    end if;

    if add_model.price < 0 or add_model.price = 'NaN' then
        raise exception 'price must not be negative'
            using errcode = 'invalid_parameter_value';
    end if;

    if add_model.model !~ '^[^@[:space:]]+@[^@[:space:]]+$' then
        raise exception 'model "%" is not of the form name@version', add_model.model
            using errcode = 'invalid_parameter_value',
            detail = 'There is one @ in it, and no space.';
    end if;

    insert into steward_private.model (model_name, dimensions, provider, price)
    values (add_model.model, add_model.dimensions, add_model.provider, add_model.price);
exception
    when unique_violation then
        raise exception 'model "%" exists already', add_model.model
            using errcode = 'duplicate_object',
            hint = 'A later version is a model of its own. Its price is changed by steward.set_price().';
end
$function$;

comment on function steward.add_model(text, integer, text, numeric) is
'Make a model known that a worker of yours embeds with. model: name@version; provider: who the '
'worker asks, a word of your choice by which steward.claim() can select; price: of a million '
'tokens, for steward.costs and budgets. For steward_admin.';
