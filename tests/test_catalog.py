"""The rules that every object of pg_steward obeys, and for each rule the proof that it can fail.

A rule is a function that returns what breaks it. Rules of the first kind look at the catalog of a
database in which a table is tracked, rules of the second kind at the files under sql/src.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from catalog import OURS, ROLES
from support import ROOT, Database, quote_name

Connection = psycopg.Connection[Any]
SOURCE = ROOT / "sql" / "src"

# A procedure that commits can be neither SECURITY DEFINER nor have settings of its own.
COMMITS = (
    "steward.work(integer,integer,integer,integer,text,integer,integer)",
    "steward.reconcile_all(bigint)",
)
SEARCH_PATH = "search_path=pg_catalog, pg_temp"


# Rules about the catalog -------------------------------------------------------------------------


def found(connection: Connection, query: LiteralString) -> list[str]:
    """The first column of what a query finds."""
    # bound by the client: the server cannot tell the type of an argument of format()
    rows = psycopg.ClientCursor(connection).execute(
        query,
        {
            "ours": list(OURS),
            "roles": list(ROLES),
            "commits": list(COMMITS),
            "search_path": SEARCH_PATH,
        },
    )
    return [row[0] for row in rows]


def without_comment(connection: Connection) -> list[str]:
    """Whatever a person can come across says what it is."""
    return found(
        connection,
        """
        select format('%%s has no comment', o.identity)
        from (
            select 'pg_namespace'::regclass, n.oid
            from pg_namespace as n
            where n.nspname = any(%(ours)s)
            union all
            select 'pg_class'::regclass, c.oid
            from pg_class as c
            where c.relnamespace::regnamespace::text = any(%(ours)s)
            and c.relkind in ('r', 'p', 'v', 'm', 'f')
            union all
            select 'pg_proc'::regclass, p.oid
            from pg_proc as p
            where p.pronamespace::regnamespace::text in ('steward', 'steward_data')
            union all
            select 'pg_type'::regclass, t.oid
            from pg_type as t
            where
                t.typnamespace::regnamespace::text = 'steward'
                and t.typtype in ('c', 'd', 'e', 'r')
                and not exists (
                    select from pg_class as c where c.oid = t.typrelid and c.relkind <> 'c'
                )
            union all
            select 'pg_policy'::regclass, p.oid
            from pg_policy as p
            inner join pg_class as c on c.oid = p.polrelid
            where c.relnamespace::regnamespace::text = any(%(ours)s)
        ) as x (classid, objid)
        cross join lateral pg_identify_object(x.classid, x.objid, 0) as o
        where
            coalesce(obj_description(x.objid, x.classid::regclass::name), '') = ''
        """,
    )


def without_search_path(connection: Connection) -> list[str]:
    """No routine finds objects of the caller's choosing."""
    return found(
        connection,
        """
        select format('%%s has no %%s', p.oid::regprocedure, %(search_path)s)
        from pg_proc as p
        where
            p.pronamespace::regnamespace::text = any(%(ours)s)
            and not coalesce(%(search_path)s = any(p.proconfig), false)
            and not (
                p.oid::regprocedure::text = any(%(commits)s)
                and p.prokind = 'p' and not p.prosecdef
            )
            -- the generated functions for the columns of a key, which a SET clause would keep from
            -- being inlined: parsed once, they mean the same under every path
            and not (
                p.proname ~ '^key_[0-9]+_[0-9]+$'
                and p.pronamespace = 'steward_private'::regnamespace
                and p.prosqlbody is not null and not p.prosecdef
            )
        """,
    )


