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
begin
    with used as (
        select d.refclassid, d.refobjid
        from pg_depend as d
        where
            d.classid = 'pg_proc'::regclass
            and d.objid = format('steward_private.read_%s(jsonb)', v_source.source_id)::regprocedure
    ),

    owned (class_id, object_id, owner_id) as (
        select u.refclassid, u.refobjid, p.proowner
        from used as u
        inner join pg_proc as p on p.oid = u.refobjid
        where u.refclassid = 'pg_proc'::regclass
        union all
        select u.refclassid, u.refobjid, t.typowner
        from used as u
        inner join pg_type as t on t.oid = u.refobjid
        where u.refclassid = 'pg_type'::regclass
        union all
        select u.refclassid, u.refobjid, o.oprowner
        from used as u
        inner join pg_operator as o on o.oid = u.refobjid
        where u.refclassid = 'pg_operator'::regclass
        union all
        select u.refclassid, u.refobjid, p.proowner
        from used as u
        inner join pg_operator as o on o.oid = u.refobjid
        inner join pg_proc as p on p.oid = o.oprcode
        where u.refclassid = 'pg_operator'::regclass
    )

    select pg_describe_object(w.class_id, w.object_id, 0) into v_object
    from owned as w
    inner join pg_roles as r on r.oid = w.owner_id
    where
        not r.rolsuper
        and w.owner_id not in (
            select c.relowner
            from pg_class as c
            where c.oid in (v_source.relation, 'steward_private.source'::regclass)
        )
    limit 1;

    if found then
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
