create table steward_private.space (
    space_id integer not null generated always as identity,
    source_id integer not null,
    model_name text not null,
    state text not null,
    job_table regclass not null,
    doc_table regclass not null,
    chunk_table regclass not null,
    created_at timestamptz not null default now(),
    -- why its jobs cannot be worked on at all, and until when nobody tries
    problem text,
    paused_until timestamptz,
    -- how often in a row its provider was not there
    setbacks integer not null default 0,

    constraint space_pkey primary key (space_id),
    constraint space_source_id_fkey foreign key (source_id)
    references steward_private.source (source_id) on delete cascade,
    constraint space_model_name_fkey foreign key (model_name)
    references steward_private.model (model_name),

    constraint space_state_check check (state in ('building', 'shadow', 'active', 'retired'))
);

-- search answers from one space of a source, never from two
create unique index space_source_id_active_key
on steward_private.space (source_id)
where state = 'active';

create index space_source_id_idx on steward_private.space (source_id);
create index space_model_name_idx on steward_private.space (model_name);

alter table steward_private.space enable row level security;

comment on table steward_private.space is
'One source embedded by one model, and the generated tables that hold the result.';
