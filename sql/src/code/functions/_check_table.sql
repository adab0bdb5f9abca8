create or replace function steward._check_table(source regclass)
returns void
language plpgsql
stable parallel safe
-- definer: the registry belongs to pg_steward
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_class pg_class;
begin
    select c.* into v_class from pg_class as c where c.oid = _check_table.source;

    if v_class.relkind not in ('r', 'p') then
        raise exception '% is not a table', _check_table.source
            using errcode = 'wrong_object_type',
            hint = 'Only ordinary and partitioned tables can be tracked.';
    end if;

    if v_class.relpersistence <> 'p' then
        raise exception 'table % is temporary or unlogged', _check_table.source
            using errcode = 'wrong_object_type',
            detail = 'After a crash its rows would be gone and their vectors not.';
    end if;

    if v_class.relispartition then
        raise exception 'table % is a partition', _check_table.source
            using errcode = 'wrong_object_type',
            hint = 'Track the partitioned table that it belongs to.';
    end if;

    if v_class.relkind = 'r' and exists (
        select from pg_inherits as i where _check_table.source in (i.inhrelid, i.inhparent)
    ) then
        raise exception 'table % takes part in inheritance', _check_table.source
            using errcode = 'feature_not_supported',
            detail = 'A primary key does not hold across a table and its children.',
            hint = 'Use a partitioned table.';
    end if;

    if v_class.relforcerowsecurity then
        raise exception 'table % forces row security on its owner', _check_table.source
            using errcode = 'feature_not_supported',
            detail = 'Rows are read as the owner, so those that a policy hides would count as gone.',
            hint = format(
                'Run: alter table %s no force row level security;', _check_table.source
            );
    end if;

    if v_class.relnamespace in (
        'pg_catalog'::regnamespace, 'information_schema'::regnamespace,
        'steward'::regnamespace, 'steward_private'::regnamespace, 'steward_data'::regnamespace
    ) then
        raise exception 'table % cannot be tracked', _check_table.source
            using errcode = 'wrong_object_type',
            detail = 'It belongs to PostgreSQL or to pg_steward itself.';
    end if;

    if exists (select from steward_private.source as s where s.relation = _check_table.source) then
        raise exception 'table % is already tracked', _check_table.source
            using errcode = 'duplicate_object',
            hint = 'See what is tracked with: select * from steward.sources;';
    end if;
end
$function$;

comment on function steward._check_table(regclass) is
'Part of steward.track(): raises an error for a table that cannot be tracked.';
