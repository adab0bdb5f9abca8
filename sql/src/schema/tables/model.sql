create table steward_private.model (
    model_name text not null,
    dimensions integer not null,
    builtin boolean not null default false,
    added_at timestamptz not null default now(),

    constraint model_pkey primary key (model_name),

    -- a name says which version it is, or a later version would silently mix its vectors with these
    constraint model_name_check check (model_name ~ '^[^@[:space:]]+@[^@[:space:]]+$'),

    -- pgvector's type stops here
    constraint model_dimensions_check check (dimensions between 1 and 16000)
);

alter table steward_private.model enable row level security;

comment on table steward_private.model is
'What turns text into vectors. One row for each name and version.';

insert into steward_private.model (model_name, dimensions, builtin)
values ('builtin/hash@1', 256, true);
