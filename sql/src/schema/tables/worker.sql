create table steward_private.worker (
    worker_name text not null,
    first_seen timestamptz not null default clock_timestamp(),
    last_seen timestamptz not null default clock_timestamp(),

    constraint worker_pkey primary key (worker_name)
);

alter table steward_private.worker enable row level security;

comment on table steward_private.worker is
'Who has asked for work, and when last; to half a minute.';
