create table steward_private.secret (
    secret_name text not null,
    -- the key itself, or where the server finds it: file:/path or env:NAME
    value text, -- noqa: RF04
    reference text,
    -- the only one whom it may be sent to
    origin text not null,
    set_at timestamptz not null default now(),

    constraint secret_pkey primary key (secret_name),
    constraint secret_value_check check (num_nonnulls(value, reference) = 1)
);

-- statistics would be a copy
alter table steward_private.secret alter column value set statistics 0;

alter table steward_private.secret enable row level security;

comment on table steward_private.secret is
'Keys for providers. No role reads them; functions in PL/Python send them.';
