-- A space of a source that there still is.
create or replace function steward_private.space_of(source steward_private.source, model text)
returns steward_private.space
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_space steward_private.space;
begin
    if space_of.model is null then
        raise exception 'model must not be null'
            using errcode = 'null_value_not_allowed';
    end if;

    select s.* into v_space
    from steward_private.space as s
    where
        s.source_id = (space_of.source).source_id
        and s.model_name = space_of.model
        and s.state <> 'retired';

    if not found then
        raise exception 'table % has no space of model "%"', (space_of.source).relation, space_of.model
            using errcode = 'undefined_object',
            hint = 'See steward.spaces; make one with steward.add_space().';
    end if;

    return v_space;
end
$function$;
