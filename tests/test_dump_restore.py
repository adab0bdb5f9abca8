"""A database with pg_steward in it comes back whole from pg_dump, in the middle of work.

Backups are of no use if what they bring back is not looked after any more: after each way of
restoring, the catalog and the data are what they were, and work goes on where it stopped.
"""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog import snapshot
from support import Database, quote_name, run_program

MakeRole = Callable[..., str]
Restore = Callable[[Database, Path], Database]

# The tables of the registry, and those that the tracked table below has.
TABLES = (
    "steward_private.model",
    "steward_private.source",
    "steward_private.space",
    "steward_private.claim",
    "steward_private.decision",
    "steward_private.backfill",
    "steward_private.horizon",
    "steward_private.usage",
    "steward_private.tenure",
    "steward_private.tally",
    "steward_private.census",
    "steward_private.setting",
    "steward_private.worker",
    'steward_data."My articles_1_mark_0"',
    'steward_data."My articles_1_mark_1"',
    'steward_data."My articles_1_gone"',
    'steward_data."My articles_1_job"',
    'steward_data."My articles_1_doc"',
    'steward_data."My articles_1_chunk"',
    'steward_data."My articles_1_revision"',
    'steward_data."My articles_1_past"',
    "steward_data.mine_2_job",
    "steward_data.mine_2_doc",
    "steward_data.mine_2_chunk",
    'app."My articles"',
    "app.mine",
)
SOURCE = """'app."My articles"'"""


def data(database: Database) -> str:
    """The rows of every table as text, whatever their order."""
    return "".join(
        f"{table}: {row}\n"
        for table in TABLES
        for (row,) in database.run(f"select t::text from {table} as t order by 1")
    )


def sequences(database: Database) -> list[tuple[str, int]]:
    """How far every sequence of ours has come."""
    return [
        (name, value)
        for name, value in database.run(
            "select format('%I.%I', s.schemaname, s.sequencename), s.last_value "
            "from pg_sequences as s where s.schemaname like 'steward%' order by 1"
        )
    ]


@pytest.fixture
def busy(db: Database, make_role: MakeRole) -> Database:
    """A database with rows in every state, unread marks and a backfill that is half way."""
    owner = make_role("steward_admin")
    db.run("create schema app")
    db.run(f"grant usage, create on schema app to {quote_name(owner)}")
    db.run(
        'create table app."My articles" '
        '("Key" text, number numeric(5, 1), "the $body$" text, '
        'primary key (number, "Key"))'
    )
    for key, text in (
        ("fresh", "Knead the flour and bake the bread."),
        ("edited", "The moon pulls at the oceans."),
        ("failed", "A mutex lets one thread in."),
        ("claimed", "Roses grow along the fence."),
        ("ready", "Rain falls on the hills."),
        ("waiting", "The wind blows from the west."),
        ("late", "It was here a moment ago."),
        ("empty", None),
        ("gone", "Nobody will know of this."),
    ):
        db.run('insert into app."My articles" values (%s, 1.5, %s)', key, text)
    db.run("""select steward.track('app."My articles"', content => 'the $body$')""")
    db.work()
    db.run("""delete from app."My articles" where "Key" = 'gone'""")

    db.run("""update app."My articles" set "the $body$" = 'Two.' where "Key" = 'failed'""")
    for _ in range(4):
        db.run('update steward_data."My articles_1_job" set available_at = now()')
        db.run("select steward.fail(token, 'it is no use') from steward.claim('clumsy')")
    edit = 'update app."My articles" set "the $body$" = %s where "Key" = %s'
    db.run(edit, "West winds.", "waiting")
    assert db.run("select steward.fail(token, 'not now') from steward.claim('clumsy')") == [
        ("pending",)
    ]
    db.run(
        """update steward_data."My articles_1_job" set available_at = now() + interval '1 day' """
        "where available_at is not null"
    )
    db.run(edit, "Red roses.", "claimed")
    assert len(db.run("select * from steward.claim('on leave', lease => '1 day')")) == 1
    db.run(edit, "Heavy rain.", "ready")
    db.run("select steward_private.fold_spaces('{1}')")
    # nobody has looked at these marks yet
    db.run(edit, "The tide.", "edited")
    db.run("""delete from app."My articles" where "Key" = 'late'""")
    db.run("select steward.add_model('tiny@1', 3, 'mine')")

    # decisions of three months, two of which have partitions of their own
    db.run(
        "insert into steward_private.decision (space_id, key, outcome, reason, decided_at) "
        "values (1, '{}', 'failed', 'long ago', now() - interval '1 month')"
    )
    assert db.run("select * from steward.tidy()")[0] == ("decisions", 3)
    db.run(
        "insert into steward_private.decision (space_id, key, outcome, reason, decided_at) "
        "values (1, '{}', 'failed', 'not yet', now() + interval '1 year')"
    )

    # a table of somebody who is no superuser, whose readers run as that role
    db.run("create table app.mine (id integer primary key, body text)", user=owner)
    db.run("insert into app.mine select n, 'Mine.' from generate_series(1, 1200) as n", user=owner)
    db.run("select steward.track('app.mine', content => 'body')", user=owner)
    db.run("select steward_private.fold_spaces('{2}')")
    assert db.run("select state, rows_queued from steward.backfills order by rows_queued") == [
        ("done", 9),
        ("running", 1000),
    ]
    states = f"select state, count(*) from steward.jobs where source = {SOURCE}::regclass "
    assert db.run(states + "group by 1 order by 1") == [
        ("claimed", 1),
        ("failed", 1),
        ("pending", 4),
    ]
    return db


