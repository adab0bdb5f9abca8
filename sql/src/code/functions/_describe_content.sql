-- Content and condition are somebody's text, and go into functions that run as the table's owner.
-- So nothing of the text itself leaves this function: PostgreSQL takes it as an expression of an
-- index, which can be nothing but an immutable expression over one row, and writes it down again
-- with every name in full. All of that with the rights of the caller of steward.track().
create or replace function steward._describe_content(
    source regclass, content text, condition text
)
returns table (
    is_column boolean,
    content_plain text,
    content_old text,
    content_new text,
    condition_plain text,
    condition_old text,
    condition_new text,
    columns name[]
)
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
-- what is written down is read again in sessions with other settings
set standard_conforming_strings = on
set quote_all_identifiers = off
set datestyle = 'ISO'
set intervalstyle = 'postgres'
set extra_float_digits = 1
set bytea_output = 'hex'
as $function$
declare
    v_owner oid;
    v_type regtype;
    v_category "char";
    -- not to be foreseen, so that nobody's text can name these, nor their row as a whole
    v_random text := replace(gen_random_uuid()::text, '-', '');
    v_alias text := 's_' || v_random;
    v_table text := 'pg_temp.steward_table_' || v_random;
    v_index text := 'steward_index_' || v_random;
    v_view text := 'pg_temp.steward_view_' || v_random;
    v_part record;
    v_columns name[] := array[]::name[];
    v_used name[];
    v_object record;
    v_text text;
    v_said text;
    v_problem text;
    v_hint text;
