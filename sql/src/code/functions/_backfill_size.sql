create or replace function steward._backfill_size(source regclass)
returns bigint
language sql
stable parallel safe
-- definer: the registry belongs to pg_steward; steward.backfills shows the same
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select max(b.rows_estimated)
    from steward_private.source_of(_backfill_size.source) as s
    inner join steward_private.space as sp on sp.source_id = s.source_id
    inner join steward_private.backfill as b on b.space_id = sp.space_id;
end;

comment on function steward._backfill_size(regclass) is
'How many rows the backfill of a source looks at.';
