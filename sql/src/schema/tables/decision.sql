create table steward_private.decision (
    decision_id bigint not null generated always as identity,
    space_id integer not null,
    -- null when it is about every row at once (TRUNCATE)
    key jsonb,
    revision integer,
    -- by which version of the source's policy; null: by none
    policy_version integer,
    outcome text not null,
    reason text not null,
    chunks_embedded integer not null default 0,
    chunks_reused integer not null default 0,
    -- of these: those whose text has changed since their vector was made, not significantly
    chunks_accepted integer not null default 0,
    chunks_removed integer not null default 0,
    -- of the whole text, and of what was sent to the model
    characters bigint,
    characters_embedded bigint,
    -- what was compared, and found; null: there was nothing to compare with
    details jsonb,
    -- why it was looked at, when it had changed, and when a worker took it; null: no worker did
    lane text,
    changed_at timestamptz,
    claimed_at timestamptz,
    decided_at timestamptz not null default clock_timestamp(),

    -- keys and indexes are those of each partition: inherited ones pg_dump --clean cannot drop
    constraint decision_space_id_fkey foreign key (space_id)
    references steward_private.space (space_id) on delete cascade,

    constraint decision_outcome_check check (
        outcome in ('embedded', 'reused', 'skipped', 'failed', 'retired', 'restored', 'erased')
    ),
    constraint decision_lane_check check (lane in ('edit', 'backfill'))
) partition by range (decided_at);

alter table steward_private.decision enable row level security;

comment on table steward_private.decision is
'What became of each edit: one row for each time a document was looked at. Append-only; a '
'partition for each month, in schema steward_data.';

-- statistics would be copies of errors that outlive what erase() leaves
alter table steward_private.decision alter column reason set statistics 0;
alter table steward_private.decision alter column details set statistics 0;
