create table steward_private.policy (
    source_id integer not null,
    policy_version integer not null,
    chunking jsonb not null,
    significance jsonb not null,
    set_by name not null default session_user,
    set_at timestamptz not null default clock_timestamp(),

    constraint policy_pkey primary key (source_id, policy_version),
    constraint policy_source_id_fkey foreign key (source_id)
    references steward_private.source (source_id) on delete cascade
);

alter table steward_private.policy enable row level security;

comment on table steward_private.policy is
'How the texts of a source were cut, and which changes counted, from some moment on. Append-only.';
