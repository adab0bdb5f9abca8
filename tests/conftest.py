"""A server of our own for the whole run, and for each test a database with pg_steward in it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import psycopg
import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor

from pgenv import Cluster, find
from support import INSTALL, ROOT, Database, quote_name

# The same examples in every run, however slow the machine; HYPOTHESIS=explore looks for others.
set_hypothesis_home_dir(ROOT / ".steward" / "cache" / "hypothesis")
hypothesis.settings.register_profile(
    "same",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("explore", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS", "same"))

ARTICLES = """
create table articles (id bigint generated always as identity primary key, title text, body text);
insert into articles (title, body)
values
('Bread', 'Knead flour, water and salt, let the dough rise, and bake the bread in a hot oven.'),
('Tides', 'The moon pulls at the oceans, and twice a day the tide comes in and goes out.'),
('Locks', 'A mutex lets one thread into the critical section while the other threads wait.');
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """make accept"""
    parser.addoption(
        "--accept",
        action="store_true",
        help="write what comes out into the files of what is expected",
    )


def pytest_report_header() -> list[str]:
    """Which PostgreSQL this run is about."""
    postgres = find()
    return [f"PostgreSQL {postgres.major}: {postgres.bindir}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the tests that are about another version of the server."""
    for item in items:
        for mark in item.iter_markers("pg"):
            match = re.fullmatch(r"(>=|<) (\d+)", mark.args[0])
            assert match, f"not a condition: {mark.args[0]!r}"
            wanted = int(match[2])
            fits = find().major >= wanted if match[1] == ">=" else find().major < wanted
            if not fits:
                item.add_marker(pytest.mark.skip(reason=f"is about PostgreSQL {mark.args[0]}"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running server that nobody else uses; each worker of pytest-xdist has its own."""
    # A test that kills the server wants to find what was committed.
    with Cluster.ephemeral(settings={"synchronous_commit": "on"}) as cluster:
        yield cluster


class Server(NoopExecutor):
    """A running server, in the form that pytest-postgresql builds on."""

    template_dbname = "template1"


@pytest.fixture(scope="session")
def server(cluster: Cluster) -> NoopExecutor:
    """The server, for the fixtures of pytest-postgresql."""
    return Server(
        host=str(cluster.socket_dir),
        port=cluster.port,
        user=cluster.user,
        options="",
        dbname="template1",
    )


def load_extensions(**parameters: Any) -> None:
    """What the user has before installing pg_steward."""
    wanted = {key: parameters[key] for key in ("host", "port", "user", "dbname")}
    with psycopg.connect(**wanted, autocommit=True) as connection:
        connection.execute("create extension vector; create extension plpython3u")


def load_bundle(**parameters: Any) -> None:
    """Install pg_steward as the README says."""
    # A callable, because only psql understands the backslash commands of install.sql.
    command = [find().bin("psql"), "-X", "-q", "-f", str(INSTALL)]
    for option, key in (("-h", "host"), ("-p", "port"), ("-U", "user"), ("-d", "dbname")):
        command += [option, str(parameters[key])]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


# Templates, each made once and cloned for every test.
bare_template = factories.postgresql_noproc(
    depends_on="server", dbname="bare", load=[load_extensions]
)
installed_template = factories.postgresql_noproc(
    depends_on="bare_template", dbname="installed", load=[load_bundle]
)
bare_connection = factories.postgresql("bare_template")
installed_connection = factories.postgresql("installed_template")


@pytest.fixture
def bare(cluster: Cluster, bare_connection: psycopg.Connection[Any]) -> Database:
    """A new database with pgvector and PL/Python, and without pg_steward."""
    return Database(cluster, bare_connection.info.dbname)


@pytest.fixture
def db(cluster: Cluster, installed_connection: psycopg.Connection[Any]) -> Database:
    """A new database with pg_steward installed."""
    return Database(cluster, installed_connection.info.dbname)


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[Database]:
    """A new database with nothing in it."""
    database = Database(cluster, f"empty_{secrets.token_hex(4)}")
    postgres = Database(cluster, "postgres")
    postgres.run(f"create database {database.name} template template0")
    yield database
    postgres.run(f"drop database {database.name} with (force)")


@pytest.fixture
def articles(db: Database) -> Database:
    """A database in which a table of three short articles is tracked and embedded."""
    db.run(ARTICLES)
    db.run("select steward.track('articles', content => 'body')")
    db.work()
    return db


@pytest.fixture
def make_role(cluster: Cluster) -> Iterator[Callable[..., str]]:
    """Make roles for a test; they are gone after it."""
    postgres = Database(cluster, "postgres")
    made: list[str] = []

    def make(*member_of: str, name: str | None = None) -> str:
        # Mixed case on purpose: every place that forgets to quote it fails.
        role = name or f"Role {secrets.token_hex(4)}"
        postgres.run(f"create role {quote_name(role)} login")
        made.append(role)
        for group in member_of:
            postgres.run(f"grant {quote_name(group)} to {quote_name(role)}")
        return role

    yield make
    for role in made:
        for (dbname,) in postgres.run(
            "select distinct d.datname from pg_shdepend as s "
            "inner join pg_database as d on d.oid = s.dbid "
            "where s.refclassid = 'pg_authid'::regclass and s.refobjid = %s::regrole",
            quote_name(role),
        ):
            with contextlib.suppress(psycopg.errors.ObjectInUse):
                Database(cluster, dbname).run(f"drop owned by {quote_name(role)} cascade")
        postgres.run(f"drop role {quote_name(role)}")
