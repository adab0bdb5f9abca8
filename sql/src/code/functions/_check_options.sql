-- The options of a source, as steward.track() and steward.alter() take them.
create or replace function steward._check_options(options jsonb)
returns void
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if _check_options.options ->> 'on_delete' not in ('drop', 'retire') then
        raise exception 'on_delete "%" does not exist', _check_options.options ->> 'on_delete'
            using errcode = 'invalid_parameter_value',
            hint = 'It is drop (the vectors of a deleted row are deleted) or retire (they are kept, '
                'and found by nobody).';
    end if;

    if _check_options.options ->> 'mode' not in ('queued', 'transactional') then
        raise exception 'mode "%" does not exist', _check_options.options ->> 'mode'
            using errcode = 'invalid_parameter_value',
            hint = 'It is queued (a worker embeds) or transactional (the writer''s own statement does).';
    end if;

    if (_check_options.options ->> 'priority')::integer not between -1000 and 1000 then
        raise exception 'priority must be between -1000 and 1000'
            using errcode = 'invalid_parameter_value';
    end if;

    if (_check_options.options ->> 'daily_budget')::numeric < 0
        or (_check_options.options ->> 'daily_budget')::numeric = 'NaN'
    then
        raise exception 'daily_budget must not be negative'
            using errcode = 'invalid_parameter_value';
    end if;

    if (_check_options.options ->> 'backfill_rate')::integer <= 0 then
        raise exception 'backfill_rate must be positive'
            using errcode = 'invalid_parameter_value',
            detail = 'It is a number of rows in a minute.';
    end if;

    if (_check_options.options ->> 'keep_history')::interval < interval '0' then
        raise exception 'keep_history must not be negative'
            using errcode = 'invalid_parameter_value',
            hint = '0 keeps nothing of what was.';
    end if;
end
$function$;

comment on function steward._check_options(jsonb) is
'Part of steward.track(): raises an error for an option that cannot be.';
