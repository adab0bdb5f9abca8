"""Who may do what: the whole matrix as a golden file, and the important paths as a story."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import errors

from catalog import OURS, ROLES
from support import Database, quote_name

GOLDEN = Path(__file__).resolve().parent / "snapshots" / "privileges.txt"
MakeRole = Callable[..., str]

HEAD = """\
# Who may do what, of the four roles and PUBLIC, with a table called articles tracked.
# Generated: make accept TESTS=tests/test_privileges.py
# What a role has through membership in another one is shown, too: admin is all of the others.
"""

# Every object of ours with the privileges that there are for its kind. MAINTAIN, new in version 17,
# is nobody's, which the last test of the matrix makes sure of.
MATRIX: LiteralString = """
with ours as (
    select n.oid, n.nspname from pg_namespace as n where n.nspname = any(%(ours)s)
),

grantee (name, position) as (
    select r.name, r.position
    from unnest(%(roles)s::text[] || array['public']) with ordinality as r (name, position)
),

object as (
    select
        'schema' as kind, n.oid, quote_ident(n.nspname) as name, array['usage', 'create'] as rights
    from ours as n
    union all
    select
        case p.prokind when 'p' then 'procedure' else 'function' end,
        p.oid, p.oid::regprocedure::text, array['execute']
    from pg_proc as p
    inner join ours as n on n.oid = p.pronamespace
    union all
    select
        case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end,
        c.oid, c.oid::regclass::text,
        case c.relkind
            when 'S' then array['usage', 'select', 'update']
            else array[
                'select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'
            ]
        end
    from pg_class as c
    inner join ours as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
)

select
    format('%%s %%s', o.kind, o.name) as object,
    p.privilege,
    array(
        select g.name
        from grantee as g
        where case o.kind
            when 'schema' then has_schema_privilege(g.name, o.oid, p.privilege)
            when 'function' then has_function_privilege(g.name, o.oid, p.privilege)
            when 'procedure' then has_function_privilege(g.name, o.oid, p.privilege)
            when 'sequence' then has_sequence_privilege(g.name, o.oid, p.privilege)
            else
                has_table_privilege(g.name, o.oid, p.privilege)
                or p.privilege in ('select', 'insert', 'update', 'references')
                and has_any_column_privilege(g.name, o.oid, p.privilege)
        end
        order by g.position
    ) as grantees