def open_to_public(connection: Connection) -> list[str]:
    """PUBLIC has no privilege on anything of ours."""
    return found(
        connection,
        """
        select format('PUBLIC has %%s on %%s', lower(a.privilege_type), o.identity)
        from (
            select 'pg_namespace'::regclass, n.oid, 0,
                coalesce(n.nspacl, acldefault('n', n.nspowner))
            from pg_namespace as n
            where n.nspname = any(%(ours)s)
            union all
            select 'pg_class'::regclass, c.oid, 0,
                coalesce(
                    c.relacl,
                    acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)
                )
            from pg_class as c
            where
                c.relnamespace::regnamespace::text = any(%(ours)s)
                and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
            union all
            select 'pg_class'::regclass, c.oid, t.attnum, t.attacl
            from pg_class as c
            inner join pg_attribute as t on t.attrelid = c.oid
            where c.relnamespace::regnamespace::text = any(%(ours)s)
            union all
            select 'pg_proc'::regclass, p.oid, 0, coalesce(p.proacl, acldefault('f', p.proowner))
            from pg_proc as p
            where p.pronamespace::regnamespace::text = any(%(ours)s)
            union all
            -- the row type of a table cannot be named without the schema, and has no privileges
            select 'pg_type'::regclass, t.oid, 0, coalesce(t.typacl, acldefault('T', t.typowner))
            from pg_type as t
            where
                t.typnamespace::regnamespace::text = any(%(ours)s)
                and t.typtype in ('c', 'd', 'e', 'r')
                and not exists (
                    select from pg_class as c where c.oid = t.typrelid and c.relkind <> 'c'
                )
        ) as x (classid, objid, objsubid, acl)
        cross join lateral aclexplode(x.acl) as a
        cross join lateral pg_identify_object(x.classid, x.objid, x.objsubid) as o
        where a.grantee = 0
        """,
    )


def without_row_security(connection: Connection) -> list[str]:
    """A table without a policy shows nothing to anybody but its owner."""
    return found(
        connection,
        """
        select format('%%s has no row level security', c.oid::regclass)
        from pg_class as c
        where
            c.relnamespace::regnamespace::text = any(%(ours)s)
            and c.relkind in ('r', 'p')
            and not c.relrowsecurity
        """,
    )


def without_primary_key(connection: Connection) -> list[str]:
    """Rows can be told apart, also by logical replication."""
    return found(
        connection,
        """
        select format('%%s has no primary key', c.oid::regclass)
        from pg_class as c
        where
            c.relnamespace::regnamespace::text = any(%(ours)s)
            -- partitions have their own
            and c.relkind = 'r'
            -- what writers leave word in: rows are added and taken away, never changed
            and c.oid not in (
                select unnest(s.mark_tables) from steward_private.source as s
            )
            and not exists (
                select from pg_index as i where i.indrelid = c.oid and i.indisprimary
            )
        """,
    )


def without_foreign_key_index(connection: Connection) -> list[str]:
    """A delete in the table referred to does not scan the one that refers."""
    return found(
        connection,
        """
        select format('foreign key %%s of %%s has no index', k.conname, k.conrelid::regclass)
        from pg_constraint as k
        inner join pg_class as c on c.oid = k.conrelid
        where
            -- partitions have their own
            k.contype = 'f' and c.relkind = 'r'
            and k.connamespace::regnamespace::text = any(%(ours)s)
            and not exists (
                select from pg_index as i
                where
                    i.indrelid = k.conrelid
                    and i.indisvalid and i.indpred is null
                    and i.indnkeyatts >= cardinality(k.conkey)
                    -- in any order, but before all other columns
                    and k.conkey <@ (i.indkey::int2[])[0:cardinality(k.conkey) - 1]
            )
        """,
    )


def unvalidated(connection: Connection) -> list[str]:
    """What a constraint or an index says is true."""
    return found(
        connection,
        """
        select format('constraint %%s is not validated', k.conname)
        from pg_constraint as k
        where k.connamespace::regnamespace::text = any(%(ours)s) and not k.convalidated
        union all
        select format('index %%s is not valid', i.indexrelid::regclass)
        from pg_index as i
        inner join pg_class as c on c.oid = i.indexrelid
        where c.relnamespace::regnamespace::text = any(%(ours)s) and not i.indisvalid
        """,
    )


def readers_with_wrong_rights(connection: Connection) -> list[str]:
    """What reads a source does so as its owner, for pg_steward alone."""
    return found(
        connection,
        """
        with reader as (
            select p.*, p.oid::regprocedure as name, s.relation
            from pg_proc as p
            inner join steward_private.source as s
                on p.proname = any(array[
                    format('read_%%s', s.source_id), format('there_%%s', s.source_id),
                    format('lock_%%s', s.source_id), format('scan_%%s', s.source_id)
                ]::name[])
            where p.pronamespace = 'steward_private'::regnamespace
        ),

        ours as (
            select n.nspowner from pg_namespace as n where n.nspname = 'steward_private'
        )

        select format('%%s does not run as its owner', r.name)
        from reader as r
        where not r.prosecdef
        union all
        select format('%%s does not belong to the owner of %%s', r.name, r.relation)
        from reader as r
        inner join pg_class as c on c.oid = r.relation
        where c.relowner <> r.proowner
        union all
        select format('%%s may be called by %%s', r.name, a.grantee::regrole)
        from reader as r
        cross join ours
        cross join lateral aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) as a
        where a.grantee not in (r.proowner, ours.nspowner)
        union all
        select format('%%s has %%s readers, not 4', s.relation, count(r.oid))
        from steward_private.source as s
        left join reader as r on r.relation = s.relation
        group by s.relation
        having count(r.oid) <> 4
        union all
        -- it is lent for the moment in which the readers change hands
        select format('%%s may create in schema steward_private', a.grantee::regrole)
        from pg_namespace as n
        cross join ours
        cross join lateral aclexplode(n.nspacl) as a
        where
            n.nspname = 'steward_private' and a.privilege_type = 'CREATE'
            and a.grantee <> ours.nspowner
        """,
    )


