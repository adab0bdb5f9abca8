-- what has no month of its own yet; tidy() makes them in advance
create table steward_private.decision_rest
partition of steward_private.decision default;

alter table steward_private.decision_rest enable row level security;

comment on table steward_private.decision_rest is
'Decisions of months that have no partition of their own.';