from object as o
cross join unnest(o.rights) with ordinality as p (privilege, position)
order by o.kind collate "C", o.name collate "C", p.position
"""


def matrix(connection: psycopg.Connection[Any]) -> str:
    """For each object who has which privilege on it; an object that nobody has any on says so."""
    rows = psycopg.ClientCursor(connection).execute(
        MATRIX, {"ours": list(OURS), "roles": list(ROLES)}
    )
    granted: dict[str, list[str]] = {}
    for name, privilege, grantees in rows:
        lines = granted.setdefault(name, [])
        if grantees:
            short = " ".join(grantee.removeprefix("steward_") for grantee in grantees)
            lines.append(f"    {privilege}: {short}\n")
    return HEAD + "".join(
        f"\n{name}\n" + ("".join(lines) or "    nobody\n") for name, lines in granted.items()
    )


def test_privileges_are_as_agreed(articles: Database, request: pytest.FixtureRequest) -> None:
    """A privilege that comes or goes is seen in the review of the golden file."""
    with articles.connect() as connection:
        now = matrix(connection)
    if request.config.getoption("accept"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(now, encoding="utf-8")
    agreed = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    difference = difflib.unified_diff(
        agreed.splitlines(keepends=True),
        now.splitlines(keepends=True),
        "tests/snapshots/privileges.txt",
        "as it is now (make accept takes it)",
    )
    assert now == agreed, "".join(difference)


GRANTS: tuple[LiteralString, ...] = (
    "grant execute on function steward.untrack(regclass, boolean) to public",
    "grant select on steward_data.articles_1_chunk to steward_worker",
    "grant select (plan) on steward_private.claim to steward_operator",
    "grant usage on schema steward_private to steward_reader",
    "grant usage on sequence steward_private.claim_token_seq to steward_worker",
    "revoke execute on function steward.version() from steward_reader",
    "revoke steward_reader from steward_admin",
    "create view steward.other as select 1 as one",
)


def test_matrix_notices_changes(articles: Database) -> None:
    """Each change of a privilege changes the text."""
    with articles.connect(autocommit=False) as connection:
        before = matrix(connection)
        for statement in GRANTS:
            with connection.transaction(force_rollback=True):
                connection.execute(statement)
                assert matrix(connection) != before, f"not noticed: {statement}"
        assert matrix(connection) == before


@pytest.mark.pg(">= 17")
def test_nobody_may_maintain(articles: Database) -> None:
    """The privilege that the matrix leaves out, because older versions do not know it."""
    assert (
        articles.run(
            """
            select c.oid::regclass::text, r.name
            from pg_class as c, unnest(%s::text[]) as r (name)
            where
                c.relnamespace::regnamespace::text = any(%s)
                and c.relkind in ('r', 'v')
                and has_table_privilege(r.name, c.oid, 'maintain')
            """,
            [*ROLES, "public"],
            list(OURS),
        )
        == []
    )


# The story ---------------------------------------------------------------------------------------


@contextmanager
def denied(*about: str) -> Iterator[None]:
    """What is inside fails for lack of a privilege, and says on what."""
    with pytest.raises(errors.InsufficientPrivilege) as caught:
        yield
    for word in about:
        assert word in str(caught.value)


SEARCH = "select key ->> 'id', chunk from steward.search('articles', 'bread from flour', 3)"
CLAIM = "select token, texts from steward.claim('me')"
TRACK = "select steward.track('articles', content => 'body')"


def test_a_stranger_may_do_nothing(articles: Database, make_role: MakeRole) -> None:
    """PUBLIC has no way in, not even to the version."""
    stranger = make_role()
    articles.run(f"grant select on articles to {quote_name(stranger)}")
    for statement in (
        "select steward.version()",
        "select * from steward.check()",
        "select * from steward.sources",
        SEARCH,
        CLAIM,
        "select steward.reap()",
        "call steward.work()",
    ):
        with denied("schema steward"):
            articles.run(statement, user=stranger)
    for statement in (
        "select * from steward_data.articles_1_chunk",
        "select * from steward_private.source",
        "select * from steward_private.read_1('[]')",
        "select steward_data.articles_1_mark()",
    ):
        with denied("schema steward_"):
            articles.run(statement, user=stranger)


def test_a_reader_searches(articles: Database, make_role: MakeRole) -> None:
    """And does nothing else."""
    reader = make_role("steward_reader")
    articles.run(f"grant select on articles to {quote_name(reader)}")

    assert articles.run(SEARCH, user=reader)[0][0] == "1"
    assert articles.value("select documents from steward.freshness", user=reader) == 3
    assert articles.value("select count(*) from steward.sources", user=reader) == 1
    assert articles.value("select count(*) from steward.check()", user=reader) > 0
    assert articles.value("select count(*) from steward_data.articles_1_doc", user=reader) == 3

    for statement in (
        CLAIM,
        "select steward.complete(1, '{}')",
        "select steward.fail(1, 'no')",
        "select steward.reap()",
        "call steward.work(idle_seconds => 0)",
        "select steward.start()",
        "select steward.stop()",
        "select * from steward.status()",
        TRACK,
        "select steward.untrack('articles')",
        "select steward.add_model('a@1', 3, 'mine')",
        "select * from steward.jobs",
        "select * from steward.decisions",
        "select * from steward_private.source",
        "select * from steward_private.claim",
        "select * from steward_private.read_1('[]')",
        "select * from steward_private.all_jobs()",
        "select * from steward_data.articles_1_job",
        "delete from steward_data.articles_1_chunk",
        "update steward_data.articles_1_doc set revision = 9",
        "insert into steward_data.articles_1_doc default values",
        "truncate steward_data.articles_1_chunk",
        "select nextval('steward_data.articles_1_chunk_chunk_id_seq')",
        "create table steward.mine (a integer)",
        "create table steward_data.mine (a integer)",
    ):
        with denied():
            articles.run(statement, user=reader)


def test_a_reader_needs_the_source(articles: Database, make_role: MakeRole) -> None:
    """Being a reader of pg_steward gives no right on anybody's table."""
    reader = make_role("steward_reader")
    for statement in (
        SEARCH,
        "select * from steward_data.articles_1_chunk",
        "select embedding from steward_data.articles_1_chunk",
        "select count(*) from steward_data.articles_1_doc",
    ):
        with denied("articles"):
            articles.run(statement, user=reader)