def roles_with_too_much(connection: Connection) -> list[str]:
    """The roles of pg_steward are groups and own nothing."""
    return found(
        connection,
        """
        select format('role %%s can log in or has an attribute', r.rolname)
        from pg_roles as r
        where
            r.rolname = any(%(roles)s)
            and (
                r.rolcanlogin or r.rolsuper or r.rolcreaterole or r.rolcreatedb
                or r.rolreplication or r.rolbypassrls
            )
        union all
        select format('role %%s owns %%s', r.rolname, d.objid)
        from pg_shdepend as d
        inner join pg_roles as r on r.oid = d.refobjid
        inner join pg_database as b on b.oid = d.dbid and b.datname = current_database()
        where
            d.refclassid = 'pg_authid'::regclass and d.deptype = 'o'
            and r.rolname = any(%(roles)s)
        """,
    )


CatalogRule = Callable[[Connection], list[str]]
CATALOG_RULES: tuple[CatalogRule, ...] = (
    without_comment,
    without_search_path,
    open_to_public,
    without_row_security,
    without_primary_key,
    without_foreign_key_index,
    unvalidated,
    readers_with_wrong_rights,
    roles_with_too_much,
)

# Which rule, how to break it, and what is reported then.
CATALOG_BREAKS: tuple[tuple[CatalogRule, LiteralString, str], ...] = (
    (without_comment, "comment on function steward.version() is null", "steward.version()"),
    (without_comment, "comment on function steward._tasks(integer) is ''", "steward._tasks("),
    (
        without_comment,
        "comment on procedure steward.work("
        "integer, integer, integer, integer, text, integer, integer) is null",
        "steward.work(",
    ),
    (without_comment, "comment on view steward.jobs is null", "steward.jobs"),
    (without_comment, "comment on schema steward_data is null", "steward_data"),
    (without_comment, "comment on table steward_private.claim is null", "steward_private.claim"),
    (without_comment, "comment on table steward_data.articles_1_job is null", "articles_1_job"),
    (
        without_comment,
        "comment on function steward_data.articles_1_mark() is null",
        "articles_1_mark",
    ),
    (
        without_comment,
        "comment on policy select_who_sees_the_row on steward_data.articles_1_doc is null",
        "select_who_sees_the_row",
    ),
    (without_comment, "create type steward.mood as enum ('fine')", "steward.mood"),
    (without_search_path, "alter function steward.check() reset all", 'steward."check"()'),
    (
        without_search_path,
        "alter function steward.version() set search_path = ''",
        "steward.version()",
    ),
    (
        without_search_path,
        "alter function steward_private.max_attempts() set search_path = public",
        "steward_private.max_attempts()",
    ),
    (
        without_search_path,
        "alter function steward_private.read_1(jsonb) reset all",
        "steward_private.read_1(jsonb)",
    ),
    (
        without_search_path,
        "alter function steward_data.articles_1_mark() reset search_path",
        "steward_data.articles_1_mark()",
    ),
    (
        without_search_path,
        "alter procedure steward.work("
        "integer, integer, integer, integer, text, integer, integer) security definer",
        "steward.work(",
    ),
    (
        without_search_path,
        "create procedure steward.other() language sql begin atomic end",
        "steward.other()",
    ),
    (
        without_search_path,
        "create function steward_private.key_1_2(integer) returns integer language sql "
        "as 'select $1'",
        "steward_private.key_1_2(integer)",
    ),
    (open_to_public, "grant usage on schema steward to public", "usage on steward"),
    (open_to_public, "grant create on schema steward_data to public", "create on steward_data"),
    (open_to_public, "grant select on steward.models to public", "select on steward.models"),
    (
        open_to_public,
        "grant select (source_id) on steward_private.source to public",
        "select on steward_private.source.source_id",
    ),
    (open_to_public, "grant execute on function steward.version() to public", "steward.version()"),
    (
        open_to_public,
        "create function steward_private.fresh() returns integer language sql return 1",
        "execute on steward_private.fresh()",
    ),
    (
        open_to_public,
        "grant execute on function steward_private.scan_1(jsonb, integer) to public",
        "steward_private.scan_1(",
    ),
    (
        open_to_public,
        "grant select on steward_data.articles_1_chunk to public",
        "steward_data.articles_1_chunk",
    ),
    (
        open_to_public,
        "grant usage on sequence steward_private.claim_token_seq to public",
        "steward_private.claim_token_seq",
    ),
    (open_to_public, "create domain steward.word as text", "usage on steward.word"),
    (
        without_row_security,
        "alter table steward_private.model disable row level security",
        "steward_private.model",
    ),
    (
        without_row_security,
        "alter table steward_data.articles_1_chunk disable row level security",
        "steward_data.articles_1_chunk",
    ),
    (without_row_security, "create table steward_private.a (b integer)", "steward_private.a"),
    (
        without_primary_key,
        "alter table steward_private.claim drop constraint claim_pkey",
        "steward_private.claim",
    ),
    (
        without_primary_key,
        "alter table steward_data.articles_1_job drop constraint articles_1_job_pkey",
        "steward_data.articles_1_job",
    ),
    (
        without_foreign_key_index,
        "drop index steward_private.claim_space_id_idx",
        "claim_space_id_fkey",
    ),
    (
        without_foreign_key_index,
        "drop index steward_private.space_source_id_idx",
        # what is left is an index on a part of the rows
        "space_source_id_fkey",
    ),
    (
        unvalidated,
        "alter table steward_private.model add constraint a check (dimensions > 0) not valid",
        "constraint a",
    ),
    (
        readers_with_wrong_rights,
        "alter function steward_private.read_1(jsonb) security invoker",
        "steward_private.read_1(jsonb) does not run as its owner",
    ),
    (
        readers_with_wrong_rights,
        "alter function steward_private.lock_1(jsonb) owner to current_user",
        "steward_private.lock_1(jsonb) does not belong to the owner of articles",
    ),
    (
        readers_with_wrong_rights,
        "grant execute on function steward_private.scan_1(jsonb, integer) to steward_worker",
        "steward_private.scan_1(jsonb,integer) may be called by steward_worker",
    ),
    (
        readers_with_wrong_rights,
        "drop function steward_private.scan_1(jsonb, integer)",
        "has 3 readers",
    ),
    (
        readers_with_wrong_rights,
        "grant create on schema steward_private to steward_admin",
        "steward_admin may create",
    ),
    (roles_with_too_much, "alter role steward_reader bypassrls", "steward_reader"),
    (roles_with_too_much, "alter view steward.jobs owner to steward_operator", "owns"),
)


