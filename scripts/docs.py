#!/usr/bin/env python3
"""Make sql/REFERENCE.md from the catalog of a database with pg_steward and nothing else in it.

With --check only say whether the file is current.
"""

from __future__ import annotations

import argparse
import difflib
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from pgenv import Cluster, Problem, provision

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "sql" / "REFERENCE.md"
DIFF_LINES = 40

# Every public function, procedure and view is in one of these groups.
GROUPS = (
    (
        "Install and check",
        "Is it there, which version, and is everything in place?",
        ("version", "check", "enable_python"),
    ),
    (
        "Sources",
        "Which tables are looked after, and by which model.",
        (
            "track",
            "alter",
            "untrack",
            "dry_run",
            "preview",
            "chunk",
            "sources",
            "policies",
            "spaces",
        ),
    ),
    (
        "Models",
        "What makes vectors, where, and with which key.",
        (
            "models",
            "add_model",
            "test_model",
            "set_price",
            "secrets",
            "set_secret",
            "refer_secret",
            "drop_secret",
            "allow_endpoints",
        ),
    ),
    (
        "Models side by side",
        "Another model for a table, without a gap in which search has nothing to answer from.",
        ("add_space", "compare_spaces", "promote", "demote", "retire_space"),
    ),
    (
        "Search",
        "Find the chunks that are nearest to a text or to a vector.",
        ("search", "search_vector", "embed"),
    ),
    (
        "Freshness",
        "What is fresh, what waits, and what became of each edit.",
        (
            "freshness",
            "freshness_detail",
            "queue",
            "jobs",
            "failures",
            "decisions",
            "decisions_summary",
            "verify",
            "reconcile",
            "reconcile_all",
        ),
    ),
    (
        "Significance",
        "Which changes of a text are worth a new vector: say it, try it, see why.",
        ("significance", "explain_change", "simulate", "suggest_threshold"),
    ),
    (
        "History",
        "What search showed once, and how it is brought back or removed.",
        ("as_of", "rollback_document", "prune", "erase", "tidy"),
    ),
    (
        "Backfill and costs",
        "The rows that a source had already, and what was spent.",
        ("backfill", "cancel_backfill", "backfills", "costs"),
    ),
    (
        "Worker protocol",
        "The calls with which any program embeds, and the worker that runs in the database.",
        ("claim", "complete", "fail", "release", "extend", "work"),
    ),
    (
        "Operations",
        "Let it run by itself, and see whether all is well.",
        (
            "start",
            "stop",
            "status",
            "health",
            "workers",
            "settings",
            "configure",
            "reap",
            "pause",
            "resume",
            "retry_failed",
        ),
    ),
)

ROLES = {
    "steward_reader": "Searches, in the tables that its members may read anyway, and sees how "
    "fresh they are.",
    "steward_worker": "Takes texts to embed and hands in vectors. It is given the texts of every "
    "tracked table, and needs no privilege on them.",
    "steward_operator": "Keeps it running: schedules, takes back lost claims, reads jobs and "
    "decisions.",
    "steward_admin": "Decides which tables are looked after and with which models. To track a "
    "table a member also needs the TRIGGER privilege on it.",
}

# By the SQLSTATE of our own; those of PostgreSQL are used where one fits.
SQLSTATES = {
    "SW001": "The claim is no longer held: its lease ran out, it was completed or failed before, "
    "or its row was deleted. The worker drops the result. If the row still needs work, another "
    "claim returns it.",
    "SW002": "The number of vectors or their dimensions are not what the claim asks for. Nothing "
    "is stored and the claim is still held; steward.fail() with the class configuration gives it "
    "back.",
}

SHORT_TYPES = {
    "timestamp with time zone": "timestamptz",
    "double precision": "float8",
    '"char"': "char",
}

Connection = psycopg.Connection[Any]


# What is documented ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A function, a procedure or a view, as the reference shows it."""

    name: str
    kind: str
    comment: str
    who: str
    form: str


def rows(connection: Connection, query: str, *parameters: object) -> list[Any]:
    """The rows of a query, as named tuples."""
    cursor = connection.cursor(row_factory=namedtuple_row)
    return cursor.execute(query.encode(), parameters).fetchall()


# Without grantees of a test's own, and without the owner, who may do everything.
GRANTEES = """
    select array_agg(coalesce(r.rolname, 'PUBLIC') order by r.rolname)
    from aclexplode({acl}) as a
    left join pg_roles as r on r.oid = a.grantee
    where a.grantee <> {owner} and a.privilege_type = {privilege}
"""