def test_a_reader_needs_the_content_column(articles: Database, make_role: MakeRole) -> None:
    """Who may see the key and the title, but not the text, does not see the text's chunks."""
    reader = make_role("steward_reader")
    articles.run(f"grant select (id, title) on articles to {quote_name(reader)}")
    assert len(articles.run("select id from articles", user=reader)) == 3
    for statement in (
        SEARCH,
        "select chunk from steward_data.articles_1_chunk",
        "select chunk_id from steward_data.articles_1_chunk",
        "select headings from steward_data.articles_1_doc",
    ):
        with denied("articles"):
            articles.run(statement, user=reader)

    articles.run(f"grant select (body) on articles to {quote_name(reader)}")
    assert articles.run(SEARCH, user=reader)[0][0] == "1"


def test_a_reader_sees_the_chunks_of_their_own_rows(
    articles: Database, make_role: MakeRole
) -> None:
    """The policies of the source hold for its chunks, also when their table is read directly."""
    reader, other = make_role("steward_reader"), make_role("steward_reader")
    articles.run("alter table articles add column reader name")
    articles.run("update articles set reader = %s where title <> 'Bread'", reader)
    articles.run("alter table articles enable row level security")
    articles.run("create policy own on articles using (reader = current_user)")
    for role in (reader, other):
        articles.run(f"grant select on articles to {quote_name(role)}")

    own = {"2", "3"}
    assert {key for key, _ in articles.run(SEARCH, user=reader)} == own
    for table in ("articles_1_chunk", "articles_1_doc"):
        keys = articles.run(f"select key_1::text from steward_data.{table}", user=reader)
        assert {key for (key,) in keys} == own
        assert articles.run(f"select * from steward_data.{table}", user=other) == []
    assert articles.run(SEARCH, user=other) == []

    # a function that tells what it is given is not called before the policy has decided
    make_role("steward_reader", name="Nosy")
    articles.run('grant create on schema public to "Nosy"; grant select on articles to "Nosy"')
    articles.run(
        "create function tell(text) returns boolean language plpgsql cost 0.0001 "
        "as 'begin raise notice ''%'', $1; return true; end'",
        user="Nosy",
    )
    with articles.connect("Nosy") as connection:
        heard: list[str | None] = []
        connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        seen = connection.execute(
            "select chunk from steward_data.articles_1_chunk where tell(chunk)"
        )
        assert (seen.fetchall(), heard) == ([], [])
        # and what the planner knows about the values is nobody's either
        articles.run("analyze steward_data.articles_1_chunk")
        assert (
            connection.execute(
                "select * from pg_stats where schemaname = 'steward_data'"
            ).fetchall()
            == []
        )