@pytest.fixture
def connection(db: Database, make_role: Callable[..., str]) -> Iterator[Connection]:
    """A session in a database in which somebody's table is tracked; what it does is undone."""
    owner = make_role("steward_admin")
    db.run(f"grant create on schema public to {quote_name(owner)}")
    with db.connect(owner) as session:
        session.execute("create table articles (id integer primary key, body text)")
        session.execute("insert into articles values (1, 'Bread'), (2, 'Tides')")
        session.execute("select steward.track('articles', content => 'body')")
    db.work()
    with db.connect(autocommit=False) as session:
        yield session
        session.rollback()


def test_catalog_obeys_the_rules(connection: Connection) -> None:
    """Nobody broke a rule."""
    assert [line for rule in CATALOG_RULES for line in rule(connection)] == []


def test_catalog_rules_can_fail(connection: Connection) -> None:
    """Each way of breaking a rule is reported by that rule."""
    not_seen = []
    for rule, broken_by, reported in CATALOG_BREAKS:
        with connection.transaction(force_rollback=True):
            # there are more of them than the one we look for if the object is new, never fewer
            connection.execute(broken_by)
            if not any(reported in line for line in rule(connection)):
                not_seen.append((rule.__name__, broken_by))
    assert not_seen == []


def test_every_catalog_rule_has_been_seen_to_fail() -> None:
    """A rule without a way to break it may be no rule."""
    assert {rule for rule, _, _ in CATALOG_BREAKS} == set(CATALOG_RULES)


