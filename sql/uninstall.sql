-- Remove pg_steward from the current database. Your own tables stay as they are.
--
--     psql -d mydb -f sql/uninstall.sql
--
-- or, inside psql: \i sql/uninstall.sql
--
-- What would take something of yours away is refused until you ask for it by a psql variable, on
-- the command line with -v, inside psql with \set:
--
--     confirm_drop_vectors=yes   vectors and decisions exist and would be lost
--     drop_dependents=yes        drop the objects of yours, such as views, that need ours, too
--     drop_roles=yes             drop the roles steward_*, too, which other databases may be using
--
-- Everything in the schemas steward, steward_data and steward_private is taken to be ours. It is
-- one transaction, all or nothing, and safe to repeat. If you are already in a transaction, this
-- commits it, or rolls it back on an error. The settings of psql are left as they were, and the
-- variables above are unset. psql -f ends with exit code 3 on an error.

\if :{?steward_uninstalling}

begin;
-- Whatever the session's defaults are: see what a lock was waited for, and write.
set local transaction_isolation = 'read committed';
set local transaction_read_only = off;
-- Here and in psql, which follows, a backslash in a string is a backslash.
set local standard_conforming_strings = on;
-- Names that are compared have quotes only where they need them.
set local quote_all_identifiers = off;
set local search_path = pg_catalog, pg_temp;
set local client_min_messages = warning;
-- A row that a policy hides is a row too.
set local row_security = off;

-- The same lock as in install.sql.
do $do$
begin
    perform pg_advisory_xact_lock(hashtextextended('pg_steward', 0));
end
$do$;

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

select
    current_setting('steward.installed') <> '' as steward_present,
    set_config('steward.confirm_drop_vectors', :'confirm_drop_vectors', true)
    || set_config('steward.drop_dependents', :'drop_dependents', true)
    || set_config('steward.drop_roles', :'drop_roles', true) as steward_ignored
\gset

\set steward_message 'pg_steward is not installed in this database'
\if :steward_present
select format('pg_steward %s uninstalled', current_setting('steward.installed')) as steward_message
\gset

-- Would vectors be lost?
do $do$
declare
    v_table regclass;
    v_has_rows boolean;
    v_filled text[] := array[]::text[];
begin
    if current_setting('steward.confirm_drop_vectors')::boolean then
        return;
    end if;
    for v_table in
        select c.oid::regclass
        from pg_class as c
        where c.relnamespace = to_regnamespace('steward_data') and c.relkind in ('r', 'p')
        order by c.relname
    loop
        execute format('select exists (select from %s)', v_table) into v_has_rows;
        if v_has_rows then
            v_filled := v_filled || v_table::text;
        end if;
    end loop;
    if v_filled <> array[]::text[] then
        raise exception 'vectors would be lost'
            using
                errcode = 'object_not_in_prerequisite_state',
                detail = format('These tables hold rows: %s.', array_to_string(v_filled, ', ')),
                hint = 'If they may go: psql -v confirm_drop_vectors=yes -f sql/uninstall.sql';
    end if;
end
$do$;

-- The jobs go before what they call. (Version 0.1.0 had none.)
do $do$
begin
    if to_regprocedure('steward.stop()') is not null then
        perform steward.stop();
    end if;
end
$do$;

-- Our triggers on the tables of the user. Those of partitions go with the one of the whole table.
do $do$
declare
    v_trigger record;
begin
    for v_trigger in
        select t.tgname, t.tgrelid::regclass as relation
        from pg_trigger as t
        inner join pg_proc as p on p.oid = t.tgfoid
        inner join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname in ('steward', 'steward_data', 'steward_private')
            and not t.tgisinternal
            and t.tgparentid = 0
    loop
        execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.relation);
    end loop;
end
$do$;

-- Proof that the cascade below takes nothing of the user's: all that it would drop, followed
-- through the catalog, is in our schemas.
do $do$
declare
    v_ours constant text[] := array['steward', 'steward_data', 'steward_private'];
    v_dependents text;
