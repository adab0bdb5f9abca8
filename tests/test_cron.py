"""pg_cron does the work by itself; without it, the lines for a crontab are told."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from pgenv import Cluster
from support import INSTALL, Database

# pg_cron starts jobs on the minute
PATIENCE = 100


@pytest.fixture(scope="module")
def app() -> Iterator[Database]:
    """A database that pg_cron belongs to, in a server of its own."""
    with Cluster.ephemeral(settings={"cron.database_name": "app's"}) as cluster:
        Database(cluster, "postgres").run('create database "app\'s"')
        app = Database(cluster, "app's")
        app.run("create extension vector; create extension plpython3u; create extension pg_cron")
        app.psql("-q", "-f", INSTALL)
        app.run("create role night_shift login in role steward_operator")
        app.run("grant usage on schema cron to night_shift")
        yield app


def test_an_edit_becomes_searchable_with_no_worker_outside(app: Database) -> None:
    """After start() nobody but the server runs, and still search has the new text in a minute."""
    app.run("create table articles (id integer primary key, body text)")
    app.run("insert into articles values (1, 'Bread is baked in an oven.')")
    app.run("select steward.track('articles', content => 'body')")
    app.work()
    # one row is claimed by a worker that died, one is edited
    app.run("insert into articles values (2, 'Tides turn twice a day.')")
    assert app.value("select count(*) from steward.claim('dead', lease => '1 millisecond')") == 1
    app.run("update articles set body = 'Bread is baked at home.' where id = 1")
    assert app.run("select job_name, scheduled from steward.status()") == [
        ("steward: reap", False),
        ("steward: reconcile", False),
        ("steward: tidy", False),
        ("steward: work", False),
    ]

    app.run("select steward.start()", user="night_shift")
    app.run("select steward.start()", user="night_shift")
    assert app.run("select jobname, schedule, command, username from cron.job order by 1") == [
        ("steward: reap", "* * * * *", "select steward.reap()", "night_shift"),
        ("steward: reconcile", "47 3 * * *", "call steward.reconcile_all()", "night_shift"),
        ("steward: tidy", "17 * * * *", "select steward.tidy()", "night_shift"),
        ("steward: work", "* * * * *", "call steward.work()", "night_shift"),
    ]
    assert app.run("select job_name, scheduled from steward.status()", user="night_shift") == [
        ("steward: reap", True),
        ("steward: reconcile", True),
        ("steward: tidy", True),
        ("steward: work", True),
    ]

    def wait_for(condition: str) -> None:
        until = time.monotonic() + PATIENCE
        while not app.value(condition):
            assert time.monotonic() < until, app.run("table cron.job_run_details")
            time.sleep(0.2)

    wait_for("select chunk = 'Bread is baked at home.' from steward.search('articles', 'bread', 1)")
    wait_for(
        "select state = 'pending' and last_error ~ 'did not come back' from steward.jobs "
        "where key = '{\"id\": 2}'"
    )
    wait_for(
        "select bool_and(last_status = 'succeeded') from steward.status() "
        "where job_name not in ('steward: tidy', 'steward: reconcile')"
    )

    # several workers side by side, and fewer again
    app.run("select steward.start(workers => 3)", user="night_shift")
    assert app.run("select jobname, command from cron.job where jobname ~ 'work' order by 1") == [
        ("steward: work", "call steward.work(workers => 3)"),
        ("steward: work 2", "call steward.work(workers => 3)"),
        ("steward: work 3", "call steward.work(workers => 3)"),
    ]
    assert app.value("select count(*) from steward.status() where scheduled") == 6
    app.run("select steward.start(workers => 2)", user="night_shift")
    assert app.value("select count(*) from cron.job") == 5

    app.run("select steward.stop()", user="night_shift")
    assert app.run("table cron.job") == []
    app.run("select steward.stop()", user="night_shift")


def test_uninstall_stops_the_jobs_first(app: Database) -> None:
    """No job is left that would fail every minute."""
    app.run("select steward.start()", user="night_shift")
    assert app.value("select count(*) from cron.job") == 4
    app.psql("-v", "confirm_drop_vectors=yes", "-f", INSTALL.with_name("uninstall.sql"))
    assert app.run("table cron.job") == []
    app.psql("-q", "-f", INSTALL)


@dataclass(frozen=True)
class Notice:
    """What the server says along with a result."""

    severity: str | None
    message_primary: str | None
    message_detail: str | None
    message_hint: str | None


def notice_of(database: Database, statement: str) -> Notice:
    """The only notice that a statement raises."""
    notices: list[Notice] = []

    def keep(diag: psycopg.errors.Diagnostic) -> None:
        notices.append(
            Notice(diag.severity, diag.message_primary, diag.message_detail, diag.message_hint)
        )

    with database.connect() as connection:
        connection.add_notice_handler(keep)
        connection.execute(statement)
    (notice,) = notices
    return notice


def test_without_pg_cron_the_crontab_lines_work(db: Database) -> None:
    """The lines of the notice, given to a shell, do the job."""
    notice = notice_of(db, "select steward.start()")
    assert notice.message_primary == (
        "pg_cron is not installed in this database, nothing is scheduled"
    )
    assert "belongs to the database postgres" in str(notice.message_detail)
    lines = str(notice.message_hint).splitlines()[1:]
    every_minute = ["*"] * 5
    assert [line.split(" ")[:5] for line in lines] == [
        every_minute,
        ["47", "3", "*", "*", "*"],
        ["17", *["*"] * 4],
        every_minute,
    ]
    assert db.run("select job_name, scheduled, last_status from steward.status()") == [
        ("steward: reap", False, "pg_cron is not installed here"),
        ("steward: reconcile", False, "pg_cron is not installed here"),
        ("steward: tidy", False, "pg_cron is not installed here"),
        ("steward: work", False, "pg_cron is not installed here"),
    ]
    assert notice_of(db, "select steward.stop()").severity == "NOTICE"

    db.run("create table articles (id integer primary key, body text)")
    db.run("insert into articles values (1, 'Bread is baked in an oven.')")
    db.run("select steward.track('articles', content => 'body')")
    for line in lines:
        # what cron does: five fields, then a command for sh, in which \% is a percent sign
        command = line.split(" ", 5)[5].replace(r"\%", "%")
        command = command.replace("psql", shlex.quote(db.cluster.bin("psql")), 1)
        subprocess.run(["sh", "-c", command], env=db.cluster.env("postgres"), check=True)
    assert db.value("select fresh from steward.freshness") == 1


@pytest.mark.parametrize("name", ["plain", "50% of a 'name\"; drop\\", "ünï çödé"])
def test_crontab_lines_survive_the_name_of_the_database(cluster: Cluster, name: str) -> None:
    """Quotes for the shell, percent signs for cron."""
    postgres = Database(cluster, "postgres")
    quoted = '"' + name.replace('"', '""') + '"'
    postgres.run(f"create database {quoted}")
    try:
        database = Database(cluster, name)
        database.run("create extension vector; create extension plpython3u")
        database.psql("-q", "-f", INSTALL)
        hint = str(notice_of(database, "select steward.start()").message_hint)
        command = hint.splitlines()[1].split(" ", 5)[5].replace(r"\%", "%")
        command = command.replace("psql", shlex.quote(cluster.bin("psql")), 1)
        subprocess.run(["sh", "-c", command], env=cluster.env("postgres"), check=True)
    finally:
        postgres.run(f"drop database {quoted} with (force)")