def test_a_worker_claims_and_completes(articles: Database, make_role: MakeRole) -> None:
    """Without any right on the source; and it can neither search nor track."""
    worker = make_role("steward_worker")
    articles.run("update articles set body = 'Rye and wheat.' where id = 1")
    articles.run("update articles set body = 'Ebb and flood.' where id = 2")

    claimed = articles.run(CLAIM, user=worker)
    texts = {texts[0]: token for token, texts in claimed}
    assert texts.keys() == {"Rye and wheat.", "Ebb and flood."}
    vectors = articles.value("select steward.embed(array['Rye and wheat.'])", user=worker)
    complete = "select steward.complete(%s, %s)"
    outcome = articles.value(complete, texts["Rye and wheat."], vectors, user=worker)
    assert outcome == "embedded"
    fail = "select steward.fail(%s, 'try later')"
    assert articles.value(fail, texts["Ebb and flood."], user=worker) == "pending"
    articles.run("call steward.work(idle_seconds => 0)", user=worker)
    assert articles.value("select steward.reap()", user=worker) == 0

    for statement in (
        SEARCH,
        "select * from steward.search_vector('articles', '[1]')",
        TRACK,
        "select steward.untrack('articles')",
        "select steward.start()",
        "select * from steward.jobs",
        "select * from steward.decisions",
        "select * from steward.freshness",
        "select * from articles",
        "select * from steward_data.articles_1_chunk",
        "select * from steward_private.claim",
        "select * from steward_private.read_1('[]')",
    ):
        with denied():
            articles.run(statement, user=worker)


def test_an_operator_starts_stops_and_looks(articles: Database, make_role: MakeRole) -> None:
    """Also a worker, because what pg_cron runs for an operator is the operator's work."""
    operator = make_role("steward_operator")
    articles.run("update articles set body = 'Rye and wheat.' where id = 1")

    jobs = articles.run("select key ->> 'id', state from steward.jobs", user=operator)
    assert jobs == [("1", "pending")]
    for statement in (
        "select steward.start()",
        "select * from steward.status()",
        "select steward.stop()",
        "call steward.work(idle_seconds => 0)",
        "select steward.reap()",
    ):
        articles.run(statement, user=operator)
    decisions = "select count(*) from steward.decisions"
    assert articles.value(decisions, user=operator) == 4
    assert articles.value("select fresh from steward.freshness", user=operator) == 3

    for statement in (
        SEARCH,
        TRACK,
        "select steward.untrack('articles')",
        "select steward.add_model('a@1', 3, 'mine')",
        "select * from articles",
        "select * from steward_data.articles_1_chunk",
        "select * from steward_private.decision",
    ):
        with denied():
            articles.run(statement, user=operator)


def test_an_admin_tracks_their_own_table(db: Database, make_role: MakeRole) -> None:
    """And does all that the others do; what reads the table runs as its owner."""
    admin = make_role("steward_admin")
    db.run(f"grant create on schema public to {quote_name(admin)}")
    db.run("create table articles (id integer primary key, body text)", user=admin)
    db.run("insert into articles values (1, 'Bread is made from flour.')", user=admin)

    assert db.value(TRACK, user=admin) == 1
    db.run("call steward.work(idle_seconds => 0)", user=admin)
    assert db.run(SEARCH, user=admin) == [("1", "Bread is made from flour.")]
    assert db.value("select fresh from steward.freshness", user=admin) == 1
    db.run("update articles set body = 'Flour.'", user=admin)
    assert db.value("select count(*) from steward.jobs", user=admin) == 1
    db.run("select steward.add_model('a@1', 3, 'mine')", user=admin)
    db.run("select steward.untrack('articles')", user=admin)
    assert db.run("select * from steward.sources", user=admin) == []
    db.run("drop table articles", user=admin)

    for statement in (
        "select * from steward_private.source",
        "insert into steward_private.model values ('b@1', 3, now(), 'mine')",
        "select * from steward_private.all_jobs()",
        "select steward_private.max_attempts()",
        "create table steward_data.mine (a integer)",
        "create function steward.search(integer) returns integer language sql return 1",
        "create or replace function steward.version() returns text language sql return ''",
        "drop view steward.jobs",
        "alter table steward_private.source disable row level security",
        "select steward.enable_python()",
    ):
        with denied():
            db.run(statement, user=admin)


