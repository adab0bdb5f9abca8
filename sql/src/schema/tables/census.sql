create table steward_private.census (
    space_id integer not null,
    -- of the last one that was finished; null: there was none yet
    counted_at timestamptz,
    -- rows that no trigger had told of, by what was found: no document, or one of another text
    missing bigint not null default 0,
    outdated bigint not null default 0,
    -- documents whose row is not there
    orphans bigint not null default 0,
    -- of the one that is under way: where it is, and what it has found so far
    started_at timestamptz,
    last_key jsonb,
    rows_seen bigint not null default 0,
    missing_seen bigint not null default 0,
    outdated_seen bigint not null default 0,

    constraint census_pkey primary key (space_id),
    constraint census_space_id_fkey foreign key (space_id)
    references steward_private.space (space_id) on delete cascade
);

alter table steward_private.census enable row level security;

comment on table steward_private.census is
'What steward.reconcile() found when it last compared a source with its documents.';
