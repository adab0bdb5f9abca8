-- The expressions of a source run with the rights of its owner. Whoever tracks it may not use that
-- to run what is somebody else's.
create or replace function steward_private.require_trusted_expressions(
    source steward_private.source
)
returns void
language plpgsql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := require_trusted_expressions.source;
    v_object text;
    v_is_condition boolean;
begin
    with used as (
        select d.refclassid, d.refobjid, r.is_condition
        from (
            values
            (format('steward_private.read_%s(jsonb)', v_source.source_id)::regprocedure, false),
            -- The condition alone. It stands in the policies, too, and runs with the rights of whoever
            -- searches: to search must not run what to read the table would not.
            (format('steward_private.there_%s(jsonb)', v_source.source_id)::regprocedure, true)
        ) as r (reader, is_condition)
        inner join pg_depend as d on d.classid = 'pg_proc'::regclass and d.objid = r.reader
    ),

    owned (class_id, object_id, owner_id, is_condition) as (
        select u.refclassid, u.refobjid, p.proowner, u.is_condition
        from used as u
        inner join pg_proc as p on p.oid = u.refobjid
        where u.refclassid = 'pg_proc'::regclass
        union all
        select u.refclassid, u.refobjid, t.typowner, u.is_condition
        from used as u
        inner join pg_type as t on t.oid = u.refobjid
        -- an enum is nothing but names
        where u.refclassid = 'pg_type'::regclass and not (u.is_condition and t.typtype = 'e')
        union all
        select u.refclassid, u.refobjid, o.oprowner, u.is_condition
        from used as u
        inner join pg_operator as o on o.oid = u.refobjid
        where u.refclassid = 'pg_operator'::regclass
        union all
        select u.refclassid, u.refobjid, p.proowner, u.is_condition
        from used as u
        inner join pg_operator as o on o.oid = u.refobjid
        inner join pg_proc as p on p.oid = o.oprcode
        where u.refclassid = 'pg_operator'::regclass
    )

    select pg_describe_object(w.class_id, w.object_id, 0), w.is_condition
    into v_object, v_is_condition
    from owned as w
    inner join pg_roles as r on r.oid = w.owner_id
    where
        not r.rolsuper
        and w.owner_id not in (
            select c.relowner
            from pg_class as c
            where
                c.oid = 'steward_private.source'::regclass
                or (c.oid = v_source.relation and not w.is_condition)
        )
    order by w.is_condition
    limit 1;

    if v_is_condition then
        raise exception 'condition of table % uses %', v_source.relation, v_object
            using errcode = 'feature_not_supported',
            detail = 'It would run with the rights of everybody who searches.',
            hint = 'It must belong to a superuser. Or have a generated column compute it, and name '
                'that column.';
    elsif found then
        raise exception 'content of table % uses %', v_source.relation, v_object
            using errcode = 'feature_not_supported',
            detail = 'It would run with the rights of the owner of the table.',
            hint = 'It must belong to the owner of the table or to a superuser.';
    end if;

    -- Nor anything but what can stand in an index: a function of PostgreSQL's own such as
    -- query_to_xml() runs whatever it is told to. Only the function that reads the keys is no
    -- immutable one. Braces and blanks in a name are written with a backslash.
    with body as (
        select p.prosqlbody::text as tree
        from pg_proc as p
        where p.oid = format('steward_private.read_%s(jsonb)', v_source.source_id)::regprocedure
    )

    select coalesce(p.oid::regprocedure::text, lower(u.found[2])) into v_object
    from body as b
    cross join regexp_matches(
        b.tree,
        ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+) '
        '|\{(SUBLINK|AGGREF|WINDOWFUNC|GROUPINGFUNC|SQLVALUEFUNCTION|NEXTVALUEEXPR) ',
        'g'
    ) as u (found)
    left join pg_proc as p on p.oid = u.found[1]::oid
    where
        (p.provolatile <> 'i' or p.proretset or u.found[2] is not null)
        and p.oid is distinct from 'pg_catalog.jsonb_to_recordset(jsonb)'::regprocedure
    limit 1;

    if found then
        raise exception 'content of table % is not immutable: it uses %',
            v_source.relation, v_object
            using errcode = 'invalid_object_definition',
            hint = 'Write it without that, for example with a cast: title || id::text.';
    end if;
end
$function$;
