"""PL/pgSQL is compiled when it runs: so every function is checked, and run with strict settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from catalog import OURS
from support import INSTALL, Database, major, quote_name

Connection = psycopg.Connection[Any]

# Function, message, and why that is as it should be. Each must be met, at least with the newest
# version of the checker.
NOT_SANITIZED = "text type variable is not sanitized"
ON_PURPOSE: tuple[tuple[str, str, str], ...] = (
    # every name in it is quoted when the piece is made, which is another statement
    ("steward_private.define_readers(", NOT_SANITIZED, "pieces made of quoted names"),
    ("steward_private.define_key_accessors(", NOT_SANITIZED, "names and types of the catalog"),
    ("steward._create_triggers(", NOT_SANITIZED, "pieces made of quoted names"),
    ("steward._finish_untrack(", NOT_SANITIZED, "a function's name as the catalog writes it"),
    ("steward_private.drop_retired_spaces(", NOT_SANITIZED, "a function's name, likewise"),
    ("steward.search_vector(", NOT_SANITIZED, "the statement of steward._search_statement()"),
    # the checker does not see what a dynamic statement returns, nor what RETURN QUERY sets
    *(
        (f"steward_private.{name}(", message, "rows read through generated functions")
        for name in ("finish_claims", "sync_row")
        for message in ("result of dynamic SQL", "is not assigned yet", "never read variable")
    ),
    *(
        (f"{name}(", message, "rows of generated tables")
        for name in ("steward.rollback_document", "steward_private.prune_space")
        for message in ("result of dynamic SQL", "is not assigned yet", "never read variable")
    ),
    ("steward.as_of(", "is marked as STABLE, but expression is VOLATILE", "a moment by the clock"),
    ("steward.verify(", "result of dynamic SQL", "rows read through the source's own reader"),
    ("steward.verify(", "is not assigned yet", "the same rows"),
    ("steward.verify(", "never read variable", "the same rows"),
    ("steward._describe_content(", NOT_SANITIZED, "the very place where expressions are tried"),
    ("steward.dry_run(", NOT_SANITIZED, "what steward._describe_content() has written down"),
    ("steward.preview(", NOT_SANITIZED, "what steward._describe_content() has written down"),
    ("steward._describe(", NOT_SANITIZED, "what steward._describe_content() has written down"),
    ("steward._describe(", "never read variable", "that it can be computed is what matters"),
    ("steward.", "is reserved keyword", "what everybody calls a condition"),
    ("steward", "is maybe unmodified", "RETURN QUERY sets them"),
    ("steward", "is marked as STABLE, but expression is VOLATILE", "clocks, sizes, and settings"),
)
# Said by older versions of the checker alone.
NOT_SAID_ANY_MORE: tuple[tuple[str, str, str], ...] = (
    ("steward.freshness_detail(", NOT_SANITIZED, "pieces made of quoted names"),
    ("steward.as_of(", NOT_SANITIZED, "pieces made of quoted names"),
    ("steward.verify(", NOT_SANITIZED, "pieces made of quoted names"),
)

# What pg_cron has, where it is installed: the functions that use it are checked as well.
PG_CRON: LiteralString = """
create schema cron;
create table cron.job (
    jobid bigint, schedule text, command text, nodename text, nodeport integer, database text,
    username text, active boolean, jobname name
);
create table cron.job_run_details (
    jobid bigint, runid bigint, job_pid integer, database text, username text, command text,
    status text, return_message text, start_time timestamptz, end_time timestamptz
);
create function cron.schedule(text, text, text) returns bigint language sql return 1;
create function cron.unschedule(bigint) returns boolean language sql return true;
create function cron.unschedule(name) returns boolean language sql return true;
"""

CHECKS: LiteralString = """
select p.oid::regprocedure::text, c.level, c.sqlstate, c.message, c.lineno, c.statement, c.query
from pg_proc as p
inner join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
-- a trigger function is checked with each table that it is a trigger of
left join lateral (
    select distinct t.tgrelid from pg_trigger as t where t.tgfoid = p.oid
) as t on p.prorettype = 'trigger'::regtype
cross join lateral checker.plpgsql_check_function_tb(
    p.oid,
    relid => coalesce(
        t.tgrelid,
        -- of no trigger, because the source is tracked in the other mode
        (
            select s.relation
            from steward_private.source as s
            where
                p.prorettype = 'trigger'::regtype
                and p.proname ~ format('_%%s_[a-z]+$', s.source_id)
        ),
        0
    ),
    fatal_errors => false,
    other_warnings => true,
    performance_warnings => false,
    extra_warnings => true,
    security_warnings => true
) as c
where p.pronamespace::regnamespace::text = any(%(ours)s)
order by 1, 5, 4
"""


def complaints(connection: Connection) -> list[str]:
    """All that the checker has to say about the functions of pg_steward."""
    rows = connection.execute(CHECKS, {"ours": list(OURS)}).fetchall()
    return [
        f"{name}, line {line}, {statement}: {level} {sqlstate} {message} {query or ''}".strip()
        for name, level, sqlstate, message, line, statement, query in rows
    ]


def excused(complaint: str) -> bool:
    """Whether it is about something that is done on purpose."""
    return any(
        complaint.startswith(function) and message in complaint
        for function, message, _ in ON_PURPOSE + NOT_SAID_ANY_MORE
    )


def problems(connection: Connection) -> list[str]:
    """What the checker has to say and nobody has an excuse for."""
    return [complaint for complaint in complaints(connection) if not excused(complaint)]


@pytest.fixture
def connection(db: Database, make_role: Callable[..., str]) -> Iterator[Connection]:
    """A session in a database with the checker, and with tables of all sorts tracked."""
    if not db.run("select name from pg_available_extensions where name = 'plpgsql_check'"):
        pytest.skip(f"the extension plpgsql_check is not installed for PostgreSQL {major()}")
    db.run("create schema checker")
    db.run("create extension plpgsql_check schema checker")
    owner = make_role("steward_admin")
    db.run(f"grant create on schema public to {quote_name(owner)}")
    db.run("create table simple (id integer primary key, body text)", user=owner)
    db.run("create table composite (a text, b uuid, c date, body jsonb, primary key (c, a, b))")
    db.run("create table parted (id bigint primary key, body text) partition by range (id)")
    db.run("create table part partition of parted default")
    db.run("select steward.track('simple', content => 'body')", user=owner)
    db.run("select steward.track('composite', content => 'body')")
    db.run("select steward.track('parted', content => 'body')")
    db.run("create table filtered (a text unique not null, b integer, body text)")
    db.run(
        "select steward.track('filtered', content => 'a || body', key => 'filtered_a_key', "
        "\"where\" => 'b > 0', mode => 'transactional', on_delete => 'retire', notify => true)"
    )
    with db.connect(autocommit=False) as session:
        session.execute(PG_CRON)
        yield session
        session.rollback()


def test_no_function_has_a_problem(connection: Connection) -> None:
    """No error, no unused variable, no implicit cast, no text that is pasted into a statement."""
    found = problems(connection)
    assert not found, "\n".join(found)


@pytest.mark.pg(">= 18")
def test_every_excuse_is_needed(connection: Connection) -> None:
    """What is excused is met, or the excuse could hide something new."""
    met = complaints(connection)
    assert [
        (function, message)
        for function, message, _ in ON_PURPOSE
        if not any(line.startswith(function) and message in line for line in met)
    ] == []


BROKEN: tuple[tuple[str, LiteralString], ...] = (
    ("no_such_column", "select s.no_such_column into v_number from steward_private.source as s;"),
    ("unused variable", "v_number := 1;"),
    ("text type variable is not sanitized", "execute 'select ' || broken.argument;"),
    ("no_such_function", "v_number := steward.no_such_function();"),
    ("without RETURN", "if v_number = 1 then return 2; end if;"),
)


@pytest.mark.parametrize(("message", "body"), BROKEN, ids=[message for message, _ in BROKEN])
def test_the_checker_sees_problems(
    message: str, body: LiteralString, connection: Connection
) -> None:
    """Each kind of problem is reported."""
    before = problems(connection)
    connection.execute(
        "create function steward_private.broken(argument text) returns integer language plpgsql "
        "set search_path = pg_catalog, pg_temp as $$ declare v_number integer; v_other integer; "
        "begin " + body + (" end $$" if "RETURN" in message else " return v_number; end $$")
    )
    found = [problem for problem in problems(connection) if problem not in before]
    assert found, "nothing at all was reported"
    assert all(line.startswith("steward_private.broken(text)") for line in found)
    assert any(message in line for line in found), found


def test_every_plpgsql_function_is_checked(connection: Connection) -> None:
    """Also the generated ones, and those for the triggers of partitions."""
    ((count,),) = connection.execute(
        "select count(*) from pg_proc as p "
        "where p.pronamespace::regnamespace::text = any(%s) "
        "and p.prolang = (select l.oid from pg_language as l where l.lanname = 'plpgsql')",
        [list(OURS)],
    ).fetchall()
    assert count > 30


def test_everything_runs_under_extra_errors(bare: Database) -> None:
    """A name that could mean two things, a lost column or a second row is an error."""
    bare.run(f"alter database {quote_name(bare.name)} set plpgsql.extra_errors = 'all'")
    bare.run(f"alter database {quote_name(bare.name)} set plpgsql.variable_conflict = 'error'")
    bare.leave()
    bare.psql("-q", "-f", INSTALL)
    assert bare.value("show plpgsql.extra_errors") == "all"
    bare.run("create table articles (id integer primary key, body text)")
    bare.run("insert into articles values (1, 'Bread.'), (2, 'Tides.'), (3, null)")
    for statement in (
        "select steward.track('articles', content => 'body')",
        "select * from steward.freshness",
        "select * from steward.jobs",
        "call steward.work(idle_seconds => 0)",
        "update articles set body = 'Flour.' where id = 1",
        "select steward.fail(token, 'no') from steward.claim('me')",
        "select * from steward.verify('articles')",
        "select steward.reconcile('articles')",
        "select steward.reconcile('articles', 1, false)",
        "call steward.reconcile_all(1)",
        "select * from steward.freshness_detail('articles')",
        "select steward.configure('pending_warn', '1 minute')",
        "select * from steward.settings",
        "select * from steward.queue",
        "select * from steward.failures",
        "select * from steward.workers",
        "select * from steward.decisions_summary",
        "select * from steward.health()",
        "select steward.configure('pending_warn', null)",
        "select s.* from (select array_agg(token) as tokens, array_agg('{}'::text) as plans "
        "from steward.claim_texts('me')) as c "
        "cross join lateral "
        "steward.submit_plans(coalesce(c.tokens, '{}'), coalesce(c.plans, '{}')) "
        "as s",
        "select steward.pause('articles', 'for a moment')",
        "select steward.resume('articles')",
        "select steward.backfill('articles')",
        "select * from steward.extend(array(select token from steward.claim('me')))",
        "select * from steward.backfills",
        "select steward.cancel_backfill('articles')",
        "select * from steward.release(array(select token from steward_private.claim))",
        "update articles set body = 'Rye.' where id = 1",
        "select * from steward.fail("
        "array(select token from steward.claim('me')), 'no', class => 'transient')",
        "update steward_private.space set paused_until = null",
        "update articles set body = 'Oats.' where id = 1",
        "select c.* from (select array_agg(token) as tokens, array_agg(texts[1]) as texts "
        "from steward.claim('me') where texts <> '{}') as t "
        "cross join lateral steward.complete(t.tokens, steward.embed(t.texts), 7) as c",
        "select * from steward.costs",
        "select * from steward.dry_run('articles', 'body', \"where\" => 'id > 1')",
        "select * from steward.preview('articles', content => 'body', \"where\" => 'id > 1')",
        "select * from steward.alter('articles', \"where\" => 'id < 9', "
        "chunking => '{\"size\": 500}')",
        "call steward.work(idle_seconds => 0)",
        "select steward.retry_failed('articles')",
        "select * from steward.alter('articles', mode => 'transactional', on_delete => 'retire')",
        "update articles set body = 'Barley.' where id = 1",
        "update articles set id = 11 where id = 3",
        "select * from steward.alter('articles', \"where\" => '', mode => 'queued')",
        "select steward.reap()",
        "select * from steward.search('articles', 'tides')",
        "update articles set id = 5 where id = 2",
        "delete from articles where id = 1",
        "call steward.work(idle_seconds => 0)",
        "select * from steward.as_of('articles', clock_timestamp())",
        "insert into articles values (7, 'Salt.')",
        "call steward.work(idle_seconds => 0)",
        "update articles set body = 'Salts.' where id = 7",
        "call steward.work(idle_seconds => 0)",
        "update articles set body = 'Salt.' where id = 7",
        "call steward.work(idle_seconds => 0)",
        "select steward.rollback_document('articles', '{\"id\": 7}', 1)",
        "select * from steward.erase('articles', '{\"id\": 7}')",
        "select steward.prune('articles', '0', 1)",
        "select * from steward.tidy()",
        "truncate articles",
        "select steward.start()",
        "select * from steward.status()",
        "select steward.stop()",
        "select * from steward.check()",
        "select steward.add_model('a@1', 3, 'mine')",
        "select steward.untrack('articles')",
        "select steward.enable_python()",
    ):
        bare.run(statement)


def test_extra_errors_would_be_seen(bare: Database) -> None:
    """The setting above makes a shadowed variable an error."""
    with bare.connect() as session:
        session.execute("set plpgsql.extra_errors = 'all'")
        with pytest.raises(psycopg.errors.DuplicateAlias):
            session.execute(
                "create function shadowed(a integer) returns integer language plpgsql "
                "as 'declare a integer; begin return a; end'"
            )