def new_database(like: Database) -> Database:
    """An empty database in the same cluster."""
    restored = Database(like.cluster, f"restored {secrets.token_hex(4)}")
    postgres = Database(like.cluster, "postgres")
    postgres.run(f"create database {quote_name(restored.name)} template template0")
    return restored


def custom(database: Database, folder: Path) -> Database:
    """pg_dump -Fc and pg_restore."""
    restored, file = new_database(database), folder / "dump"
    run_program(database.cluster, database.name, "pg_dump", ["-Fc", "-f", file])
    run_program(
        database.cluster,
        restored.name,
        "pg_restore",
        ["--exit-on-error", "--dbname", restored.name, file],
    )
    return restored


def parallel(database: Database, folder: Path) -> Database:
    """pg_dump -Fd and pg_restore by several processes, in an order of their own."""
    restored, directory = new_database(database), folder / "dump"
    run_program(database.cluster, database.name, "pg_dump", ["-Fd", "-j", "2", "-f", directory])
    run_program(
        database.cluster,
        restored.name,
        "pg_restore",
        ["--exit-on-error", "-j", "2", "--dbname", restored.name, directory],
    )
    return restored


def plain(database: Database, folder: Path) -> Database:
    """pg_dump as SQL, and psql in one transaction."""
    restored, file = new_database(database), folder / "dump.sql"
    run_program(database.cluster, database.name, "pg_dump", ["-f", file])
    restored.psql("-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file)
    return restored


def with_inserts(database: Database, folder: Path) -> Database:
    """pg_dump as SQL with INSERT statements instead of COPY."""
    restored, file = new_database(database), folder / "dump.sql"
    run_program(database.cluster, database.name, "pg_dump", ["--rows-per-insert=2", "-f", file])
    restored.psql("-q", "-v", "ON_ERROR_STOP=1", "-f", file)
    return restored


def clean_in_place(database: Database, folder: Path) -> Database:
    """pg_dump --clean, restored over a database that has everything already."""
    file = folder / "dump.sql"
    run_program(database.cluster, database.name, "pg_dump", ["--clean", "--if-exists", "-f", file])
    restored = custom(database, folder)
    restored.psql("-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file)
    return restored


WAYS: tuple[Restore, ...] = (custom, parallel, plain, with_inserts, clean_in_place)


@pytest.fixture(params=WAYS, ids=[way.__name__ for way in WAYS])
def restored(request: pytest.FixtureRequest, busy: Database, tmp_path: Path) -> Iterator[Database]:
    """The busy database after each way."""
    way: Restore = request.param
    database = way(busy, tmp_path)
    yield database
    drop = f"drop database {quote_name(database.name)} with (force)"
    Database(busy.cluster, "postgres").run(drop)


def same(before: str, after: str) -> None:
    """Fail with the differing lines."""
    difference = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "before", "restored", lineterm="", n=0
    )
    assert before == after, "\n".join(difference)


def test_a_restored_database_is_the_same_and_goes_on(busy: Database, restored: Database) -> None:
    """Catalog, data, and everything that people do."""
    same(snapshot(busy), snapshot(restored))
    same(snapshot(busy, ["app"]), snapshot(restored, ["app"]))
    same(data(busy), data(restored))
    assert sequences(busy) == sequences(restored)
    readers_are_in_the_right_hands(restored)
    goes_on(restored)


def readers_are_in_the_right_hands(restored: Database) -> None:
    """The readers belong to the table's owner again, and nobody kept a right that was lent."""
    assert restored.run(
        "select count(*) from pg_proc as p inner join pg_class as c on c.relname = 'mine' "
        "where p.proname in ('read_2', 'there_2', 'lock_2', 'scan_2') and p.proowner = c.relowner "
        "and p.proowner <> 10"
    ) == [(4,)]
    assert (
        restored.run(
            "select a.grantee from pg_namespace as n cross join lateral aclexplode(n.nspacl) as a "
            "where n.nspname = 'steward_private' and a.grantee <> n.nspowner"
        )
        == []
    )


def goes_on(database: Database) -> None:
    """Work goes on where it stopped."""
    assert database.run("select * from steward.check() where status = 'critical'") == []
    search = f"select key ->> 'Key', chunk from steward.search({SOURCE}, %s, 1)"
    fresh = [("fresh", "Knead the flour and bake the bread.")]
    assert database.run(search, "bread") == fresh
    states = "select documents, fresh, pending, failed, missing from steward.freshness "
    here = f"where source = {SOURCE}::regclass"
    assert database.run(states + here) == [(7, 2, 4, 1, 0)]
    assert_verified(database, only_pending=True)

    # old decisions can still be dropped, and new months made
    database.run("insert into steward_private.setting values ('keep_decisions', '0 days')")
    assert database.run("select * from steward.tidy()")[0][1] >= 1
    database.run("delete from steward_private.setting")

    # what was pending is done; what was claimed is still held, and its holder may deliver
    database.work()
    assert database.run(search, "the tide") == [("edited", "The tide.")]
    assert database.run(search, "heavy rain") == [("ready", "Heavy rain.")]
    assert database.run(states + "where source = 'app.mine'::regclass") == [(1200, 1200, 0, 0, 0)]
    (claim,) = database.run("select token, plan -> 'texts' ->> 0 from steward_private.claim")
    complete = "select steward.complete(%s, steward.embed(array[%s]))"
    assert database.value(complete, *claim) == "embedded"
    assert database.run(search, "red roses") == [("claimed", "Red roses.")]
    assert database.run(states + here) == [(7, 5, 1, 1, 0)]
    # an edit wakes what waits, and what had failed
    database.run(
        """update app."My articles" set "the $body$" = 'Wild wind.' where "Key" = 'waiting'"""
    )
    database.run("""update app."My articles" set "the $body$" = 'A lock.' where "Key" = 'failed'""")
    # edits, new rows and deletes are noticed, with chunks that get numbers of their own
    database.run("""insert into app."My articles" values ('new', 2, 'Snow falls in winter.')""")
    database.run("""delete from app."My articles" where "Key" = 'fresh'""")
    database.work()
    assert database.run(states + here) == [(7, 7, 0, 0, 0)]
    assert_verified(database)
    assert database.run(search, "snow") == [("new", "Snow falls in winter.")]
    assert database.value("select count(*) from steward.jobs") == 0
    assert database.run("select chunk from steward.search('app.mine', 'mine', 1)") == [("Mine.",)]

    # what is tracked from now on gets numbers of its own, too
    database.run("create table app.later (id integer primary key, body text)")
    database.run("insert into app.later values (1, 'Later.')")
    database.run("select steward.track('app.later', content => 'body')")
    database.work()
    later = database.run("select key, chunk from steward.search('app.later', 'later')")
    assert later == [({"id": 1}, "Later.")]
    for source in (SOURCE, "'app.later'", "'app.mine'"):
        database.run(f"select steward.untrack({source})")
    assert database.run("select * from steward.sources") == []
    assert (
        database.run(
            "select c.relname from pg_class as c "
            "where c.relnamespace = 'steward_data'::regnamespace "
            "and c.relname !~ '^decision_[0-9]{6}'"
        )
        == []
    )


def assert_verified(database: Database, *, only_pending: bool = False) -> None:
    """What is stored is what the rows say; or else it is known that it is not."""
    for source in (SOURCE, "'app.mine'"):
        problems = database.run(f"select key, problem, pending from steward.verify({source})")
        if only_pending:
            assert problems
            # all but the one that has failed for good
            left = [key for key, _, pending in problems if not pending]
            assert all("failed" in str(key) for key in left)
        else:
            assert problems == []


def test_the_comparison_notices_a_loss(busy: Database, tmp_path: Path) -> None:
    """Something left out of a dump is seen, in the catalog and in the data."""
    restored, file = new_database(busy), tmp_path / "dump.sql"
    try:
        run_program(
            busy.cluster,
            busy.name,
            "pg_dump",
            ["--no-comments", "--exclude-table-data=steward*.decision*", "-f", file],
        )
        restored.psql("-q", "-v", "ON_ERROR_STOP=1", "-f", file)
        with pytest.raises(AssertionError, match="-comment  function steward"):
            same(snapshot(busy), snapshot(restored))
        with pytest.raises(AssertionError, match=r"-steward_private\.decision"):
            same(data(busy), data(restored))
    finally:
        drop = f"drop database {quote_name(restored.name)} with (force)"
        Database(busy.cluster, "postgres").run(drop)
