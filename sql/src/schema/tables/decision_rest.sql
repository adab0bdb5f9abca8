-- what has no month of its own yet; tidy() makes them in advance
create table steward_private.decision_rest
partition of steward_private.decision (
    constraint decision_rest_pkey primary key (decision_id)
)
default;

create index decision_rest_space_id_decided_at_idx
on steward_private.decision_rest (space_id, decided_at);

create index decision_rest_space_id_key_idx
on steward_private.decision_rest (space_id, key);

-- how long the last edits took
create index decision_rest_space_id_edited_idx
on steward_private.decision_rest (space_id, decided_at)
where lane = 'edit';

alter table steward_private.decision_rest enable row level security;

comment on table steward_private.decision_rest is
'Decisions of months that have no partition of their own.';

-- a partition does not have this from its parent
alter table steward_private.decision_rest alter column reason set statistics 0;
alter table steward_private.decision_rest alter column details set statistics 0;
