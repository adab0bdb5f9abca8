"""health() turns red for each cause and says what to do, and doing that makes it well again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from pgenv import Cluster
from support import INSTALL, Database

STATEMENT = re.compile(r"((?:select|call|create index) [^;]*);")


def state(db: Database, check: str, user: str = "postgres") -> tuple[str, str, str]:
    """The worst row of a check: its status, its figure, and what to do."""
    rows = db.run(
        "select status, figure, what_to_do from steward.health() where check_name = %s "
        "order by array_position(array['critical', 'warn', 'ok'], status) limit 1",
        check,
        user=user,
    )
    assert rows, f"there is no check called {check}"
    status, figure, remedy = rows[0]
    return status, figure, remedy or ""


def do_what_it_says(db: Database, check: str) -> None:
    """Run the statements of the remedy."""
    remedy = state(db, check)[2]
    statements = STATEMENT.findall(remedy)
    assert statements, remedy
    for statement in statements:
        db.run(statement)


def behind_the_back(db: Database, *statements: str) -> None:
    """Without triggers."""
    with db.connect() as replica:
        replica.execute("set session_replication_role = replica")
        for statement in statements:
            replica.execute(statement.encode())


@pytest.fixture
def well(articles: Database) -> Database:
    """A database in which all is well, but that it has no pg_cron."""
    articles.run("select steward.configure('expect_pg_cron', 'no')")
    articles.run("select steward.reconcile('articles')")
    ill = "select check_name, figure from steward.health() where status <> 'ok'"
    # the pgvector of some distributions
    assert [row for row in articles.run(ill) if row[0] != "pgvector"] == []
    return articles


def test_all_is_well(well: Database, make_role: Callable[..., str]) -> None:
    """Every check has its row, without a remedy; operators may look, readers may not."""
    rows = well.run("select check_name, status, what_to_do from steward.health()")
    assert {name for name, _, _ in rows} >= {
        "pg_steward", "pgvector", "plpython3u", "roles", "source", "schedule", "lost claims",
        "long claims", "oldest transaction", "oldest pending", "coverage", "failed rows",
        "unseen changes", "census", "vector index",
    }  # fmt: skip
    assert [row for row in rows if row[1] == "ok" and row[2]] == []
    operator, reader = make_role("steward_operator"), make_role("steward_reader")
    assert len(well.run("select * from steward.health()", user=operator)) == len(rows)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        well.run("select * from steward.health()", user=reader)


def test_lost_claim(well: Database) -> None:
    """A worker that died, and nobody takes its claims back."""
    well.run("update articles set body = 'New.'")
    well.run("select 1 from steward.claim('dead one')")
    assert state(well, "lost claims")[:2] == ("ok", "none")
    well.run("update steward_private.claim set lease_expires_at = now() - interval '3 minutes'")
    status, figure, _ = state(well, "lost claims")
    assert status == "warn"
    assert "worker dead one since 00:03:00" in figure
    well.run("update steward_private.claim set lease_expires_at = now() - interval '11 minutes'")
    assert state(well, "lost claims")[0] == "critical"
    do_what_it_says(well, "lost claims")
    assert state(well, "lost claims")[0] == "ok"


def test_worker_that_does_not_let_go(well: Database) -> None:
    """It extends its lease for ever."""
    well.run("update articles set body = 'New.'")
    well.run("select 1 from steward.claim('stuck one')")
    well.run("update steward_private.claim set claimed_at = now() - interval '61 minutes'")
    status, figure, remedy = state(well, "long claims")
    assert (status, "by worker stuck one for 01:01:00" in figure) == ("critical", True)
    assert "stop it" in remedy
    well.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
    well.run("select steward.reap()")
    assert state(well, "long claims")[0] == "ok"


def test_old_edit(well: Database) -> None:
    """Nobody has come for an edit; thresholds are settings."""
    well.run("update articles set body = 'New.' where id = 1")
    assert state(well, "oldest pending")[0] == "ok"
    for slot in (0, 1):
        well.run(
            f"update steward_data.articles_1_mark_{slot} "
            "set marked_at = now() - interval '11 minutes'"
        )
    status, figure, _ = state(well, "oldest pending")
    assert (status, figure) == ("warn", "1 edits, the oldest for 00:11:00")
    well.run("select steward.configure('pending_critical', '11 minutes')")
    assert state(well, "oldest pending")[0] == "critical"
    do_what_it_says(well, "oldest pending")
    assert state(well, "oldest pending")[0] == "ok"


def test_failed_rows(well: Database) -> None:
    """They are given new attempts when the cause is gone."""
    well.run("update articles set body = 'New.' where id = 1")
    well.run("select 1 from steward.claim('w')")
    well.run("update steward_data.articles_1_job set attempts = 4")
    well.run("select steward.fail(token, 'no') from steward_private.claim")
    assert state(well, "failed rows")[:2] == ("warn", "1")
    well.run("select steward.configure('failed_critical', '1')")
    assert state(well, "failed rows")[0] == "critical"
    do_what_it_says(well, "failed rows")
    assert state(well, "failed rows")[0] == "ok"


def test_coverage_and_unseen_changes(well: Database) -> None:
    """What no trigger told of is found by a census."""
    behind_the_back(
        well, "insert into articles (body) select 'Unseen ' || n from generate_series(1, 7) as n"
    )
    assert state(well, "coverage")[0] == "ok"
    well.run("select steward.reconcile('articles', queue => false)")
    assert state(well, "coverage")[:2] == ("critical", "3 of 10 rows are fresh")
    assert state(well, "unseen changes")[:2] == ("warn", "7 missing, 0 outdated, 0 orphans")
    do_what_it_says(well, "coverage")
    assert state(well, "unseen changes")[0] == "ok"
    # now a worker has to come
    assert "pending" in state(well, "coverage")[2]
    do_what_it_says(well, "coverage")
    assert state(well, "coverage")[0] == "ok"


def test_held_transaction(well: Database) -> None:
    """Somebody's open transaction keeps every dead row."""
    well.run("select steward.configure('xmin_critical', '300 milliseconds')")
    idle = well.connect(autocommit=False)
    pid = idle.info.backend_pid
    idle.execute("set transaction isolation level repeatable read")
    idle.execute("select 1")
    time.sleep(0.4)
    status, figure, _ = state(well, "oldest transaction")
    assert status == "critical"
    assert f"session {pid} of postgres" in figure
    do_what_it_says(well, "oldest transaction")
    time.sleep(0.3)
    assert f"session {pid} " not in state(well, "oldest transaction")[1]
    idle.close()


