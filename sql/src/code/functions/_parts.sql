create or replace function steward._parts(source regclass, content text)
returns name[]
language plpgsql
stable parallel safe
-- invoker: asks the catalog only
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_item text := '(?:"(?:[^"]|"")+"|[^[:space:]",()]+)';
    v_word text;
    v_name name;
    v_parts name[] := '{}'::name[];
begin
    if _parts.content !~ format('^[[:space:]]*%1$s(?:[[:space:]]*,[[:space:]]*%1$s)+[[:space:]]*$', v_item)
        or exists (
            select from pg_attribute as a
            where
                a.attrelid = _parts.source and a.attname = _parts.content
                and a.attnum > 0 and not a.attisdropped
        )
    then
        return null;
    end if;

    for v_word in
        select m.word[1]
        from regexp_matches(_parts.content, v_item, 'g') with ordinality as m (word, n)
        order by m.n
    loop
        select a.attname into v_name
        from pg_attribute as a
        where
            a.attrelid = _parts.source and a.attnum > 0 and not a.attisdropped
            and a.attname in (
                v_word,
                case when v_word like '"%' then replace(trim('"' from v_word), '""', '"') end,
                lower(v_word)
            )
        -- as it is written, before as PostgreSQL would read it
        order by a.attname = v_word desc
        limit 1;

        if not found then
            return null;
        end if;

        v_parts := v_parts || v_name;
    end loop;

    return v_parts;
end
$function$;

comment on function steward._parts(regclass, text) is
'Part of steward.track(): the columns, if content is a list of columns; otherwise null.';
