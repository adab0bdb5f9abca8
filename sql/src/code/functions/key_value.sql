-- A key that somebody has given, checked, and written as everybody writes it.
create or replace function steward_private.key_value(source steward_private.source, key jsonb)
returns jsonb
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
as $function$
declare
    v_source steward_private.source := key_value.source;
    v_key jsonb;
begin
    if key_value.key is null or jsonb_typeof(key_value.key) <> 'object'
        or not key_value.key ?& v_source.key_columns::text[]
        or exists (
            select from unnest(v_source.key_columns) as c (column_name)
            where key_value.key -> c.column_name::text = 'null'
        )
    then
        raise exception 'this is not a key of table %', v_source.relation
            using errcode = 'invalid_parameter_value',
            detail = format(
                'A key is an object with these columns: %s.',
                (select string_agg(quote_ident(c), ', ') from unnest(v_source.key_columns) as c)
            ),
            hint = 'steward.search() shows how keys are written.';
    end if;

    execute format(
        'select %s from %s as k',
        steward_private.key_object(v_source, 'k'), steward_private.key_record(v_source, '$1')
    )
    into strict v_key
    using key_value.key;

    return v_key;
end
$function$;
