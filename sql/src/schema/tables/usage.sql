-- One row for each batch that was completed: a counter that everybody raises would be a queue.
create table steward_private.usage (
    usage_id bigint not null generated always as identity,
    space_id integer not null,
    used_at timestamptz not null default clock_timestamp(),
    texts bigint not null,
    characters bigint not null,
    tokens bigint not null,
    cost numeric not null,

    constraint usage_pkey primary key (usage_id),
    constraint usage_space_id_fkey foreign key (space_id)
    references steward_private.space (space_id) on delete cascade
);

create index usage_space_id_used_at_idx on steward_private.usage (space_id, used_at);

alter table steward_private.usage enable row level security;

comment on table steward_private.usage is
'What was sent to providers and what it cost. Append-only.';
