-- What belongs to no month that has a partition of its own; tidy() makes those in advance, like this
-- one.
create table steward_private.decision_rest
partition of steward_private.decision default;

alter table steward_private.decision_rest
add constraint decision_rest_pkey primary key (decision_id);

create index decision_rest_space_id_decided_at_idx
on steward_private.decision_rest (space_id, decided_at);

create index decision_rest_space_id_key_idx
on steward_private.decision_rest (space_id, key);

alter table steward_private.decision_rest enable row level security;

comment on table steward_private.decision_rest is
'Decisions of months that have no partition of their own.';
