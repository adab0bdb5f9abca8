-- The version that is installed, in the setting steward.installed; '' where none is. Before we know
-- whose the function is, it may be a trap, which would run with the privileges of its caller: here.
do $installed$
declare
    v_version constant oid := to_regprocedure('steward.version()');
    v_foreign text;
    v_owner text;
begin
    perform set_config('steward.installed', '', true);
    if v_version is null then
        return;
    end if;

    select
        string_agg(format('%s is owned by %s', o.thing, coalesce(o.owner, 'nobody')), ', '),
        coalesce(min(o.owner), 'that role')
    into v_foreign, v_owner
    from (
        select
            i.thing,
            quote_ident(r.rolname) as owner,
            coalesce(r.rolsuper or r.rolname = current_user, false) as is_trusted
        from (
            select format('schema %s', n.nspname) as thing, n.nspowner as owner_id
            from pg_namespace as n
            where n.nspname in ('steward', 'steward_data', 'steward_private')
            union all
            -- by its oid, and without an owner if it is no longer there: it may be replaced just now
            select
                'function steward.version()',
                (select p.proowner from pg_proc as p where p.oid = v_version)
        ) as i
        left join pg_roles as r on r.oid = i.owner_id
    ) as o
    where not o.is_trusted;

    if v_foreign is not null then
        raise exception 'what is in the schema steward cannot be trusted'
            using
                errcode = 'insufficient_privilege',
                detail = format('Neither a superuser nor %I made it: %s.', current_user, v_foreign),
                hint = format(
                    'If it is a genuine installation of pg_steward by %s, connect as %s, or, if '
                    'you trust it with all that you may do, run: set role %s;',
                    v_owner, v_owner, v_owner
                );
    end if;
    perform set_config('steward.installed', steward.version(), true);
end
$installed$;