# Rules about the files ---------------------------------------------------------------------------

# Where which kind of object lives, and in which schemas.
PLACES = {
    "code/functions": ("(?:function|procedure)", r"steward(?:_private)?"),
    "code/python": ("(?:function|procedure)", r"steward(?:_private)?"),
    "code/views": ("view", "steward"),
    "schema/tables": ("table", "steward_private"),
}
CREATED = re.compile(
    r"^create\s+(?:or\s+replace\s+)?(?:unique\s+)?"
    r"(?P<kind>function|procedure|view|table|index|type|domain|sequence|trigger|policy|aggregate)\s+"
    r"(?P<name>[\w.]+)",
    re.MULTILINE,
)
HEADER = re.compile(
    r"^create or replace (?P<kind>function|procedure) (?P<name>[\w.]+)\s*\("
    r"(?P<attributes>.*?)^(?:as \$|begin atomic|return\b)",
    re.MULTILINE | re.DOTALL,
)


def files(source: Path) -> Iterator[tuple[str, str, str, str]]:
    """Every file with an object in it: its place, its name, its text, and how to call it."""
    for place in PLACES:
        for path in sorted((source / place).glob("*.sql")):
            yield (
                place,
                path.stem,
                path.read_text(encoding="utf-8"),
                path.relative_to(source).as_posix(),
            )


def without_bodies(text: str) -> str:
    """The text without what is between dollar quotes, where there is other code."""
    return re.sub(r"\$(\w*)\$.*?\$\1\$", "$$", text, flags=re.DOTALL)


def one_object_a_file(source: Path) -> list[str]:
    """A file is named after the one object in it, so that its history is the object's."""
    problems = []
    for place, stem, text, label in files(source):
        kind, schema = PLACES[place]
        # a function that is overloaded is one object in several forms
        created = sorted(
            {
                (match["kind"], match["name"])
                for match in CREATED.finditer(without_bodies(text))
                # what belongs to a table is made beside it
                if not (place == "schema/tables" and match["kind"] in ("index", "sequence"))
            }
        )
        if len(created) != 1:
            problems.append(f"{label} makes {len(created)} objects")
        elif not re.fullmatch(kind, created[0][0]) or not re.fullmatch(
            rf"{schema}\.{re.escape(stem)}", created[0][1]
        ):
            problems.append(f"{label} makes {' '.join(created[0])}")
    return problems


def comments_beside_their_object(source: Path) -> list[str]:
    """What is said about an object is said in its own file."""
    problems = []
    for _, _, text, label in files(source):
        plain = without_bodies(text)
        created = {match["name"] for match in CREATED.finditer(plain)}
        problems += [
            f"{label} comments on {name}"
            for name in re.findall(
                r"^comment\s+on\s+(?:column\s+)?\w+\s+([\w]+\.[\w]+)", plain, re.MULTILINE
            )
            if name not in created
        ]
    return problems


def headers(source: Path) -> Iterator[tuple[str, str, str]]:
    """The header of every routine: what comes between its arguments and its body."""
    for place, _, text, label in files(source):
        if place in ("code/functions", "code/python"):
            matches = list(HEADER.finditer(text))
            yield from ((label, match["kind"], match["attributes"]) for match in matches)
            if len(matches) != len(re.findall(r"^create ", without_bodies(text), re.MULTILINE)):
                yield label, "", ""


def unspoken_attributes(source: Path) -> list[str]:
    """Whoever writes a routine decides about each attribute; no default decides for them."""
    wanted = {
        "language": r"^language \w+$",
        "volatility": r"^(immutable|stable|volatile)\b",
        "parallel safety": r"\bparallel (safe|restricted|unsafe)$",
        "security": r"^security (invoker|definer)$",
    }
    problems = []
    for label, kind, attributes in headers(source):
        if not kind:
            problems.append(f"{label}: no routine with a header was found")
        for name, pattern in wanted.items():
            # PostgreSQL refuses these two for a procedure
            allowed = kind == "function" or name in ("language", "security")
            if allowed and len(re.findall(pattern, attributes, re.MULTILINE)) != 1:
                problems.append(f"{label} does not say its {name}")
    return problems


