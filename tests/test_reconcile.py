"""reconcile(): finds what triggers never saw, goes on where it was, and sets the counts right."""

from __future__ import annotations

import threading

import psycopg
import pytest

from support import Database

CENSUS = (
    "select rows_seen, missing_seen, outdated_seen, counted_at is not null, started_at is not null "
    "from steward_private.census"
)
FIGURES = "select documents, fresh, missing, outdated, orphans from steward.freshness"


@pytest.fixture
def notes(db: Database) -> Database:
    """A hundred rows, some changed behind our back."""
    db.run("create table notes (id integer primary key, body text)")
    db.run("insert into notes select n, 'Note ' || n from generate_series(1, 100) as n")
    db.run("select steward.track('notes', content => 'body')")
    db.run("call steward.work(idle_seconds => 0, batch => 1000)")
    with db.connect() as replica:
        replica.execute("set session_replication_role = replica")
        replica.execute("update notes set body = 'Changed.' where id in (1, 42, 43, 99)")
        replica.execute("delete from notes where id in (5, 50)")
        replica.execute("insert into notes values (200, 'New.'), (-1, 'First.')")
    return db


def test_it_goes_on_where_it_was(notes: Database) -> None:
    """A part at a time; the last one tells what is stored of rows that are gone."""
    count = "select steward.reconcile('notes', 40, false)"
    assert [notes.value(count) for _ in range(2)] == [2, 2]
    assert notes.run(CENSUS) == [(80, 1, 3, False, True)]
    assert notes.run(FIGURES) == [(100, 100, 0, 0, 0)]
    # the rest of the rows, and two documents
    assert notes.value(count) == 2 + 2
    assert notes.run(CENSUS) == [(0, 0, 0, True, False)]
    assert notes.run(FIGURES) == [(100, 94, 2, 4, 2)]
    # and anew
    assert notes.value(count) == 2
    # without a limit from the beginning, and to the end
    assert notes.value("select steward.reconcile('notes')") == 8
    assert notes.run(FIGURES) == [(100, 94, 0, 0, 2)]
    notes.work()
    assert notes.run(FIGURES) == [(100, 100, 0, 0, 0)]
    assert notes.run("select * from steward.verify('notes')") == []
    assert notes.value("select steward.reconcile('notes')") == 0


def test_what_was_queued_is_missing_no_longer(notes: Database) -> None:
    """A pass that counts at first and queues then."""
    assert notes.value("select steward.reconcile('notes', 40, false)") == 2
    while not notes.value("select steward._reconcile_slice('notes', 40)"):
        pass
    ((missing, outdated, pending, orphans),) = notes.run(
        "select missing, outdated, pending, orphans from steward.freshness"
    )
    assert (missing, outdated, pending, orphans) == (1, 1, 4, 2)


