-- Counted as it happens: to count documents anew takes longer than a dashboard can wait, and a
-- counter that everybody raises would be a queue. Whoever changes something adds a row with the
-- difference; tidy() makes one of those of a day.
create table steward_private.tally (
    tally_id bigint not null generated always as identity,
    space_id integer not null,
    day date not null default current_date,
    -- the table was truncated: documents and chunks are counted from here on. Whoever writes rows
    -- with documents holds a lock on the source meanwhile, so that none of before comes later.
    is_reset boolean not null default false,
    documents bigint not null default 0,
    chunks bigint not null default 0,
    -- documents that show another text than their vectors were made of
    accepted bigint not null default 0,
    -- decisions by their outcome
    embedded bigint not null default 0,
    reused bigint not null default 0,
    skipped bigint not null default 0,
    failed bigint not null default 0,
    retired bigint not null default 0,
    chunks_embedded bigint not null default 0,
    chunks_reused bigint not null default 0,
    characters bigint not null default 0,
    characters_embedded bigint not null default 0,

    constraint tally_pkey primary key (tally_id),
    constraint tally_space_id_fkey foreign key (space_id)
    references steward_private.space (space_id) on delete cascade
);

create index tally_space_id_day_idx on steward_private.tally (space_id, day);

alter table steward_private.tally enable row level security;

comment on table steward_private.tally is
'How many documents and chunks there are, and what was decided each day: the sum of these rows.';
