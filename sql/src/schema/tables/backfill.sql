create table steward_private.backfill (
    space_id integer not null,
    state text not null,
    -- the key of the last row queued; null before the first
    last_key jsonb,
    rows_queued bigint not null default 0,
    rows_estimated bigint not null,
    reason text not null,
    started_at timestamptz not null default clock_timestamp(),
    -- when rows were last queued
    advanced_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,

    constraint backfill_pkey primary key (space_id),
    constraint backfill_space_id_fkey foreign key (space_id)
    references steward_private.space (space_id) on delete cascade,

    constraint backfill_state_check check (state in ('running', 'done', 'cancelled'))
);

alter table steward_private.backfill enable row level security;

comment on table steward_private.backfill is
'How far the rows that a source had already have been queued, in the order of the key.';
