"""What the catalog says about some schemas, as text that can be compared.

Two databases that came to pg_steward on different ways (fresh, upgraded, as an extension,
restored) must have the same text. So nothing in it depends on the order of creation: no numbers of
objects, no physical places of columns, no name of the role that installed. Nor on where a privilege
was written down: what a role has by default and what it has by a grant look the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from support import Database

OURS = ("steward", "steward_data", "steward_private")
ROLES = ("steward_reader", "steward_operator", "steward_worker", "steward_admin")

# A longer definition is shown by its hash alone: the embedded Python package is one function.
LONGEST_DEFINITION = 20_000

# Every query returns what kind of object, which one, and what there is to say about it.
COMMON: LiteralString = """
with ours as materialized (
    select n.oid, n.nspname, n.nspowner
    from pg_namespace as n
    where n.nspname = any(%(schemas)s)
),

-- objects of other extensions, such as pgvector's in public, are nobody's business here
foreign_member as materialized (
    select d.classid, d.objid
    from pg_depend as d
    inner join pg_extension as e on e.oid = d.refobjid
    where
        d.refclassid = 'pg_extension'::regclass and d.deptype = 'e' and e.extname <> 'steward'
),

role as materialized (
    select
        r.oid,
        case
            when r.oid = (select n.nspowner from pg_namespace as n where n.nspname = 'steward')
                then '(owner)'
            else quote_ident(r.rolname)
        end as name
    from pg_roles as r
    union all
    values (0::oid, 'public')
),

relation as materialized (
    select c.*, format('%%I.%%I', n.nspname, c.relname) as name
    from pg_class as c
    inner join ours as n on n.oid = c.relnamespace
    where ('pg_class'::regclass, c.oid) not in (select m.classid, m.objid from foreign_member as m)
),

-- not its signature alone: that names types, whose schemas matter as well
routine as materialized (
    select p.*, p.oid::regprocedure::text as name
    from pg_proc as p
    inner join ours as n on n.oid = p.pronamespace
    where ('pg_proc'::regclass, p.oid) not in (select m.classid, m.objid from foreign_member as m)
),