def unexplained_definers(source: Path) -> list[str]:
    """A routine with more rights than its caller says what for."""
    return [
        f"{label} is a definer without a reason"
        for label, _, attributes in headers(source)
        if re.search(r"^security definer$", attributes, re.MULTILINE)
        and not re.search(r"^-- definer: \w+", attributes, re.MULTILINE)
    ]


FileRule = Callable[[Path], list[str]]
FILE_RULES: tuple[FileRule, ...] = (
    one_object_a_file,
    comments_beside_their_object,
    unspoken_attributes,
    unexplained_definers,
)

# Which rule, which file, what is put in the place of what, and what is reported then.
FILE_BREAKS: tuple[tuple[FileRule, str, str, str, str], ...] = (
    (
        one_object_a_file,
        "code/functions/version.sql",
        "steward.version()",
        "steward.edition()",
        "makes function steward.edition",
    ),
    (
        one_object_a_file,
        "code/functions/key_list.sql",
        "function steward_private.key_list",
        "function public.key_list",
        "makes function public.key_list",
    ),
    (
        one_object_a_file,
        "schema/tables/claim.sql",
        "create index claim_space_id_idx",
        "create table steward_private.second (a integer);\ncreate index claim_space_id_idx",
        "makes 2 objects",
    ),
    (
        one_object_a_file,
        "code/views/models.sql",
        "create or replace view",
        "create or replace function",
        "makes function",
    ),
    (
        comments_beside_their_object,
        "code/views/models.sql",
        "comment on view steward.models",
        "comment on view steward.sources",
        "comments on steward.sources",
    ),
    (unspoken_attributes, "code/functions/version.sql", "immutable ", "", "its volatility"),
    (
        unspoken_attributes,
        "code/functions/version.sql",
        "immutable parallel safe",
        "immutable",
        "its parallel safety",
    ),
    (
        unspoken_attributes,
        "code/functions/version.sql",
        "security invoker\n",
        "",
        "its security",
    ),
    (unspoken_attributes, "code/functions/version.sql", "language sql\n", "", "its language"),
    (unspoken_attributes, "code/python/work.sql", "security invoker\n", "", "its security"),
    (unspoken_attributes, "code/python/embed.sql", "stable parallel", "parallel", "its volatility"),
    (
        unspoken_attributes,
        "code/functions/version.sql",
        "create or replace function",
        "create function",
        "no routine",
    ),
    (
        unexplained_definers,
        "code/functions/claim.sql",
        "-- definer: ",
        "-- ",
        "code/functions/claim.sql is a definer",
    ),
    (
        unexplained_definers,
        "code/functions/version.sql",
        "security invoker",
        "security definer",
        "code/functions/version.sql is a definer",
    ),
)


def test_files_obey_the_rules() -> None:
    """Nobody broke a rule."""
    assert [line for rule in FILE_RULES for line in rule(SOURCE)] == []


@pytest.mark.parametrize(
    "broken",
    FILE_BREAKS,
    ids=[f"{rule.__name__}-{number}" for number, (rule, *_) in enumerate(FILE_BREAKS)],
)
def test_file_rules_can_fail(broken: tuple[FileRule, str, str, str, str], tmp_path: Path) -> None:
    """Each way of breaking a rule is reported by that rule."""
    rule, file, old, new, reported = broken
    source = shutil.copytree(SOURCE, tmp_path / "src")
    text = (source / file).read_text(encoding="utf-8")
    assert old in text
    before = rule(source)
    (source / file).write_text(text.replace(old, new), encoding="utf-8")
    assert [line for line in rule(source) if line not in before and reported in line]


def test_every_file_rule_has_been_seen_to_fail() -> None:
    """A rule without a way to break it may be no rule."""
    assert {rule for rule, *_ in FILE_BREAKS} == set(FILE_RULES)


def test_every_definer_comes_from_a_file_that_says_so(connection: Connection) -> None:
    """The catalog knows no definer that the rule about the files has not read."""
    said = {
        label.rpartition("/")[2].removesuffix(".sql")
        for label, _, attributes in headers(SOURCE)
        if re.search(r"^security definer$", attributes, re.MULTILINE)
    }
    definers = set(
        found(
            connection,
            """
            select p.proname
            from pg_proc as p
            where p.pronamespace::regnamespace::text = any(%(ours)s) and p.prosecdef
            """,
        )
    )
    generated = {
        *("read_1", "there_1", "lock_1", "scan_1"),
        *("articles_1_mark", "articles_1_gone", "articles_1_truncated"),
    }
    assert definers - generated == said
    assert generated <= definers
