create or replace function steward._describe(
    source regclass, content text, filter text, is_tried boolean
)
returns table (
    content_plain text,
    content_columns name[],
    condition text,
    condition_plain text,
    condition_old text,
    condition_new text,
    columns name[],
    parts name[]
)
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_all record;
    v_rows bigint;
    v_content text := _describe.content;
begin
    if _describe.content ~ '^[[:space:]]*$' then
        raise exception 'content must not be empty'
            using errcode = 'invalid_parameter_value',
            hint = 'content is the exact name of a column, a list of columns, or an expression over '
                'the columns of one row.';
    end if;

    parts := steward._parts(_describe.source, _describe.content);

    if parts is not null then
        -- the separator is white space to whoever cuts the text, and tells the parts apart
        select
            string_agg(
                format(E'translate(coalesce(%I::text, \'\'), E\'\\x1d\', \' \')', p.name), E' || E''\\n\\x1d\\n'' || ' order by p.n
            )
        into v_content
        from unnest(parts) with ordinality as p (name, n);
    end if;

    condition := case when _describe.filter !~ '^[[:space:]]*$' then _describe.filter end;

    select d.* into strict v_all
    from steward._describe_content(_describe.source, v_content, condition) as d;

    content_plain := v_all.content_plain;
    condition_plain := v_all.condition_plain;
    condition_old := v_all.condition_old;
    condition_new := v_all.condition_new;
    columns := v_all.columns;
    content_columns := v_all.columns;

    if v_all.condition_plain is not null then
        select d.columns into strict content_columns
        from steward._describe_content(_describe.source, v_content, null) as d;
    end if;

    -- What is computed is tried on every row, before anything depends on it.
    if _describe.is_tried and (not v_all.is_column or v_all.condition_plain is not null) then
        begin
            execute format(
                'select count(length(%s)) from %s as s where %s',
                v_all.content_plain, _describe.source, coalesce(v_all.condition_plain, 'true')
            )
            into v_rows;
        exception
            when data_exception or raise_exception or integrity_constraint_violation then
                raise exception 'content or condition of table % cannot be computed for a row',
                    _describe.source
                    using errcode = sqlstate,
                    detail = format('PostgreSQL says: %s.', sqlerrm),
                    hint = 'Change that row, or write an expression that copes with it.';
        end;
    end if;

    return next;
end
$function$;

comment on function steward._describe(regclass, text, text, boolean) is
'Part of steward.track(): content and condition as PostgreSQL writes them, tried on every '
'row if so asked.';
