-- The expressions of a source run with the rights of its owner. Whoever tracks it may not use that to
-- run functions of somebody else's.
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
    v_function regprocedure;
begin
    select p.oid into v_function
    from pg_class as c
    cross join pg_depend as d
    left join pg_operator as o
        on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
    inner join pg_proc as p
        on
            p.oid = case
                when d.refclassid = 'pg_proc'::regclass then d.refobjid else o.oprcode::oid
            end
    inner join pg_roles as r on r.oid = p.proowner
    where
        c.oid = v_source.relation
        and d.classid = 'pg_proc'::regclass
        and d.objid = format('steward_private.read_%s(jsonb)', v_source.source_id)::regprocedure
        and not r.rolsuper
        and p.proowner not in (
            c.relowner,
            (
                select t.relowner
                from pg_class as t
                where t.oid = 'steward_private.source'::regclass
            )
        )
    limit 1;

    if found then
        raise exception 'content of table % uses function %', v_source.relation, v_function
            using errcode = 'feature_not_supported',
            detail = 'It would run with the rights of the owner of the table.',
            hint = 'It must belong to the owner of the table or to a superuser.';
    end if;
end
$function$;
