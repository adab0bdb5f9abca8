create table steward_private.decision (
    decision_id bigint not null generated always as identity,
    space_id integer not null,
    -- null when it is about every row at once (TRUNCATE)
    key jsonb,
    revision integer,
    outcome text not null,
    reason text not null,
    chunks_embedded integer not null default 0,
    chunks_reused integer not null default 0,
    chunks_removed integer not null default 0,
    -- of the whole text, and of what was sent to the model
    characters bigint,
    characters_embedded bigint,
    -- why it was looked at, when it had changed, and when a worker took it; null: no worker did
    lane text,
    changed_at timestamptz,
    claimed_at timestamptz,
    decided_at timestamptz not null default clock_timestamp(),

    constraint decision_pkey primary key (decision_id, decided_at),
    constraint decision_space_id_fkey foreign key (space_id)
    references steward_private.space (space_id) on delete cascade,

    constraint decision_outcome_check check (
        outcome in ('embedded', 'reused', 'skipped', 'failed', 'retired', 'restored', 'erased')
    ),
    constraint decision_lane_check check (lane in ('edit', 'backfill'))
) partition by range (decided_at);

create index decision_space_id_decided_at_idx
on steward_private.decision (space_id, decided_at);

create index decision_space_id_key_idx
on steward_private.decision (space_id, key);

-- how long the last edits took
create index decision_space_id_edited_idx
on steward_private.decision (space_id, decided_at)
where lane = 'edit';

alter table steward_private.decision enable row level security;

comment on table steward_private.decision is
'What became of each edit: one row for each time a document was looked at. Append-only; a partition '
'for each month, in schema steward_data.';

-- what has no month of its own yet; tidy() makes them in advance
create table steward_private.decision_rest
partition of steward_private.decision default;

alter table steward_private.decision_rest enable row level security;

comment on table steward_private.decision_rest is
'Decisions of months that have no partition of their own.';
