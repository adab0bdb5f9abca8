create table steward_private.source (
    source_id integer not null generated always as identity,
    relation regclass not null,
    -- what the table was called when it was tracked; generated objects are named after it
    label name not null,
    -- as they were when the table was tracked; the generated tables call them key_1, key_2 ...
    key_columns name[] not null,
    key_types text[] not null,
    -- ' collate x.y' where it is not that of the type, otherwise empty
    key_collations text[] not null,
    -- the equality of the key's own index: with a type such as citext it is not the one of text
    key_operators text[] not null,
    content_column name not null,
    chunk_size integer not null,
    tracked_by name not null default current_user,
    tracked_at timestamptz not null default now(),
    -- set by the last part of steward.track(); nothing unfinished is ever committed
    finished boolean not null default false,

    constraint source_pkey primary key (source_id),
    constraint source_relation_key unique (relation),

    -- the four arrays describe the same columns
    constraint source_key_check check (
        cardinality(key_columns) > 0
        and cardinality(key_types) = cardinality(key_columns)
        and cardinality(key_collations) = cardinality(key_columns)
        and cardinality(key_operators) = cardinality(key_columns)
    ),

    -- smaller chunks say too little, larger ones exceed what common models read
    constraint source_chunk_size_check check (chunk_size between 200 and 8000)
);

alter table steward_private.source enable row level security;

comment on table steward_private.source is
'A table under stewardship: its key and the text that each row contributes.';
