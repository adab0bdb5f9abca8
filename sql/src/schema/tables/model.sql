create table steward_private.model (
    model_name text not null,
    dimensions integer not null,
    added_at timestamptz not null default now(),
    -- who makes the vectors: 'builtin' is the database itself, anything else a worker's business
    provider text not null,
    -- of a million tokens, in the currency of your bills; what a budget is counted in
    price numeric,
    -- how near vectors are to each other, and as what they are stored
    metric text not null default 'cosine',
    storage text not null default 'vector', -- noqa: RF04
    -- where it is called, with which secret in which header, and by which name; null: the usual
    endpoint text,
    secret text,
    secret_header text,
    remote_name text,
    document_prefix text not null default '',
    query_prefix text not null default '',
    -- the most that a text and a request may have; null: what is usual
    input_tokens integer,
    on_too_long text not null default 'fail',
    batch_inputs integer,
    batch_tokens integer,
    requests_per_minute integer,
    tokens_per_minute integer,
    timeout interval not null default '1 minute', -- noqa: RF04
    send_dimensions boolean not null default false,
    encoding text not null default 'float', -- noqa: RF04
    normalise boolean not null default false,
    -- of provider http
    request jsonb,
    answer text,

    constraint model_pkey primary key (model_name),

    -- a name says which version it is, or a later version would silently mix its vectors with these
    constraint model_name_check check (model_name ~ '^[^@[:space:]]+@[^@[:space:]]+$'),

    -- pgvector's type stops here
    constraint model_dimensions_check check (dimensions between 1 and 16000),

    constraint model_provider_check check (provider <> ''),
    constraint model_price_check check (price >= 0),
    constraint model_metric_check check (metric in ('cosine', 'l2', 'inner_product')),
    constraint model_storage_check check (storage in ('vector', 'halfvec', 'bit')),
    constraint model_on_too_long_check check (on_too_long in ('fail', 'truncate')),
    constraint model_encoding_check check (encoding in ('float', 'base64'))
);

alter table steward_private.model enable row level security;

comment on table steward_private.model is
'What turns text into vectors. One row for each name and version.';

insert into steward_private.model (model_name, dimensions, provider)
values ('builtin/hash@1', 256, 'builtin');
