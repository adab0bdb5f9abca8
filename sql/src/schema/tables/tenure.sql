create table steward_private.tenure (
    tenure_id bigint not null generated always as identity,
    source_id integer not null,
    space_id integer not null,
    -- until the next one of the source began
    began_at timestamptz not null,

    constraint tenure_pkey primary key (tenure_id),
    constraint tenure_source_id_fkey foreign key (source_id)
    references steward_private.source (source_id) on delete cascade,
    constraint tenure_space_id_fkey foreign key (space_id)
    references steward_private.space (space_id) on delete cascade
);

create index tenure_source_id_began_at_idx on steward_private.tenure (source_id, began_at);
create index tenure_space_id_idx on steward_private.tenure (space_id);

alter table steward_private.tenure enable row level security;

comment on table steward_private.tenure is
'Which space of a source search answered from, and when.';
