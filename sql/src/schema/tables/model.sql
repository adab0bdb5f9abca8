create table steward_private.model (
    model_name text not null,
    dimensions integer not null,
    added_at timestamptz not null default now(),
    -- who makes the vectors: 'builtin' is the database itself, anything else a worker's business
    provider text not null,
    -- of a million tokens, in the currency of your bills; what a budget is counted in
    price numeric,

    constraint model_pkey primary key (model_name),

    -- a name says which version it is, or a later version would silently mix its vectors with these
    constraint model_name_check check (model_name ~ '^[^@[:space:]]+@[^@[:space:]]+$'),

    -- pgvector's type stops here
    constraint model_dimensions_check check (dimensions between 1 and 16000),

    constraint model_provider_check check (provider <> ''),
    constraint model_price_check check (price >= 0)
);

alter table steward_private.model enable row level security;

comment on table steward_private.model is
'What turns text into vectors. One row for each name and version.';

insert into steward_private.model (model_name, dimensions, provider)
values ('builtin/hash@1', 256, 'builtin');
