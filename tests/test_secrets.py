"""Keys of providers: where they may be sent, and that they are nowhere to be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import provider as stand_in
from pgenv import Cluster
from provider import Provider, Status
from support import INSTALL, Database, quote_name

CANARY = "sk-canary-Zx81Qw77Lp02Vb93"
# A piece is a leak, too.
PIECES = [CANARY[place : place + 8] for place in range(len(CANARY) - 7)]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as made:
        made.limits.key = CANARY
        yield made


def set_secret(db: Database, origin: str, user: str = "postgres") -> None:
    db.run("select steward.set_secret('key', %s, %s)", CANARY, origin, user=user)


def add_model(db: Database, url: str, user: str = "postgres") -> None:
    db.run(
        "select steward.add_model('served@1', 256, 'openai', endpoint => %s, secret => 'key', "
        "timeout => '1 second')",
        url,
        user=user,
    )


def step(db: Database, name: str) -> tuple[str, str]:
    ((status, detail),) = db.run(
        "select status, detail from steward.test_model('served@1') where step = %s", name
    )
    return status, detail


# ---- the canary


@pytest.fixture
def logging() -> Iterator[Database]:
    """A database in a server that logs every statement."""
    settings = {
        "log_statement": "all",
        "log_min_messages": "debug1",
        "log_parameter_max_length": "0",
        "log_error_verbosity": "verbose",
    }
    with Cluster.ephemeral(settings=settings) as cluster:
        db = Database(cluster, "postgres")
        db.run("create extension vector; create extension plpython3u")
        db.psql("-q", "-f", INSTALL)
        yield db


def places(db: Database) -> dict[str, str]:
    """All that anybody but the owner can look at."""
    found = {"log": db.cluster.log.read_text(encoding="utf-8", errors="replace")}
    for name, query in {
        "activity": "select string_agg(a::text, ' ') from pg_stat_activity as a",
        "settings": "select string_agg(s::text, ' ') from pg_settings as s",
        "functions": "select string_agg(prosrc, ' ') from pg_proc where prolang > 14",
        "statistics": "select string_agg(s::text, ' ') from pg_stats as s",
    }.items():
        found[name] = str(db.value(query))
    for schema, table in db.run(
        "select n.nspname, c.relname from pg_class as c "
        "inner join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname in ('steward', 'steward_private', 'steward_data') "
        "and c.relkind in ('r', 'v', 'p') and c.relname <> 'secret'"
    ):
        name = f"{quote_name(schema)}.{quote_name(table)}"
        found[name] = str(db.value(f"select string_agg(t::text, ' ') from {name} as t"))
    return found


FAULTS: list[stand_in.Fault | None] = [
    None,
    Status(401, {"error": {"message": f"wrong key: Bearer {CANARY}."}}),
    Status(400, {"error": {"message": f"{CANARY[:12]}... is not allowed"}}),
    Status(500, {"error": f"headers: Authorization: Bearer {CANARY}"}),
    Status(503, headers={"X-Echo": CANARY}),
    stand_in.Raw(f"<html>{CANARY}</html>".encode()),
    stand_in.Raw(f'{{"data": "{CANARY}"}}'.encode()),
    stand_in.Reset(),
    stand_in.Vanish(),
    stand_in.Slow(2),
    stand_in.too_many(None),
    stand_in.dimensions(3),
]


def test_a_key_is_nowhere_to_be_read(logging: Database, provider: Provider) -> None:
    """After success and after every kind of failure: of the worker, of search, of the test."""
    db = logging
    set_secret(db, provider.url)
    add_model(db, provider.url)
    db.run("create table notes (id integer primary key, body text)")
    db.run("insert into notes select n, 'note number ' || n from generate_series(1, 5) as n")
    db.run("select steward.track('notes', content => 'body', model => 'served@1')")
    said: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        said.append(str(notice.message_primary))

    for fault in FAULTS:
        provider.always = fault
        with db.connect() as session:
            session.add_notice_handler(hear)
            session.execute("call steward.work(idle_seconds => 0)")
            said += [str(row) for row in session.execute("table steward.jobs")]
            said += map(str, session.execute("select * from steward.check()"))
            said += map(str, session.execute("select * from steward.test_model('served@1')"))
            try:
                session.execute("select * from steward.search('notes', %s)", [f"note {fault}"])
            except psycopg.Error as error:
                diag = error.diag
                said += map(str, (error, diag.message_detail, diag.message_hint, diag.context))
            found = places(db)
        for name, text in [*found.items(), ("said", "\n".join(said))]:
            leaked = [piece for piece in PIECES if piece in text]
            assert leaked == [], f"{name}, after {fault}"
        db.run("update notes set body = body || ' more'")
        db.run("select steward.resume('notes')")
        db.run("update steward_private.space set paused_until = null, setbacks = 0")
    authorized = [r for r in provider.requests if r.headers["authorization"].endswith(CANARY)]
    assert len(authorized) == len(provider.requests) > len(FAULTS)
    assert "Bearer ***" in "\n".join(said)


def test_errors_of_setting_a_secret_do_not_say_it(db: Database, provider: Provider) -> None:
    for value, origin in (
        (f"{CANARY}\n", provider.url),
        (f"{CANARY}ü", provider.url),
        (CANARY, "not an origin"),
        (f"file:/{CANARY}", provider.url),
    ):
        with pytest.raises(psycopg.Error) as caught:
            db.run("select steward.set_secret('key', %s, %s)", value, origin)
        diag = caught.value.diag
        said = f"{caught.value} {diag.message_detail} {diag.message_hint} {diag.context}"
        assert not any(piece in said for piece in PIECES)


# ---- who may do what with it


def test_no_role_reads_secrets(
    db: Database, provider: Provider, make_role: Callable[..., str]
) -> None:
    admin = make_role("steward_admin")
    set_secret(db, provider.url, user=admin)
    add_model(db, provider.url, user=admin)
    for statement in (
        "table steward_private.secret",
        "select * from steward_private.model_settings('served@1')",
        "select steward.refer_secret('key', 'env:PATH', 'http://localhost')",
        "select steward.allow_endpoints('private')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.run(statement, user=admin)
    assert db.run("select secret, kept_as, origin from steward.secrets", user=admin) == [
        ("key", "value", provider.url)
    ]
    assert db.value("select steward._load_provider('served@1')", user=admin) == ""
    assert db.run("select step, status from steward.test_model('served@1')", user=admin) == [
        (name, "ok") for name in ("settings", "secret", "address", "answer", "vectors")
    ]
    db.run("select steward.drop_secret('key')", user=admin)
    assert step(db, "secret") == ("error", 'The secret "key" does not exist')
    assert step(db, "answer") == ("skipped", "")


def test_a_key_goes_to_its_origin_only(
    db: Database, provider: Provider, make_role: Callable[..., str]
) -> None:
    """Whoever may add models could otherwise have the key of another one sent to him."""
    set_secret(db, "https://api.example.com")
    add_model(db, provider.url, user=make_role("steward_admin"))
    assert step(db, "secret") == (
        "error",
        f'The secret "key" is for https://api.example.com, not for {provider.url}',
    )
    db.run("create table notes (id integer primary key, body text)")
    db.run("insert into notes values (1, 'one')")
    db.run("select steward.track('notes', content => 'body', model => 'served@1')")
    db.work()
    assert provider.requests == []
    assert "is for https://api.example.com" in db.value("select last_error from steward.jobs")


def test_references(
    db: Database, provider: Provider, tmp_path: Path, make_role: Callable[..., str]
) -> None:
    """What the server itself can read, a superuser may name; the file is read each time."""
    path = tmp_path / "key"
    path.write_text(f"{CANARY}\n", encoding="ascii")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    add_model(db, provider.url)
    db.run("select steward.refer_secret('key', %s, %s)", f"file:{path}", provider.url)
    assert step(db, "answer")[0] == "ok"
    assert db.run("select kept_as from steward.secrets") == [("file",)]

    path.unlink()
    assert step(db, "secret") == (
        "error",
        'The secret "key" is in a file that cannot be read: No such file or directory',
    )

    db.run("select steward.refer_secret('key', 'env:NOT_THERE', %s)", provider.url)
    assert step(db, "secret") == (
        "error",
        'The secret "key" is in a variable that the server does not have',
    )
    db.run("select steward.refer_secret('key', 'env:PGDATA', %s)", provider.url)
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        db.run("select steward.refer_secret('key', 'file:relative', %s)", provider.url)

    # the owner of the tables can write there what he likes, but the server reads nothing for him
    owner = make_role()
    db.run(f"alter table steward_private.secret owner to {quote_name(owner)}")
    assert step(db, "secret")[1] == (
        'The secret "key" refers to what the owner of pg_steward may not read'
    )


# ---- endpoints


def test_endpoints_are_restricted(
    db: Database, provider: Provider, make_role: Callable[..., str]
) -> None:
    """By a superuser, and a steward_admin does not get around it."""
    admin = make_role("steward_admin")
    db.run(
        "select steward.add_model('served@1', 256, 'openai', endpoint => %s)",
        provider.url,
        user=admin,
    )
    assert step(db, "address")[0] == "ok"
    db.run("select steward.allow_endpoints('public')")
    status, detail = step(db, "address")
    assert status == "error"
    assert "127.0.0.1, a loopback address" in detail
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.run("select steward.configure('allowed_endpoints', 'loopback')", user=admin)
    db.run("create table notes (id integer primary key, body text)")
    db.run("insert into notes values (1, 'one')")
    db.run("select steward.track('notes', content => 'body', model => 'served@1')")
    asked = len(provider.requests)
    db.work()
    assert len(provider.requests) == asked
    assert "may not be called" in db.value("select last_error from steward.jobs")
    with pytest.raises(psycopg.errors.ConnectionFailure, match="has not embedded the query"):
        db.run("select * from steward.search('notes', 'one')")

    db.run("select steward.allow_endpoints(%s)", f"127.0.0.1:{provider.port}")
    provider.limits.key = None
    assert step(db, "address")[0] == "ok"
    db.run("select steward.allow_endpoints(null)")
    assert (
        db.value("select value from steward.settings where setting = 'allowed_endpoints'")
        == "public, loopback"
    )
    for wrong in ("http://x", "a b/c", "*"):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            db.run("select steward.allow_endpoints(%s)", wrong)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://0.0.0.0:80/"]
)
def test_metadata_is_never_asked(db: Database, url: str) -> None:
    db.run("select steward.allow_endpoints('public, private, loopback, 0.0.0.0/0')")
    db.run("select steward.add_model('served@1', 256, 'openai', endpoint => %s)", url)
    status, detail = step(db, "address")
    assert status == "error"
    assert "link-local or reserved" in detail


# ---- search


def test_search_asks_once(db: Database, provider: Provider, make_role: Callable[..., str]) -> None:
    """The session remembers the last queries, for each role apart."""
    provider.limits.key = None
    db.run(
        "select steward.add_model('served@1', 256, 'openai', endpoint => %s, "
        "query_prefix => 'query: ')",
        provider.url,
    )
    db.run("create table notes (id integer primary key, body text)")
    db.run("insert into notes values (1, 'bread'), (2, 'tides')")
    db.run("select steward.track('notes', content => 'body', model => 'served@1')")
    db.work()
    asked, texts = len(provider.requests), len(provider.texts)
    roles = [make_role("steward_reader"), make_role("steward_reader")]
    for role in roles:
        db.run(f"grant select on notes to {quote_name(role)}")

    def search(session: psycopg.Connection[Any], query: str = "bread") -> Any:
        return session.execute("select key from steward.search('notes', %s, 1)", [query]).fetchall()

    with db.connect() as session:
        for role in (*roles, *roles):
            session.execute(f"set role {quote_name(role)}")
            assert search(session) == search(session) == [({"id": 1},)]
        assert provider.texts[texts:] == ["query: bread"] * 2
        for number in range(200):
            search(session, f"bread {number}")
        search(session, "bread 199")
        assert len(provider.requests) == asked + 2 + 200
        search(session)
        assert len(provider.requests) == asked + 2 + 201, "more is remembered than should be"

    stranger = make_role("steward_reader")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.run("select * from steward.search('notes', 'unheard of')", user=stranger)
    assert provider.texts[-1] == "query: bread", "asked for one who may not search"


def test_search_is_cancelled_while_it_waits(db: Database, provider: Provider) -> None:
    provider.limits.key = None
    db.run("select steward.add_model('served@1', 256, 'openai', endpoint => %s)", provider.url)
    db.run("create table notes (id integer primary key, body text)")
    db.run("select steward.track('notes', content => 'body', model => 'served@1')")
    provider.always = stand_in.Hang()
    with db.connect() as session:
        session.execute("set statement_timeout = '500ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("select * from steward.search('notes', 'one')")
        provider.always.released.set()
        provider.always = None
        session.execute("select * from steward.search('notes', 'one')")
