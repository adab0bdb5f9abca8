create or replace function steward_private.source_of(source regclass)
returns steward_private.source
language plpgsql
stable parallel safe
-- definer: the registry belongs to pg_steward; called by functions with the rights of their callers
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source;
begin
    if source_of.source is null then
        raise exception 'table must not be null'
            using errcode = 'null_value_not_allowed';
    end if;

    select s.* into v_source
    from steward_private.source as s
    where s.relation = source_of.source;

    if not found then
        raise exception 'table % is not tracked', source_of.source
            using errcode = 'undefined_object',
            hint = format(
                'Track it with: select steward.track(%L, content => ''column'');', source_of.source
            );
    end if;

    return v_source;
end
$function$;