begin
    if _describe_content.source is null or _describe_content.content is null then
        raise exception 'source and content must not be null'
            using errcode = 'null_value_not_allowed';
    end if;

    select c.relowner into v_owner from pg_class as c where c.oid = _describe_content.source;

    select a.atttypid, t.typcategory into v_type, v_category
    from pg_attribute as a
    inner join pg_type as t on t.oid = a.atttypid
    where
        a.attrelid = _describe_content.source and a.attname = _describe_content.content
        and a.attnum > 0 and not a.attisdropped;

    is_column := found;

    if is_column then
        if v_category <> 'S' and v_type not in ('json'::regtype, 'jsonb'::regtype, 'xml'::regtype)
        then
            raise exception 'column "%" of table % has no text',
                _describe_content.content, _describe_content.source
                using errcode = 'datatype_mismatch',
                detail = format('It is of type %s.', v_type),
                hint = 'content names a column of a text type, of json, jsonb or xml, or is an '
                    'expression.';
        end if;

        content_plain := format('s.%I::text', _describe_content.content);
        content_old := format('old.%I::text', _describe_content.content);
        content_new := format('new.%I::text', _describe_content.content);
        v_columns := array[_describe_content.content]::name[];
    end if;

    if not is_column or _describe_content.condition is not null then
        if not has_table_privilege(_describe_content.source, 'select') then
            raise exception 'permission denied for table %', _describe_content.source
                using errcode = 'insufficient_privilege',
                detail = 'An expression is tried out on a temporary table like it.',
                hint = format(
                    'Run as its owner: grant select on %s to %I;',
                    _describe_content.source, current_user
                );
        end if;

        if not has_database_privilege(current_database(), 'temporary') then
            raise exception 'permission denied to create temporary tables in database "%"',
                current_database()
                using errcode = 'insufficient_privilege',
                detail = 'An expression is tried out on a temporary table.',
                hint = format(
                    'Run as its owner: grant temporary on database %I to %I;',
                    current_database(), current_user
                );
        end if;

        execute format('create temporary table %s (like %s)', v_table, _describe_content.source);
    end if;

    for v_part in
        select p.*
        from (
            values
            (
                'content expression', _describe_content.content, 'text',
                'case when true then', 'end'
            ),
            (
                'condition', _describe_content.condition, 'boolean',
                'case when', 'then true end'
            )
        ) as p (what, expression, type_name, before, after)
        where p.expression is not null and not (p.what = 'content expression' and is_column)
    loop
        begin
            -- What closes the CASE does not close the parenthesis, and the other way round: in both
            -- places, in one statement, stands only what is complete in itself. The new lines are
            -- for comments.
            execute format(
                E'create index %1$s on %2$s '
                '(((%3$s\n%4$s\n%5$s)::%6$s is null), ((\n%4$s\n)::%6$s is null))',
                v_index, v_table, v_part.before, v_part.expression, v_part.after, v_part.type_name
            );
        exception
            when others then
                -- no memory, a lock timeout: that is not about the expression
                if left(sqlstate, 2) not in ('0A', '22', '38', '39', '3F', '42') then
                    raise;
                end if;

                v_problem := case
                    when sqlstate = '42P17' then 'is not immutable'
                    when sqlstate = '42601' then 'is not an expression'
                    when sqlstate = '42703' then 'uses a column that does not exist'
                    when sqlstate in ('42883', '42704', '3F000')
                        then 'uses something that does not exist'
                    when sqlstate = '42P01' then 'uses a table'
                    when sqlstate in ('42804', '42846') then 'does not fit in its types'
                    when sqlstate in ('0A000', '42803', '42P20') then 'is about more than one row'
                    else 'is not valid'
                end;
                v_hint := case
                    when sqlstate = '42P17' then
                        'It may depend on the row and on nothing else, not on the time, the '
                        'settings or another table. So a date has to be written by a function that '
                        'is declared immutable.'
                    when sqlstate in ('42883', '42704', '3F000') then
                        'What is not in pg_catalog needs its schema: schema.function(...), '
                        'a operator(schema.=) b, a::schema.type. Some things only lack a cast.'
                    when sqlstate = '42P01' then
                        'Name the columns without the table.'
                    when v_part.what = 'condition' then
                        'A condition is a boolean expression over the columns of one row.'
                    else
                        'content is the exact name of a column, or else an expression over the '
                        'columns of one row. In an expression, names with capital letters are '
                        'written in double quotes.'
                end;
                raise exception '% of table % %',
                    v_part.what, _describe_content.source, v_problem
                    using errcode = sqlstate,
                    detail = format('PostgreSQL says: %s.', sqlerrm),
                    hint = v_hint;
        end;

        select pg_get_indexdef(i.indexrelid, 2, false) into v_text
        from pg_index as i
        where
            i.indrelid = v_table::regclass
            -- that there is nothing else in it was proved above; to be safe, again
            and i.indnatts = 2 and i.indnkeyatts = 2 and i.indpred is null;

        if v_text is null then
            raise exception '% of table % is not an expression',
                v_part.what, _describe_content.source
                using errcode = 'syntax_error';
        end if;

        -- with a second table beside it, every column is written with its table
        execute format(
            'create temporary view %1$s as '
            'select %2$s as %3$s_value from %4$s as %3$s, (select) as %3$s_other',
            v_view, v_text, v_alias, v_table
        );

        select coalesce(array_agg(a.attname), '{}') into v_used
        from pg_rewrite as r
        inner join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        inner join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where
            r.ev_class = v_view::regclass
            and d.refclassid = 'pg_class'::regclass and d.refobjid = v_table::regclass
            and d.refobjsubid > 0;

        if v_part.what = 'content expression' and v_used = '{}' then
            raise exception 'content expression of table % uses no column', _describe_content.source
                using errcode = 'invalid_parameter_value',
                detail = 'It is the same text for every row.',
                hint = 'content is the exact name of a column, or else an expression over the '
                    'columns of one row.';
        end if;

        v_columns := v_columns || v_used;

        -- It runs as the table's owner, and as whoever writes to the table. What is PostgreSQL's
        -- own is pinned, and is in no list.
        for v_object in
            with used (class_id, object_id) as (
                select d.refclassid, d.refobjid
                from pg_rewrite as r
                inner join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                where
                    r.ev_class = v_view::regclass
                    and d.refobjid not in (v_view::regclass, v_table::regclass)
                union
                select 'pg_proc'::regclass, o.oprcode::oid
                from pg_rewrite as r
                inner join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                inner join pg_operator as o on o.oid = d.refobjid
                where r.ev_class = v_view::regclass and d.refclassid = 'pg_operator'::regclass
            ),

            owned (class_id, object_id, owner_id) as (
                select u.class_id, u.object_id, p.proowner
                from used as u
                inner join pg_proc as p on p.oid = u.object_id
                where u.class_id = 'pg_proc'::regclass
                union all
                select u.class_id, u.object_id, o.oprowner
                from used as u
                inner join pg_operator as o on o.oid = u.object_id
                where u.class_id = 'pg_operator'::regclass
                union all
                select u.class_id, u.object_id, t.typowner
                from used as u
                inner join pg_type as t on t.oid = u.object_id
                where u.class_id = 'pg_type'::regclass
            )

            select
                pg_describe_object(u.class_id, u.object_id, 0) as description,
                coalesce(starts_with(i.schema, 'pg_temp_'), false) as is_temporary,
                w.rolname as owner_name,
                w.rolsuper or w.oid = v_owner as is_trusted,
                case
                    when u.class_id <> 'pg_proc'::regclass then null
                    when not has_function_privilege(u.object_id, 'execute') then current_user
                    when not has_function_privilege(v_owner, u.object_id, 'execute')
                        then pg_get_userbyid(v_owner)
                end as excluded
            from used as u
            cross join pg_identify_object(u.class_id, u.object_id, 0) as i
            left join owned as o on o.class_id = u.class_id and o.object_id = u.object_id
            left join pg_roles as w on w.oid = o.owner_id
            order by description
        loop
            if v_object.is_temporary then
                raise exception '% of table % uses %, which is temporary',
                    v_part.what, _describe_content.source, v_object.description
                    using errcode = 'feature_not_supported',
                    hint = 'Create it in a schema that lasts.';
            end if;

            if not v_object.is_trusted then
                raise exception '% of table % uses %',
                    v_part.what, _describe_content.source, v_object.description
                    using errcode = 'feature_not_supported',
                    detail = format(
                        'It belongs to %I, and would run with the rights of the owner of the table '
                        'and of everybody who writes to it.', v_object.owner_name
                    ),
                    hint = 'It must belong to the owner of the table or to a superuser.';
            end if;

            if v_object.excluded is not null then
                raise exception '% of table % uses %, for which % has no privilege',
                    v_part.what, _describe_content.source, v_object.description,
                    quote_ident(v_object.excluded)
                    using errcode = 'insufficient_privilege',
                    hint = format(
                        'Grant EXECUTE on it to %I, and to everybody who writes to the table.',
                        v_object.excluded
                    );
            end if;
        end loop;

        -- the backslash means the same in every session only in E''
        select
            string_agg(
                case
                    when t.token[1] ~ '^''.*\\' then ' E' || replace(t.token[1], '\', '\\')
                    else t.token[1]
                end,
                '' order by t.n
            )
        into v_said
        from regexp_matches(
            substring(
                pg_get_viewdef(v_view::regclass, false)
                from format('^ SELECT \((.*) IS NULL\) AS %s_value\n', v_alias)
            ),
            $re$'(?:[^']|'')*'|"(?:[^"]|"")*"|[^'"]+$re$, 'g'
        ) with ordinality as t (token, n);

        if v_said is null then
            raise exception '% of table % could not be written down',
                v_part.what, _describe_content.source
                using errcode = 'internal_error';
        end if;

        v_said := format('(%s)::%s', btrim(v_said, E' \n'), v_part.type_name);

        if v_part.what = 'condition' then
            condition_plain := replace(v_said, v_alias, 's');
            condition_old := replace(v_said, v_alias, 'old');
            condition_new := replace(v_said, v_alias, 'new');
        else
            content_plain := replace(v_said, v_alias, 's');
            content_old := replace(v_said, v_alias, 'old');
            content_new := replace(v_said, v_alias, 'new');
        end if;

        execute format('drop view %s', v_view);
        execute format('drop index pg_temp.%s', v_index);
    end loop;

    if not is_column or _describe_content.condition is not null then
        execute format('drop table %s', v_table);
    end if;

    columns := (
        select array_agg(a.attname order by a.attnum)
        from pg_attribute as a
        where
            a.attrelid = _describe_content.source and a.attname = any(v_columns)
            and a.attnum > 0 and not a.attisdropped
    );

    return next;
end
$function$;

comment on function steward._describe_content(regclass, text, text) is
'Part of steward.track(): what content and condition are, as PostgreSQL itself writes them, of a '
'row called s, old or new; and which columns they use. Raises an error if one of them is neither a '
'column nor an immutable expression over one row, or would run code of others.';
