create table steward_private.setting (
    setting_name text not null,
    value text not null, -- noqa: RF04
    set_at timestamptz not null default now(),

    constraint setting_pkey primary key (setting_name)
);

alter table steward_private.setting enable row level security;

comment on table steward_private.setting is
'What was changed with steward.configure(); all else has its default.';