def test_killed_in_the_middle(notes: Database) -> None:
    """What was committed is not done again, and the rest is done."""
    quick = (
        "create or replace function slow(text) returns text language sql immutable as 'select $1'"
    )
    notes.run(quick)
    notes.run("select * from steward.alter('notes', content => 'public.slow(body)')")
    notes.run("select steward.cancel_backfill('notes')")
    # from now on a row takes a while: the worker of the night is there when it is killed
    notes.run(
        "create or replace function slow(text) returns text language plpgsql immutable as "
        "$$ begin if $1 = 'Note 70' then perform pg_sleep(60); end if; return $1; end $$"
    )
    session = notes.connect()

    def kill() -> None:
        # when some parts are done
        while notes.value("select sum(rows_seen) from steward_private.census") < 60:
            pass
        notes.run("select pg_terminate_backend(%s)", session.info.backend_pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(psycopg.OperationalError):
            session.execute("call steward.reconcile_all(20)")
    finally:
        killer.join()
        session.close()
    assert notes.run(CENSUS) == [(60, 0, 0, False, True)]
    queued = notes.value("select count(*) from steward_data.notes_1_mark_0")
    assert queued == 4
    notes.run(quick)
    notes.run("call steward.reconcile_all(20)")
    assert notes.run(CENSUS) == [(0, 0, 0, True, False)]
    # none of them twice
    assert notes.value("select count(*) from steward_data.notes_1_mark_0") == 8
    notes.work()
    assert notes.run("select * from steward.verify('notes')") == []


def test_one_at_a_time(notes: Database) -> None:
    """Two at once would set the counts right twice."""
    with notes.connect(autocommit=False) as one:
        one.execute("select steward.reconcile('notes')")
        with notes.connect() as other, pytest.raises(psycopg.errors.ObjectInUse):
            # not to wait for the other one is what is asked for
            other.execute("set lock_timeout = '10s'")
            other.execute("select steward.reconcile('notes')")
    with notes.connect(autocommit=False) as late:
        late.execute("set transaction isolation level repeatable read")
        with pytest.raises(psycopg.errors.InvalidTransactionState):
            late.execute("select steward.reconcile('notes')")


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        ("null", "22004"),
        ("'pg_class'", "42704"),
        ("'notes', 0", "22023"),
        ("'notes', -1", "22023"),
        ("'notes', 5, null", "22004"),
    ],
)
def test_arguments_that_cannot_be(notes: Database, arguments: str, sqlstate: str) -> None:
    """A clear error, and no pass has begun."""
    with pytest.raises(psycopg.Error) as caught:
        notes.run(f"select steward.reconcile({arguments})")
    assert caught.value.sqlstate == sqlstate
    assert notes.run(CENSUS) == [(0, 0, 0, False, False)]


def test_the_counts_are_set_right(notes: Database) -> None:
    """Whatever has made them wrong."""
    notes.run("insert into steward_private.tally (space_id, documents, chunks) values (1, 7, -9)")
    notes.run("delete from steward_data.notes_1_chunk where key_1 = 60")
    counts = "select documents, chunks from steward.freshness"
    assert notes.run(counts) == [(107, 91)]
    notes.run("select steward.reconcile('notes', queue => false)")
    assert notes.run(counts) == [(100, 99)]
    notes.run("truncate notes")
    assert notes.run(counts) == [(0, 0)]
    notes.run("select steward.reconcile('notes')")
    assert notes.run(counts) == [(0, 0)]


def test_chunk_of_no_document(notes: Database) -> None:
    """It is found, and a worker removes it."""
    notes.run("select steward.reconcile('notes')")
    notes.work()
    notes.run(
        "update steward_data.notes_1_doc set chunk_ids = '{}', starts = '{}', ends = '{}', "
        "headings = '{}' where key_1 = 7"
    )
    assert notes.run("select problem from steward.verify('notes')") == [
        ("chunks differ",),
        ("stray chunk",),
    ]
    assert notes.value("select steward.reconcile('notes')") == 1
    notes.work()
    assert notes.run("select * from steward.verify('notes')") == []
    assert notes.run(FIGURES) == [(100, 100, 0, 0, 0)]


def test_a_row_read_before_it_changed_unseen(db: Database) -> None:
    """There is a job for it, but the worker has the text of before: it is looked at again."""
    db.run("create table notes (id integer primary key, body text)")
    db.run("insert into notes values (1, 'One.')")
    db.run("select steward.add_model('tiny@1', 2, 'mine')")
    db.run("select steward.track('notes', content => 'body', model => 'tiny@1')")
    token = db.value("select token from steward.claim('w')")
    assert db.value("select steward.reconcile('notes')") == 0
    with db.connect() as replica:
        replica.execute("set session_replication_role = replica")
        replica.execute("update notes set body = 'Two.'")
    assert db.value("select steward.reconcile('notes', queue => false)") == 1
    assert db.value("select steward.reconcile('notes')") == 1
    assert db.value("select steward.complete(%s, array['[1,0]'])", token) == "embedded"
    assert db.run("select texts from steward.claim('w')") == [(["Two."],)]