def functions(connection: Connection) -> Iterator[Entry]:
    """The public functions and procedures."""
    grantees = GRANTEES.format(
        acl="coalesce(p.proacl, acldefault('f', p.proowner))",
        owner="p.proowner",
        privilege="'EXECUTE'",
    )
    for row in rows(
        connection,
        f"""
        select
            p.proname as name,
            p.prokind = 'p' as is_procedure,
            p.proretset as is_set,
            format_type(p.prorettype, null) as result,
            obj_description(p.oid, 'pg_proc') as comment,
            ({grantees}) as grantees,
            array(
                select concat_ws(
                    ' ', a.name, format_type(a.type, null),
                    'default ' || pg_get_function_arg_default(p.oid, a.n::integer)
                )
                from unnest(p.proargnames, p.proargmodes, coalesce(p.proallargtypes, p.proargtypes))
                    with ordinality as a (name, mode, type, n)
                where coalesce(a.mode, 'i') = 'i' and a.type is not null
                order by a.n
            ) as arguments,
            array(
                select a.name || ' ' || format_type(a.type, null)
                from unnest(p.proargnames, p.proargmodes, p.proallargtypes)
                    with ordinality as a (name, mode, type, n)
                where a.mode = 't'
                order by a.n
            ) as columns
        from pg_proc as p
        where p.pronamespace = 'steward'::regnamespace and p.proname !~ '^_'
        order by p.proname, p.oid::regprocedure::text
        """,  # noqa: S608  constants only
    ):
        arguments = [readable(argument) for argument in row.arguments]
        if row.is_procedure:
            form = listed(f"call steward.{row.name}", arguments)
        else:
            form = listed(f"steward.{row.name}", arguments)
            if row.columns:
                form += "\n" + listed("returns table ", row.columns)
            else:
                form += f"\nreturns {'setof ' if row.is_set else ''}{row.result}"
        kind = "procedure" if row.is_procedure else "function"
        yield Entry(row.name, kind, row.comment or "", named(row.grantees), f"```sql\n{form}\n```")


def views(connection: Connection) -> Iterator[Entry]:
    """The public views."""
    grantees = GRANTEES.format(
        acl="coalesce(c.relacl, acldefault('r', c.relowner))",
        owner="c.relowner",
        privilege="'SELECT'",
    )
    for row in rows(
        connection,
        f"""
        select
            c.relname as name,
            obj_description(c.oid, 'pg_class') as comment,
            ({grantees}) as grantees,
            array(
                select array[a.attname, format_type(a.atttypid, a.atttypmod)]
                from pg_attribute as a
                where a.attrelid = c.oid and a.attnum > 0
                order by a.attnum
            ) as columns
        from pg_class as c
        where
            c.relnamespace = 'steward'::regnamespace and c.relname !~ '^_' and c.relkind = 'v'
        order by c.relname
        """,  # noqa: S608  constants only
    ):
        form = table(("column", "type"), ([f"`{name}`", kind] for name, kind in row.columns))
        yield Entry(row.name, "view", row.comment or "", named(row.grantees), form)


def memberships(connection: Connection) -> dict[str, list[str]]:
    """For each of our roles, the roles of ours that it is a member of."""
    member_of = defaultdict(list)
    for row in rows(
        connection,
        """
        select m.member::regrole::text as member, m.roleid::regrole::text as role
        from pg_auth_members as m
        order by 1, 2
        """,
    ):
        if row.member in ROLES and row.role in ROLES:
            member_of[row.member].append(row.role)
    return member_of


def states_raised(connection: Connection) -> set[str]:
    """The SQLSTATEs of our own that the functions raise."""
    return {
        row.state
        for row in rows(
            connection,
            """
            select distinct m.match[1] as state
            from pg_proc as p
            cross join regexp_matches(p.prosrc, 'errcode = ''(SW[0-9A-Z]{3})''', 'g') as m (match)
            where p.pronamespace in ('steward'::regnamespace, 'steward_private'::regnamespace)
            """,
        )
    }


# The diagram -------------------------------------------------------------------------------------

SAMPLE = """
create table public.articles (
    id bigint generated always as identity primary key,
    title text,
    body text
);
"""
SAMPLE_CALL = "select steward.track('articles', content => 'body')"