def test_missing_extension(empty: Database) -> None:
    """No PL/Python: nothing can be embedded."""
    empty.run("create extension vector")
    empty.psql("-q", "-f", INSTALL)
    assert state(empty, "plpython3u")[0] == "critical"
    remedy = state(empty, "plpython3u")[2]
    empty.run("create extension plpython3u")
    assert "create extension plpython3u" in remedy
    do_what_it_says(empty, "plpython3u")
    assert state(empty, "plpython3u")[0] == "ok"


def test_missing_schedule_without_pg_cron(db: Database) -> None:
    """It is said until it is said that something else does it."""
    assert state(db, "schedule")[0] == "warn"
    db.run("select steward.configure('expect_pg_cron', 'no')")
    assert state(db, "schedule")[0] == "ok"


@pytest.fixture(scope="module")
def app() -> Iterator[Database]:
    """A database that pg_cron belongs to, in a server of its own."""
    with Cluster.ephemeral(settings={"cron.database_name": "app"}) as cluster:
        Database(cluster, "postgres").run("create database app")
        app = Database(cluster, "app")
        app.run("create extension vector; create extension plpython3u; create extension pg_cron")
        app.psql("-q", "-f", INSTALL)
        yield app


def test_schedule(app: Database) -> None:
    """Not there, switched off, failing."""
    assert state(app, "schedule")[0] == "critical"
    do_what_it_says(app, "schedule")
    assert state(app, "schedule")[0] == "ok"
    app.run("select cron.alter_job(jobid, active => false) from cron.job where jobname ~ 'reap'")
    assert state(app, "schedule")[:2] == ("critical", "steward: reap: switched off")
    do_what_it_says(app, "schedule")
    assert state(app, "schedule")[0] == "ok"
    run = (
        "insert into cron.job_run_details "
        "(jobid, runid, database, username, command, status, return_message, start_time) "
        "select jobid, {n}, database, username, command, '{status}', 'out of luck', now() "
        "from cron.job where jobname ~ 'reconcile'"
    )
    app.run(run.format(n=1000001, status="failed"))
    status, figure, _ = state(app, "schedule")
    assert status == "critical"
    assert figure.endswith("out of luck")
    app.run(run.format(n=1000002, status="succeeded"))
    assert state(app, "schedule")[0] == "ok"