def test_unreadable_rows(db: Database) -> None:
    """They are queued once, and a worker tells why; afterwards they have failed, and stay."""
    db.run("create table notes (id integer primary key, n integer not null, body text)")
    db.run("insert into notes values (1, 1, 'One.'), (2, 2, 'Two.'), (3, 3, 'Three.')")
    db.run("select steward.track('notes', content => 'body || (6 / n)::text')")
    db.work()
    with db.connect() as replica:
        replica.execute("set session_replication_role = replica")
        replica.execute("update notes set n = 0 where id = 2")
        replica.execute("insert into notes values (4, 0, 'Four.')")
    assert db.value("select steward.reconcile('notes', queue => false)") == 2
    assert db.run(FIGURES) == [(4, 2, 1, 1, 0)]
    assert (
        db.run(
            "select state, source_hash is null from steward.freshness_detail('notes') "
            "where key ->> 'id' in ('2', '4')"
        )
        == [("unreadable", True)] * 2
    )
    assert db.value("select steward.reconcile('notes')") == 2
    db.run("select 1 from steward.claim('w')")
    db.run("update steward_data.notes_1_job set attempts = 4, available_at = now()")
    db.run("select 1 from steward.claim('w')")
    assert db.run("select failed, missing, outdated from steward.freshness") == [(2, 0, 0)]
    assert db.value("select steward.reconcile('notes')") == 0


def test_reconcile_all_passes_over_what_cannot_be_reconciled(notes: Database) -> None:
    """And tells of it."""
    notes.run("create table broken (id integer primary key, body text)")
    notes.run("select steward.track('broken', content => 'body')")
    notes.run("drop function steward_private.scan_2(jsonb, integer)")
    heard: list[str] = []
    with notes.connect() as session:
        session.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
        session.execute("call steward.reconcile_all()")
    assert len(heard) == 1
    assert heard[0].startswith("table public.broken cannot be reconciled: function") or heard[
        0
    ].startswith("table broken cannot be reconciled: function")
    assert notes.run(
        "select source::text, counted_at is not null from steward.freshness order by 1"
    ) == [("broken", False), ("notes", True)]


@pytest.mark.parametrize("key", ['"a %s b" text', '"C%1$s" numeric', "d citext", "e date"])
def test_keys_of_all_sorts(db: Database, key: str) -> None:
    """Identifiers and types as people have them."""
    if "citext" in key:
        db.run("create extension citext")
    name, _, kind = key.rpartition(" ")
    sample = {"text": "'it''s ' || n", "numeric": "n / 3.0", "citext": "'X' || n"}.get(
        kind, "'2026-01-01'::date + n"
    )
    db.run(f'create table "100%" ({key} primary key, body text)')
    db.run(f"insert into \"100%\" select {sample}, 'Text ' || n from generate_series(1, 20) as n")
    db.run("""select steward.track('"100%"', content => 'body')""")
    db.work()
    with db.connect() as replica:
        replica.execute("set session_replication_role = replica")
        for statement, which in (
            ('delete from "100%"', "min"),
            ('update "100%" set body = null', "max"),
        ):
            one = f'{name} = (select {which}({name}) from "100%")'
            replica.execute(f"{statement} where {one}".encode())
    assert db.value("""select steward.reconcile('"100%"', 7, false)""") in (0, 1)
    assert db.value("""select steward.reconcile('"100%"', queue => false)""") == 2
    assert db.run(FIGURES) == [(19, 18, 0, 1, 1)]
    assert db.run(
        """select state, count(*) from steward.freshness_detail('"100%"') group by 1 order by 1"""
    ) == [("fresh", 18), ("orphan", 1), ("outdated", 1)]
    assert db.value("""select steward.reconcile('"100%"')""") == 2
    db.work()
    assert db.run(FIGURES) == [(19, 19, 0, 0, 0)]
