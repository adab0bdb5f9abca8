create or replace function steward._has_before_update_trigger(source regclass)
returns boolean
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select count(*) > 0
    from pg_trigger as t
    where
        t.tgrelid in (
            select _has_before_update_trigger.source
            union all
            select p.relid from pg_partition_tree(_has_before_update_trigger.source) as p
        )
        and not t.tgisinternal
        and t.tgtype & 1 = 1 -- row
        and t.tgtype & 2 = 2 -- before
        and t.tgtype & 16 = 16; -- update
end;

comment on function steward._has_before_update_trigger(regclass) is
'Whether a trigger can change a row of the table, or of a partition of it, before it is stored.';
