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
    -- its order: operators for less and greater
    key_less text[] not null,
    key_greater text[] not null,
    -- as the user wrote it: a column or an expression
    content text not null,
    -- as PostgreSQL writes it, with the columns of s
    content_plain text not null,
    -- which rows count, likewise; null: all
    condition text,
    condition_plain text,
    -- likewise of the rows old and new, for triggers
    condition_old text,
    condition_new text,
    -- the columns that the content uses
    text_columns name[] not null,
    -- the columns that content and condition use
    content_columns name[] not null,
    -- the columns that make up the content, where it was given as a list of them
    parts name[],
    -- how it is cut, and which changes count: as of which version, see policy
    policy_version integer not null,
    chunking jsonb not null,
    significance jsonb not null,
    on_delete text not null,
    mode text not null,
    priority integer not null,
    notify boolean not null,
    daily_budget numeric,
    -- rows in a minute; null: as fast as workers are
    backfill_rate integer,
    -- how long it can be told what search saw; zero: not at all
    keep_history interval not null default '30 days',
    paused_at timestamptz,
    pause_reason text,
    -- where writers leave their marks
    mark_tables regclass[],
    tracked_by name not null default current_user,
    tracked_at timestamptz not null default now(),
    -- set by the last part of steward.track(); nothing unfinished is ever committed
    finished boolean not null default false,

    constraint source_pkey primary key (source_id),
    constraint source_relation_key unique (relation),

    -- the arrays describe the same columns
    constraint source_key_check check (
        cardinality(key_columns) > 0
        and cardinality(key_types) = cardinality(key_columns)
        and cardinality(key_collations) = cardinality(key_columns)
        and cardinality(key_operators) = cardinality(key_columns)
        and cardinality(key_less) = cardinality(key_columns)
        and cardinality(key_greater) = cardinality(key_columns)
    ),

    constraint source_on_delete_check check (on_delete in ('drop', 'retire')),
    constraint source_mode_check check (mode in ('queued', 'transactional')),
    constraint source_priority_check check (priority between -1000 and 1000),
    constraint source_daily_budget_check check (daily_budget >= 0),
    constraint source_backfill_rate_check check (backfill_rate > 0),
    constraint source_keep_history_check check (keep_history >= interval '0')
);

alter table steward_private.source enable row level security;

comment on table steward_private.source is
'A table under stewardship: its key and the text that each row contributes.';
