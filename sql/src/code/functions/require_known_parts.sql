-- A policy may say that every change of some part of the content counts: only of one that there is.
create or replace function steward_private.require_known_parts(
    relation regclass, significance jsonb, parts name[]
)
returns void
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_part text;
begin
    select a.name into v_part
    from jsonb_array_elements_text(require_known_parts.significance -> 'always') as a (name)
    where a.name <> all(coalesce(require_known_parts.parts, '{}')::text[])
    limit 1;

    if found then
        raise exception 'content of table % has no part "%"', require_known_parts.relation, v_part
            using errcode = 'invalid_parameter_value',
            detail = 'The policy says that its every change counts.',
            hint = 'Parts are the columns of a content that is a list, such as ''title, body''.';
    end if;
end
$function$;