def diagram(connection: Connection) -> str:
    """The tables of pg_steward, and those of one source, as an entity relationship diagram."""
    lines = ["```mermaid", "erDiagram"]
    tables = rows(
        connection,
        """
        select
            c.oid,
            c.relname as name,
            n.nspname = 'steward_data' as generated,
            obj_description(c.oid, 'pg_class') as comment,
            array(
                select array[
                    format_type(a.atttypid, a.atttypmod),
                    a.attname,
                    coalesce(
                        (
                            select string_agg(
                                distinct case k.contype when 'p' then 'PK' else 'FK' end, ', '
                            )
                            from pg_constraint as k
                            where k.conrelid = c.oid and a.attnum = any(k.conkey)
                                and k.contype in ('p', 'f')
                        ),
                        ''
                    )
                ]
                from pg_attribute as a
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                order by a.attnum
            ) as columns
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        where
            n.nspname in ('steward_private', 'steward_data') and c.relkind in ('r', 'p')
            or c.oid = 'public.articles'::regclass
        order by n.nspname <> 'steward_private', n.nspname, c.relname
        """,
    )
    for entity in tables:
        lines.append(f"    {entity.name} {{")
        for kind, name, mark in entity.columns:
            short = SHORT_TYPES.get(kind, kind).replace(" ", "_")
            lines.append(f"        {short} {name} {mark}".rstrip())
        lines.append("    }")

    # Foreign keys: solid lines.
    for key in rows(
        connection,
        """
        select
            k.conrelid::regclass::text as child,
            k.confrelid::regclass::text as parent,
            (
                select string_agg(a.attname, ', ' order by a.attnum)
                from pg_attribute as a
                where a.attrelid = k.conrelid and a.attnum = any(k.conkey)
            ) as columns
        from pg_constraint as k
        where
            k.contype = 'f' and k.connamespace in (
                'steward_private'::regnamespace, 'steward_data'::regnamespace
            )
        order by k.conname
        """,
    ):
        child, parent = (name.rpartition(".")[2] for name in (key.child, key.parent))
        lines.append(f'    {parent} ||--o{{ {child} : "{key.columns}"')

    # What a row of the registry names, and what has the key of a row of the source: dotted lines.
    for link in rows(
        connection,
        """
        select 'source' as parent, 'relation' as label, s.relation::regclass::text as child
        from steward_private.source as s
        union all
        select 'source', 'mark_tables', unnest(s.mark_tables)::text
        from steward_private.source as s
        union all
        select 'space', l.label, l.child::text
        from steward_private.space as sp
        cross join lateral (
            values
            ('job_table', sp.job_table),
            ('doc_table', sp.doc_table),
            ('chunk_table', sp.chunk_table)
        ) as l (label, child)
        """,
    ):
        lines.append(f'    {link.parent} ||..|| {link.child.rpartition(".")[2]} : "{link.label}"')
    for entity in tables:
        if entity.generated:
            one = any(name == "key_1" and mark == "PK" for _, name, mark in entity.columns)
            end = "o|" if one else "o{"
            lines.append(f'    articles ||..{end} {entity.name} : "key_1 is id"')

    lines += ["```", ""]
    lines += [f"- `{e.name}`: {e.comment}" for e in tables if e.comment]
    return "\n".join(lines)


# Putting it together -----------------------------------------------------------------------------


