-- Workers select their jobs by provider: a flag does not tell one worker's models from another's.

-- made anew with other columns by the code that follows
drop view steward.models;

alter table steward_private.model
add column provider text,
add column price numeric;

update steward_private.model
set provider = case when builtin then 'builtin' else 'external' end;

alter table steward_private.model
alter column provider set not null,
drop column builtin,
add constraint model_provider_check check (provider <> ''),
add constraint model_price_check check (price >= 0);