begin
    if current_setting('steward.drop_dependents')::boolean then
        return;
    end if;

    with recursive dropped (classid, objid, objsubid) as (
        (
            select 'pg_namespace'::regclass::oid, n.oid, 0
            from pg_namespace as n
            where n.nspname = any(v_ours)
            union all
            select 'pg_extension'::regclass::oid, e.oid, 0
            from pg_extension as e
            where e.extname = 'steward'
        )
        union
        select d.classid, d.objid, d.objsubid
        from dropped as x
        cross join lateral (
            -- what depends on it
            select d.classid, d.objid, d.objsubid
            from pg_depend as d
            where d.refclassid = x.classid
                and d.refobjid = x.objid
                and (x.objsubid = 0 or d.refobjsubid = x.objsubid)
            union all
            -- what it is an inner part of, as the rule of a view is
            select d.refclassid, d.refobjid, d.refobjsubid
            from pg_depend as d
            where d.classid = x.classid
                and d.objid = x.objid
                and d.objsubid = x.objsubid
                and d.deptype = 'i'
        ) as d
    )

    select string_agg(distinct format('%s %s', i.type, i.identity), ', ')
    into v_dependents
    from dropped as x
    cross join lateral pg_identify_object(x.classid, x.objid, x.objsubid) as i
    cross join lateral pg_identify_object_as_address(x.classid, x.objid, x.objsubid) as a
    where coalesce(i.schema, a.object_names[1]) <> all(v_ours || array['pg_toast'])
        -- parts of a foreign key of ours, of a view that is named itself, of a schema's settings
        and not exists (
            select from pg_trigger as t
            where x.classid = 'pg_trigger'::regclass and t.oid = x.objid and t.tgisinternal
        )
        and not exists (
            select from pg_rewrite as r
            where x.classid = 'pg_rewrite'::regclass and r.oid = x.objid and r.rulename = '_RETURN'
        )
        and x.classid <> 'pg_default_acl'::regclass
        -- a table's row type is dropped with it
        and not exists (
            select from pg_type as t
            left join pg_type as e on e.typarray = t.oid
            where x.classid = 'pg_type'::regclass
                and t.oid = x.objid
                and (t.typrelid <> 0 or e.typrelid <> 0)
        );

    if v_dependents is not null then
        raise exception 'other objects depend on pg_steward'
            using
                errcode = 'dependent_objects_still_exist',
                detail = format('They are: %s.', v_dependents),
                hint = 'Change them, or drop them too: '
                'psql -v drop_dependents=yes -f sql/uninstall.sql';
    end if;
end
$do$;

do $do$
begin
    if exists (select from pg_extension as e where e.extname = 'steward') then
        drop extension steward cascade;
    else
        drop schema steward, steward_data, steward_private cascade;
    end if;
end
$do$;
\endif

-- A role that still has privileges in another database cannot be dropped.
do $do$
declare
    v_role text;
    v_detail text;
begin
    if not current_setting('steward.drop_roles')::boolean then
        return;
    end if;
    foreach v_role in array array[
        'steward_admin', 'steward_operator', 'steward_worker', 'steward_reader'
    ] loop
        begin
            execute format('drop role if exists %I', v_role);
        exception
            when dependent_objects_still_exist then
                get stacked diagnostics v_detail = pg_exception_detail;
                raise exception 'role % is still in use', v_role
                    using
                        errcode = 'dependent_objects_still_exist',
                        detail = v_detail,
                        hint = 'Revoke that first, or uninstall without drop_roles=yes.';
        end;
    end loop;
end
$do$;

commit;
\set steward_done yes

\else

\if :{?confirm_drop_vectors}
\else
\set confirm_drop_vectors no
\endif
\if :{?drop_dependents}
\else
\set drop_dependents no
\endif
\if :{?drop_roles}
\else
\set drop_roles no
\endif
\set steward_done no
\set steward_uninstalling yes
\set steward_quiet :QUIET
\set steward_on_error_stop :ON_ERROR_STOP
\set steward_on_error_rollback :ON_ERROR_ROLLBACK
\set QUIET on
\set ON_ERROR_ROLLBACK off
\set ON_ERROR_STOP off
-- psql decides when it starts a line whether an error in it ends the file. So an error ends this
-- inner reading of the file, and the outer one goes on, to clean up.
\set ON_ERROR_STOP on \\ \ir uninstall.sql
\set ON_ERROR_STOP off
\if :steward_done
\echo :steward_message
\else
rollback;
\endif
\unset confirm_drop_vectors
\unset drop_dependents
\unset drop_roles
\unset steward_ignored
\unset steward_message
\unset steward_present
\unset steward_uninstalling
\set QUIET :steward_quiet
\set ON_ERROR_ROLLBACK :steward_on_error_rollback
\unset steward_quiet
\unset steward_on_error_rollback
\if :steward_done
\set ON_ERROR_STOP :steward_on_error_stop
\unset steward_on_error_stop
\unset steward_done
\else
\unset steward_done
\set ON_ERROR_STOP on
-- The setting comes back on the line that runs the statement, so that this error, too, ends the
-- file: psql -f ends with exit code 3.
do $do$
begin
    raise exception 'pg_steward was not uninstalled, and nothing was changed'
        using hint = 'The reason is in the message before this one.';
end
$do$ \set ON_ERROR_STOP :steward_on_error_stop \\ \unset steward_on_error_stop \\ ;
\endif

\endif
