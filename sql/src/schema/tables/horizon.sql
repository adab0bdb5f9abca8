-- The ready jobs of a space all stand behind its newest horizon. A claim begins to look there, and
-- so does not walk over what was done before, which nobody can clean up while an old transaction
-- is open. Rows are added, never changed, for the same reason.
create table steward_private.horizon (
    horizon_id bigint not null generated always as identity,
    space_id integer not null,
    live bigint not null,
    backfill bigint not null,

    constraint horizon_pkey primary key (space_id, horizon_id),
    constraint horizon_space_id_fkey foreign key (space_id)
    references steward_private.space (space_id) on delete cascade
);

-- the place of a job in the queue; given out by one fold at a time
create sequence steward_private.job_position_seq as bigint;

alter table steward_private.horizon enable row level security;

comment on table steward_private.horizon is
'How far each space''s queue has been worked off.';
