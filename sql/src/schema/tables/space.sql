create table steward_private.space (
    space_id integer not null generated always as identity,
    source_id integer not null,
    model_name text not null,
    state text not null,
    -- null once a retired space has been dropped
    job_table regclass,
    doc_table regclass,
    chunk_table regclass,
    -- what documents and chunks were before
    revision_table regclass,
    past_table regclass,
    created_at timestamptz not null default now(),
    -- when search last began to answer from it, and when it was given up
    promoted_at timestamptz,
    retired_at timestamptz,
    retired_by xid8,
    -- why its jobs cannot be worked on at all, and until when nobody tries
    problem text,
    paused_until timestamptz,
    -- how often in a row its provider was not there
    setbacks integer not null default 0,
    -- since when it can be told what search showed; what was before has been pruned, or never kept
    history_since timestamptz not null default clock_timestamp(),

    constraint space_pkey primary key (space_id),
    constraint space_source_id_fkey foreign key (source_id)
    references steward_private.source (source_id) on delete cascade,
    constraint space_model_name_fkey foreign key (model_name)
    references steward_private.model (model_name),

    constraint space_state_check check (state in ('building', 'shadow', 'active', 'retired')),

    constraint space_tables_check check (
        num_nulls(job_table, doc_table, chunk_table, revision_table, past_table) = 0
        or state = 'retired'
    )
);

-- search answers from one space of a source, never from two
create unique index space_source_id_active_key
on steward_private.space (source_id)
where state = 'active';

-- nor is it built twice by the same model
create unique index space_source_id_model_name_key
on steward_private.space (source_id, model_name)
where state <> 'retired';

create index space_source_id_idx on steward_private.space (source_id);
create index space_model_name_idx on steward_private.space (model_name);

alter table steward_private.space enable row level security;

comment on table steward_private.space is
'One source embedded by one model, and the generated tables that hold the result.';