def left_behind(database: Database) -> list[str]:
    """What there is for sources, by name."""
    return [
        name
        for (name,) in database.run(
            """
            select c.oid::regclass::text from pg_class as c
            where c.relnamespace = 'steward_data'::regnamespace
            union all
            select p.oid::regprocedure::text from pg_proc as p
            where
                p.pronamespace = 'steward_data'::regnamespace
                or p.pronamespace = 'steward_private'::regnamespace and p.proname ~ '_[0-9]+$'
            union all
            select s.relation::text from steward_private.source as s
            union all
            select t.tgname from pg_trigger as t where t.tgname like 'steward%'
            """
        )
    ]


def test_an_admin_cannot_track_the_table_of_another(db: Database, make_role: MakeRole) -> None:
    """PostgreSQL decides who may put triggers on it; nothing is left behind."""
    admin, owner = make_role("steward_admin"), make_role()
    db.run("create table articles (id integer primary key, body text)")
    db.run(f"alter table articles owner to {quote_name(owner)}")
    db.run(f"grant select, insert, update, delete on articles to {quote_name(admin)}")
    with denied("articles"):
        db.run(TRACK, user=admin)
    assert left_behind(db) == []

    # the hint is true
    db.run(f"grant trigger on articles to {quote_name(admin)}", user=owner)
    db.run(TRACK, user=admin)
    assert len(db.run("select * from steward.sources")) == 1
    # taking the triggers away again is for the owner
    before = left_behind(db)
    with denied("articles"):
        db.run("select steward.untrack('articles')", user=admin)
    assert left_behind(db) == before


def test_an_owner_who_is_no_admin_cannot_track(db: Database, make_role: MakeRole) -> None:
    """Whether a table is looked after is the decision of an admin."""
    owner = make_role("steward_reader", "steward_worker", "steward_operator")
    db.run("create table articles (id integer primary key, body text)")
    db.run(f"alter table articles owner to {quote_name(owner)}")
    for statement in (
        TRACK,
        "select steward._begin_track("
        "'articles', 'body', 's.body', null, null, '{body}', null, 'builtin/hash@1', '{}')",
        "select steward._finish_track('articles', true)",
        "select steward._finish_untrack('articles', false)",
    ):
        with denied():
            db.run(statement, user=owner)
    assert left_behind(db) == []

    db.run(TRACK)
    before = left_behind(db)
    with denied("untrack"):
        db.run("select steward.untrack('articles')", user=owner)
    assert left_behind(db) == before


def test_an_application_writes_as_before(articles: Database, make_role: MakeRole) -> None:
    """Who writes to the table needs no right on anything of ours, and knows nothing of it."""
    application = make_role()
    articles.run(f"grant insert, update, delete, truncate on articles to {quote_name(application)}")
    articles.run(f"grant select (id) on articles to {quote_name(application)}")
    key_state = "select key ->> 'id', state from steward.jobs order by 1"

    articles.run("insert into articles (title, body) values ('New', 'New.')", user=application)
    assert articles.run(key_state) == [("4", "pending")]
    articles.run("update articles set body = 'Changed.' where id = 1", user=application)
    articles.run("delete from articles where id = 2", user=application)
    # that a row is gone is noted, too
    noted = [(key, "pending") for key in ("1", "2", "4")]
    assert articles.run(key_state) == noted
    assert articles.value("select count(*) from steward_data.articles_1_doc") == 2
    articles.work()
    assert articles.run(key_state) == []
    assert articles.value("select fresh from steward.freshness") == 3
    articles.run("truncate articles", user=application)
    assert articles.value("select count(*) from steward_data.articles_1_chunk") == 0

    for statement in (
        "select * from steward_data.articles_1_job",
        "delete from steward_data.articles_1_job",
        "select * from steward.jobs",
    ):
        with denied("schema steward"):
            articles.run(statement, user=application)