def render(connection: Connection) -> str:
    """The reference, from a database with pg_steward and nothing else; leaves it unchanged."""
    with connection.transaction(force_rollback=True):
        connection.execute("set local search_path = public")
        # the forms of a function that is overloaded one after the other
        entries = defaultdict(list)
        for entry in (*functions(connection), *views(connection)):
            entries[entry.name].append(entry)
        member_of = memberships(connection)
        states = states_raised(connection)
        (version,) = rows(connection, "select steward.version() as version")
        connection.execute(SAMPLE)
        connection.execute(SAMPLE_CALL)
        picture = diagram(connection)

    grouped = {name for _, _, names in GROUPS for name in names}
    if wrong := sorted(grouped ^ entries.keys()):
        raise Problem(f"GROUPS in scripts/docs.py and the catalog differ in: {', '.join(wrong)}.")
    if wrong := sorted(states ^ SQLSTATES.keys()):
        raise Problem(f"SQLSTATES in scripts/docs.py and the functions differ in: {wrong}.")
    if wrong := sorted(e.name for forms in entries.values() for e in forms if not e.comment):
        raise Problem(f"these have no comment: {', '.join(wrong)}.")

    parts = [
        "# Reference",
        f"pg_steward {version.version}. Made by `make docs` from the comments in the catalog; do "
        "not edit. In psql, `\\df+ steward.*` and `\\dv+ steward.*` show the same.",
    ]
    for heading, _, names in GROUPS:
        links = (f"[{name}](#{anchor(entries[name][0])})" for name in names)
        parts.append(f"**{heading}**: {', '.join(links)}")
    parts.append("[Roles](#roles) | [SQLSTATEs](#sqlstates) | [Tables](#tables)")
    for heading, sentence, names in GROUPS:
        parts += [f"## {heading}", sentence]
        for name in names:
            parts.append(f"### {title(entries[name][0])}")
            for entry in entries[name]:
                verb = "Read" if entry.kind == "view" else "Executed"
                parts += [entry.form, marked_up(entry.comment), f"{verb} by: {entry.who}."]
    parts += [
        "## Roles",
        "None of them can log in: make people and programs members. PUBLIC can do nothing. The "
        "owner of pg_steward, who installed it, can do everything.",
        table(
            ("role", "also is", "may"),
            ([f"`{role}`", named(member_of[role], "-"), text] for role, text in ROLES.items()),
        ),
        "## SQLSTATEs",
        "Errors have the SQLSTATE that PostgreSQL itself uses for their kind, such as 22023 "
        "(`invalid_parameter_value`) or 42704 (`undefined_object`). Those of our own are:",
        table(("SQLSTATE", "meaning"), ([f"`{state}`", text] for state, text in SQLSTATES.items())),
        "## Tables",
        "Not an interface: they may change with every version. This is what a database holds "
        f"after `{SAMPLE_CALL}`. Solid lines are foreign keys.",
        picture,
    ]
    return "\n\n".join(parts) + "\n"


def listed(opening: str, items: Sequence[str]) -> str:
    """Items in parentheses: in the line if they fit, otherwise one to a line."""
    line = f"{opening}({', '.join(items)})"
    if len(line) <= 80:
        return line
    inner = ",\n".join(f"    {item}" for item in items)
    return f"{opening}(\n{inner}\n)"


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def readable(argument: str) -> str:
    """An argument without the casts that PostgreSQL adds to its default."""
    return re.sub(r"::[a-z]+", "", argument).replace(" default NULL", " default null")


def named(roles: Sequence[str] | None, nobody: str = "superusers and the owner only") -> str:
    """Some roles as a text."""
    return ", ".join(f"`{role}`" for role in roles) if roles else nobody


def title(entry: Entry) -> str:
    """The heading of an entry."""
    return f"{entry.kind} `steward.{entry.name}`"


def anchor(entry: Entry) -> str:
    """What a link to that heading looks like."""
    return re.sub(r"[^\w -]", "", title(entry)).replace(" ", "-")


def marked_up(comment: str) -> str:
    """A comment with the names of ours in it set as code."""
    return re.sub(
        r"\bsteward[._]\w+(?:\([\w ,]*\))?|\bbuiltin/hash@1|\bSW\d{3}\b",
        lambda match: f"`{match[0]}`",
        comment,
    )


def difference(current: str) -> str | None:
    """What is to be done if the file is not what it should be, and the difference; else None."""
    committed = REFERENCE.read_text(encoding="utf-8") if REFERENCE.exists() else ""
    if committed == current:
        return None
    name = REFERENCE.relative_to(ROOT).as_posix()
    lines = list(
        difflib.unified_diff(
            committed.splitlines(), current.splitlines(), name, "the catalog", lineterm="", n=1
        )
    )
    if len(lines) > DIFF_LINES:
        lines = [*lines[:DIFF_LINES], "..."]
    return "\n".join([f"{name} is not current; run: make docs", *lines])


def main() -> int:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is current")
    arguments = parser.parse_args()
    try:
        provision()
        with Cluster.ephemeral() as cluster:
            psql = [cluster.bin("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
            psql += ["-c", "create extension vector", "-c", "create extension plpython3u"]
            psql += ["-f", str(ROOT / "sql" / "install.sql")]
            subprocess.run(psql, env=cluster.env(), stdout=subprocess.DEVNULL, check=True)
            with psycopg.connect(cluster.dsn()) as connection:
                current = render(connection)
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        print("error: sql/install.sql failed; see above", file=sys.stderr)
        return 1
    if arguments.check:
        if message := difference(current):
            print(f"docs: {message}", file=sys.stderr)
            return 1
        return 0
    REFERENCE.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