-- what the owner may do is left out: it depends on the version what there is to do
privilege as materialized (
    select g.classid, g.objid, g.objsubid, r.name as grantee, a.privilege_type, a.is_grantable
    from (
        select 'pg_namespace'::regclass, n.oid, 0, n.nspowner,
            coalesce(s.nspacl, acldefault('n', s.nspowner))
        from ours as n
        inner join pg_namespace as s on s.oid = n.oid
        union all
        select 'pg_class'::regclass, c.oid, 0, c.relowner,
            coalesce(
                c.relacl,
                acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)
            )
        from relation as c
        where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        union all
        select 'pg_class'::regclass, c.oid, t.attnum, c.relowner, t.attacl
        from relation as c
        inner join pg_attribute as t on t.attrelid = c.oid
        where t.attacl is not null and not t.attisdropped
        union all
        select 'pg_proc'::regclass, p.oid, 0, p.proowner,
            coalesce(p.proacl, acldefault('f', p.proowner))
        from routine as p
        union all
        -- the row types of tables have no privileges of their own
        select 'pg_type'::regclass, t.oid, 0, t.typowner,
            coalesce(t.typacl, acldefault('T', t.typowner))
        from pg_type as t
        inner join ours as n on n.oid = t.typnamespace
        where
            t.typtype in ('c', 'd', 'e', 'r', 'm')
            and not exists (
                select from pg_class as c where c.oid = t.typrelid and c.relkind <> 'c'
            )
            and ('pg_type'::regclass, t.oid) not in (
                select m.classid, m.objid from foreign_member as m
            )
    ) as g (classid, objid, objsubid, owner, acl)
    cross join lateral aclexplode(g.acl) as a
    inner join role as r on r.oid = a.grantee
    where a.grantee <> g.owner
)
"""

SECTIONS: tuple[LiteralString, ...] = (
    # what there is, so that a kind of object nobody thought of is noticed as well
    """
    select 'object', o.type, o.identity
    from pg_depend as d
    inner join ours as n on d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid
    cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) as o
    where
        d.deptype = 'n'
        and (d.classid, d.objid) not in (select m.classid, m.objid from foreign_member as m)
    """,
    """
    select 'role', r.rolname,
        concat_ws(
            ' ',
            case when r.rolsuper then 'superuser' end,
            case when r.rolcanlogin then 'login' end,
            case when r.rolinherit then 'inherit' end,
            case when r.rolcreaterole then 'createrole' end,
            case when r.rolcreatedb then 'createdb' end,
            case when r.rolreplication then 'replication' end,
            case when r.rolbypassrls then 'bypassrls' end,
            'member of ' || (
                select string_agg(
                    g.rolname || case when m.admin_option then ' (admin)' else '' end,
                    ', ' order by g.rolname
                )
                from pg_auth_members as m
                inner join pg_roles as g on g.oid = m.roleid
                where m.member = r.oid
            )
        )
    from pg_roles as r
    where r.rolname = any(%(roles)s) and 'steward' = any(%(schemas)s)
    """,
    """
    select 'schema', n.nspname, 'owner ' || r.name
    from ours as n
    inner join role as r on r.oid = n.nspowner
    """,
    """
    select 'relation', c.name,
        format(
            'kind %%s, owner %%s, persistence %%s, access method %%s, replica identity %%s',
            c.relkind, r.name, c.relpersistence, coalesce(a.amname, 'none'), c.relreplident
        )
        || case when c.relrowsecurity then ', row security' else '' end
        || case when c.relforcerowsecurity then ', forced' else '' end
        || coalesce(
            ', with ' || (
                select string_agg(o.value, ', ' order by o.value)
                from unnest(c.reloptions) as o (value)
            ),
            ''
        )
        || coalesce(', partition ' || pg_get_expr(c.relpartbound, c.oid), '')
        || coalesce(', partitioned by ' || pg_get_partkeydef(c.oid), '')
        || coalesce(
            ', inherits ' || (
                select string_agg(i.inhparent::regclass::text, ', ' order by i.inhseqno)
                from pg_inherits as i
                where i.inhrelid = c.oid
            ),
            ''
        )
    from relation as c
    inner join role as r on r.oid = c.relowner
    left join pg_am as a on a.oid = c.relam
    """,
    """
    select 'column',
        format(
            '%%s %%s %%I', c.name,
            -- not attnum, in which dropped columns leave gaps
            lpad(
                row_number() over (partition by c.oid order by a.attnum)::text, 3, '0'
            ),
            a.attname
        ),
        format_type(a.atttypid, a.atttypmod)
        || case
            when a.attcollation in (0, t.typcollation) then ''
            else ' collate ' || a.attcollation::regcollation
        end
        || case when a.attnotnull then ' not null' else '' end
        || case a.attidentity
            when 'a' then ' generated always as identity'
            when 'd' then ' generated by default as identity'
            else ''
        end
        || case a.attgenerated when 's' then ' stored' when 'v' then ' virtual' else '' end
        || coalesce(' default ' || pg_get_expr(f.adbin, f.adrelid), '')
        || format(', storage %%s', a.attstorage)
        || coalesce(', compression ' || nullif(a.attcompression::text, ''), '')
        || coalesce(', ' || array_to_string(a.attoptions, ', '), '')
    from relation as c
    inner join pg_attribute as a on a.attrelid = c.oid
    inner join pg_type as t on t.oid = a.atttypid
    left join pg_attrdef as f on f.adrelid = a.attrelid and f.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped and c.relkind not in ('i', 'I', 'S')
    """,
    # NOT NULL is a constraint of its own from version 18 on; it is told with the column
    """
    select 'constraint', format('%%s %%I', c.name, k.conname),
        pg_get_constraintdef(k.oid)
        || case when k.convalidated then '' else ' NOT VALIDATED' end
    from relation as c
    inner join pg_constraint as k on k.conrelid = c.oid
    where k.contype <> 'n'
    """,
    """
    select 'index', c.name,
        pg_get_indexdef(c.oid)
        || case when i.indisvalid and i.indisready and i.indislive then '' else ' (invalid)' end
        || case when i.indisclustered then ' (clustered)' else '' end
        || case when i.indisreplident then ' (replica identity)' else '' end
    from relation as c
    inner join pg_index as i on i.indexrelid = c.oid
    """,
    """
    select 'statistics', format('%%I.%%I', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid)
    from pg_statistic_ext as s
    inner join ours as n on n.oid = s.stxnamespace
    """,
    """
    select 'sequence', c.name,
        format(
            'as %%s start %%s increment %%s min %%s max %%s cache %%s%%s',
            s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
            case when s.seqcycle then ' cycle' else '' end
        )
        || coalesce(
            (
                select format(' owned by %%s.%%I', d.refobjid::regclass, a.attname)
                from pg_depend as d
                inner join pg_attribute as a
                    on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                where
                    d.classid = 'pg_class'::regclass and d.objid = c.oid
                    and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
            ),
            ''
        )
    from relation as c
    inner join pg_sequence as s on s.seqrelid = c.oid
    """,
    """
    select 'view', c.name, pg_get_viewdef(c.oid)
    from relation as c
    where c.relkind in ('v', 'm')
    """,
    """
    select 'rule', format('%%s %%I', c.name, r.rulename), pg_get_ruledef(r.oid)
    from relation as c
    inner join pg_rewrite as r on r.ev_class = c.oid
    where r.rulename <> '_RETURN'
    """,
    # also our triggers on the tables of the users
    """
    select 'trigger', format('%%s %%I', t.tgrelid::regclass, t.tgname),
        format('%%s, enabled %%s', pg_get_triggerdef(t.oid), t.tgenabled)
    from pg_trigger as t
    where
        not t.tgisinternal
        and (
            t.tgrelid in (select c.oid from relation as c)
            or t.tgfoid in (select p.oid from routine as p)
        )
    """,
    """
    select 'policy', format('%%s %%I', c.name, p.polname),
        format(
            'for %%s, %%s, to %%s, using (%%s), with check (%%s)',
            p.polcmd,
            case when p.polpermissive then 'permissive' else 'restrictive' end,
            (
                select string_agg(r.name, ', ' order by r.name)
                from role as r
                where r.oid = any(p.polroles)
            ),
            pg_get_expr(p.polqual, p.polrelid),
            pg_get_expr(p.polwithcheck, p.polrelid)
        )
    from relation as c
    inner join pg_policy as p on p.polrelid = c.oid
    """,
    """
    select 'routine', p.name,
        format(
            'kind %%s, owner %%s, language %%s, volatility %%s, parallel %%s%%s%%s%%s, sha256 %%s',
            p.prokind, r.name, l.lanname, p.provolatile, p.proparallel,
            case when p.prosecdef then ', security definer' else '' end,
            case when p.proisstrict then ', strict' else '' end,
            case when p.proleakproof then ', leakproof' else '' end,
            encode(sha256(convert_to(d.definition, 'UTF8')), 'hex')
        )
        || case
            when length(d.definition) <= %(longest)s then E'\n' || d.definition
            else ''
        end
    from routine as p
    inner join role as r on r.oid = p.proowner
    inner join pg_language as l on l.oid = p.prolang
    cross join lateral (
        select case when p.prokind in ('f', 'p', 'w') then pg_get_functiondef(p.oid) end
    ) as d (definition)
    """,
    """
    select 'type', format('%%I.%%I', n.nspname, t.typname),
        format(
            'kind %%s, owner %%s, base %%s, default %%s, constraints (%%s), labels (%%s)',
            t.typtype, r.name,
            format_type(nullif(t.typbasetype, 0), t.typtypmod),
            t.typdefault,
            (
                select string_agg(pg_get_constraintdef(k.oid), ', ' order by k.conname)
                from pg_constraint as k
                where k.contypid = t.oid
            ),
            (
                select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
                from pg_enum as e
                where e.enumtypid = t.oid
            )
        )
    from pg_type as t
    inner join ours as n on n.oid = t.typnamespace
    inner join role as r on r.oid = t.typowner
    where
        t.typtype in ('c', 'd', 'e', 'r', 'm')
        and not exists (select from pg_class as c where c.oid = t.typrelid and c.relkind <> 'c')
        and ('pg_type'::regclass, t.oid) not in (select m.classid, m.objid from foreign_member as m)
    """,
    """
    select 'privilege', o.identity,
        format(
            '%%s to %%s%%s', lower(p.privilege_type), p.grantee,
            case when p.is_grantable then ' with grant option' else '' end
        )
    from privilege as p
    cross join lateral pg_identify_object(p.classid, p.objid, p.objsubid) as o
    """,
    """
    select 'default privilege',
        format('%%s in %%s for %%s', d.defaclobjtype, n.nspname, o.name),
        format('%%s to %%s', lower(a.privilege_type), r.name)
    from pg_default_acl as d
    inner join ours as n on n.oid = d.defaclnamespace
    cross join lateral aclexplode(d.defaclacl) as a
    inner join role as r on r.oid = a.grantee
    inner join role as o on o.oid = d.defaclrole
    """,
    """
    select 'comment', format('%%s %%s', o.type, o.identity), d.description
    from pg_description as d
    cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) as o
    where
        (d.classoid, d.objoid) in (
            select 'pg_namespace'::regclass, n.oid from ours as n
            union all select 'pg_class'::regclass, c.oid from relation as c
            union all select 'pg_proc'::regclass, p.oid from routine as p
            union all
            select 'pg_policy'::regclass, p.oid
            from relation as c inner join pg_policy as p on p.polrelid = c.oid
            union all
            select 'pg_constraint'::regclass, k.oid
            from relation as c inner join pg_constraint as k on k.conrelid = c.oid
            union all
            select 'pg_trigger'::regclass, t.oid
            from relation as c inner join pg_trigger as t on t.tgrelid = c.oid
            union all
            select 'pg_type'::regclass, t.oid
            from pg_type as t inner join ours as n on n.oid = t.typnamespace
        )
        and (d.classoid, d.objoid) not in (select m.classid, m.objid from foreign_member as m)
    """,
)


def lines(
    connection: psycopg.Connection[Any], schemas: Sequence[str] = OURS
) -> list[tuple[str, str, str]]:
    """The catalog as (kind, name, what there is to say), sorted; sees uncommitted changes."""
    found: list[tuple[str, str, str]] = []
    # Names of types, operators and tables are written out in full.
    path = connection.execute("show search_path").fetchall()[0][0]
    connection.execute("select set_config('search_path', 'pg_catalog, pg_temp', false)")
    for section in SECTIONS:
        found += connection.execute(
            COMMON + section,
            {"schemas": list(schemas), "roles": list(ROLES), "longest": LONGEST_DEFINITION},
        ).fetchall()
    connection.execute("select set_config('search_path', %s, false)", [path])
    # In Python, so that no collation of the server's has a say.
    return sorted((kind, name, text or "") for kind, name, text in found)


def snapshot(database: Database, schemas: Sequence[str] = OURS) -> str:
    """The catalog of some schemas as text, the same for the same content."""
    with database.connect() as connection:
        found = lines(connection, schemas)
    return "".join(
        f"{kind}  {name}  {text}".replace("\n", "\n    ") + "\n" for kind, name, text in found
    )
