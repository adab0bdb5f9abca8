create or replace function steward.add_model(
    model text,
    dimensions integer,
    provider text,
    price numeric default null,
    endpoint text default null,
    secret text default null,
    remote_name text default null,
    metric text default 'cosine',
    storage text default 'vector',
    document_prefix text default '',
    query_prefix text default '',
    input_tokens integer default null,
    on_too_long text default 'fail',
    batch_inputs integer default null,
    batch_tokens integer default null,
    requests_per_minute integer default null,
    tokens_per_minute integer default null,
    timeout interval default '1 minute',
    send_dimensions boolean default false,
    encoding text default 'float',
    normalise boolean default false,
    secret_header text default null,
    request jsonb default null,
    answer text default null
)
returns void
language plpgsql
volatile parallel unsafe
-- definer: the registry belongs to pg_steward
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_complaint text;
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

    v_complaint := case
        when add_model.provider ~ ',' then 'provider has no comma in it'
        when add_model.metric not in ('cosine', 'l2', 'inner_product')
            then 'metric is cosine, l2 or inner_product'
        when add_model.storage not in ('vector', 'halfvec', 'bit')
            then 'storage is vector, halfvec or bit'
        when add_model.on_too_long not in ('fail', 'truncate')
            then 'on_too_long is fail or truncate'
        when add_model.encoding not in ('float', 'base64') then 'encoding is float or base64'
        when least(
            add_model.input_tokens, add_model.batch_inputs, add_model.batch_tokens,
            add_model.requests_per_minute, add_model.tokens_per_minute
        ) < 1 then 'a limit is at least 1'
        when add_model.timeout not between interval '0.1 seconds' and interval '1 hour'
            then 'timeout is from 0.1 seconds to an hour'
        when add_model.endpoint !~* '^https?://[^[:space:]@#?/]+([/?][^[:space:]#]*)?$'
            then 'endpoint is of the form https://host/path, with no user, password or # in it'
        when add_model.provider = 'http' and add_model.endpoint is null
            then 'provider http needs an endpoint'
        when add_model.provider = 'http' and (
            add_model.answer is null
            or add_model.request is null
            or add_model.request::text !~ '[{][{]texts?[}][}]'
        )
            then 'provider http needs a request with {{texts}} or {{text}} in it, and an answer'
        when add_model.secret_header !~ '^[A-Za-z0-9-]+:.*[{]secret[}]'
            then 'secret_header is of the form Name: value with {secret} in it'
        when add_model.secret !~ '^[A-Za-z0-9_.-]+$'
            then 'secret is the name of a secret, of letters, digits, _, . and -'
    end;

    if v_complaint is not null then
        raise exception 'model "%" cannot be added', add_model.model
            using errcode = 'invalid_parameter_value',
            detail = upper(left(v_complaint, 1)) || substr(v_complaint, 2) || '.';
    end if;

    insert into steward_private.model (
        model_name, dimensions, provider, price, endpoint, secret, remote_name, metric, storage,
        document_prefix, query_prefix, input_tokens, on_too_long, batch_inputs, batch_tokens,
        requests_per_minute, tokens_per_minute, timeout, send_dimensions, encoding, normalise,
        secret_header, request, answer
    )
    values (
        add_model.model, add_model.dimensions, add_model.provider, add_model.price,
        add_model.endpoint, add_model.secret, add_model.remote_name, add_model.metric,
        add_model.storage, add_model.document_prefix, add_model.query_prefix,
        add_model.input_tokens, add_model.on_too_long, add_model.batch_inputs,
        add_model.batch_tokens, add_model.requests_per_minute, add_model.tokens_per_minute,
        add_model.timeout, add_model.send_dimensions, add_model.encoding, add_model.normalise,
        add_model.secret_header, add_model.request, add_model.answer
    );
exception
    when unique_violation then
        raise exception 'model "%" exists already', add_model.model
            using errcode = 'duplicate_object',
            hint = 'A later version is a model of its own. Its price is changed by steward.set_price().';
    when not_null_violation then
        raise exception 'model "%" cannot be added', add_model.model
            using errcode = 'null_value_not_allowed',
            detail = 'An argument that has a default other than null must not be null.';
end
$function$;

comment on function steward.add_model(
    text, integer, text, numeric, text, text, text, text, text, text, text, integer, text, integer,
    integer, integer, integer, interval, boolean, text, boolean, text, jsonb, text
) is
'Make a model known. model: name@version. provider: openai (the protocol /v1/embeddings, which '
'OpenAI, Azure, Ollama, vLLM, TEI, LiteLLM, infinity and llama.cpp speak), ollama (/api/embed) or '
'http (anything else: request is what is sent, with {{texts}} or {{text}}, {{model}}, '
'{{dimensions}} and {{input_type}} in it; answer the path to the vectors, as data[*].embedding): '
'those the database calls itself. Any other word: a worker of yours makes the vectors, and selects '
'them by it in steward.claim(). endpoint: where it is, https://api.openai.com/v1 and '
'http://localhost:11434 by default; which ones may be called says the setting allowed_endpoints. '
'secret: the name of one, see steward.set_secret(); secret_header: how it is sent, by default '
'Authorization: Bearer {secret}. remote_name: what the provider calls the model, by default the '
'part before the @. price: of a million tokens, for steward.costs and budgets. document_prefix, '
'query_prefix: put before the texts. input_tokens: the most that a text may have; on_too_long: '
'fail, or truncate. batch_inputs, batch_tokens: the most of a request. requests_per_minute, '
'tokens_per_minute: kept to by every worker. timeout: of a request. send_dimensions: ask for the '
'number of dimensions. encoding: float, or base64, which is shorter. normalise: scale vectors to '
'length 1. steward.test_model() tries it out. For steward_admin.';