def test_disabled_and_dropped_trigger(well: Database) -> None:
    """Changes are being missed."""
    well.run("alter table articles disable trigger steward_update")
    status, figure, remedy = state(well, "source")
    assert (status, figure) == ("critical", "4 of its 5 triggers are there and enabled")
    assert "Enable the triggers" in remedy
    well.run("alter table articles enable trigger steward_update")
    assert state(well, "source")[0] == "ok"
    well.run("drop trigger steward_delete on articles")
    assert state(well, "source")[0] == "critical"


def test_paused_source(well: Database) -> None:
    """Somebody has forgotten it."""
    well.run("select steward.pause('articles', 'holidays')")
    status, figure, _ = state(well, "source")
    assert (status, "holidays" in figure) == ("warn", True)
    do_what_it_says(well, "source")
    assert state(well, "source")[0] == "ok"


def test_unindexed_space(well: Database) -> None:
    """The very statement that makes the index."""
    assert state(well, "vector index")[:2] == ("ok", "3 chunks, no index")
    well.run("select steward.configure('unindexed_warn', '3')")
    assert state(well, "vector index")[0] == "warn"
    well.run("select steward.configure('unindexed_critical', '3')")
    assert state(well, "vector index")[0] == "critical"
    do_what_it_says(well, "vector index")
    assert state(well, "vector index")[:2] == ("ok", "3 chunks, an index")
    # an index that was left half made does not count
    well.run(
        "update pg_index set indisvalid = false where indexrelid::regclass::text ~ 'embedding'"
    )
    assert state(well, "vector index")[0] == "critical"


def test_stalled_backfill(well: Database) -> None:
    """No worker comes."""
    well.run("select steward.backfill('articles')")
    assert state(well, "backfill")[0] == "ok"
    well.run("update steward_private.backfill set advanced_at = now() - interval '11 minutes'")
    assert state(well, "backfill")[:2] == (
        "warn",
        "0 of about 3 rows queued, the last 00:11:00 ago",
    )
    well.run("update steward_private.backfill set advanced_at = now() - interval '61 minutes'")
    assert state(well, "backfill")[0] == "critical"
    do_what_it_says(well, "backfill")
    assert well.run("select 1 from steward.health() where check_name = 'backfill'") == []


def test_old_census(well: Database) -> None:
    """Nobody has compared the source for a long time."""
    well.run("update steward_private.census set counted_at = now() - interval '4 days'")
    assert state(well, "census")[0] == "warn"
    well.run("update steward_private.census set counted_at = now() - interval '31 days'")
    assert state(well, "census")[0] == "critical"
    well.run("select steward.reconcile('articles')")
    assert state(well, "census")[0] == "ok"


def test_check_that_cannot_be_made(well: Database) -> None:
    """It says so, and the others are made."""
    before = well.run("select check_name from steward.health()")
    well.run("drop function steward_private.xmin_health(jsonb)")
    status, figure, _ = state(well, "oldest transaction")
    assert status == "warn"
    assert figure.startswith("it cannot be looked at: function steward_private.xmin_health")
    assert well.run("select check_name from steward.health()") == before
