"""Whatever happens at whichever step of a claim or a result: nothing is lost, nothing false shown.

Sessions are made to meet at each step of the protocol, see racing.py. Most stories are functions
that are told twice: once they must hold, and in test_each_rule_is_guarded with one rule of the
engine broken they must not.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from racing import (
    IN_CLAIM,
    IN_COMPLETE,
    PATIENCE,
    STEPS,
    Arena,
    Racer,
    Session,
    at_once,
    install,
    rewrite,
    stopped,
)
from support import Database

STALE = "SW001"
Claimed = list[tuple[int, list[str]]]


PARTITIONED = """
partition by range (id);
create table notes_1 partition of notes for values from (minvalue) to (2);
create table notes_2 partition of notes default
"""


@pytest.fixture
def notes(db: Database, request: pytest.FixtureRequest) -> Iterator[Arena]:
    """A tracked table with one row, embedded, and gates in all functions."""
    db = Arena(db.cluster, db.name)
    shape = getattr(request, "param", "")
    db.run(f"create table notes (id integer primary key, body text) {shape}")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    db.run("select steward.track('notes', content => 'body', model => 'tiny@1')")
    install(db)
    db.run("insert into notes values (1, 'old')")
    work(db)
    yield db
    db.leave()


def vector_of(text: str) -> str:
    """What our provider makes of a text: no two have the same."""
    return f"[1,{zlib.crc32(text.encode()) % 4096 + 1}]"


def claim_by(session: Session, worker: str = "w") -> Claimed:
    """The tokens and texts of what there is to do."""
    return session.execute("select token, texts from steward.claim(%s)", [worker]).fetchall()


def claim(db: Arena, worker: str = "w") -> Claimed:
    """The same in a session of its own."""
    with db.borrow() as session:
        return claim_by(session, worker)


def complete_by(session: Session, claimed: tuple[int, list[str]]) -> str:
    """Hand in the vectors of a claim; what came of it, or the code of the error."""
    token, texts = claimed
    try:
        row = session.execute(
            "select steward.complete(%s, %s)", [token, [vector_of(text) for text in texts]]
        ).fetchone()
    except psycopg.Error as error:
        if error.sqlstate != STALE:
            raise
        return STALE
    assert row
    return str(row[0])


def complete(db: Arena, claimed: tuple[int, list[str]]) -> str:
    """The same in a session of its own."""
    with db.borrow() as session:
        return complete_by(session, claimed)


def outcome(db: Arena, statement: str, *parameters: Any) -> str:
    """What a statement returns, or the code of its error."""
    try:
        return str(db.value(statement, *parameters))
    except psycopg.Error as error:
        return str(error.sqlstate)


def stored(db: Arena) -> list[str]:
    """Every chunk there is."""
    return [
        chunk for (chunk,) in db.run("select chunk from steward_data.notes_1_chunk order by chunk")
    ]


def states(db: Arena) -> list[str]:
    """What is still to be done."""
    return [state for (state,) in db.run("select state from steward.jobs order by key")]


def lose_leases(db: Arena) -> int:
    """Let every lease run out, and the reaper come."""
    db.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
    return int(db.value("select steward.reap()"))


def hurry(db: Arena) -> None:
    """Let every waiting time be over."""
    db.run(
        "update steward_data.notes_1_job set available_at = now() - interval '1 second' "
        "where available_at is not null"
    )


def work(db: Arena) -> None:
    """Do all there is to do."""
    for _ in range(20):
        hurry(db)
        claimed = claim(db)
        for item in claimed:
            assert complete(db, item) in ("embedded", "retired", "superseded")
        if not claimed and not states(db):
            return
    raise AssertionError(f"there is no end of it: {db.run('select * from steward.jobs')}")


def settle(db: Arena) -> None:
    """In the end everything stored is what the rows say, and nothing is left of the way there."""
    # those whose worker is gone, or whose table was truncated
    lose_leases(db)
    work(db)
    assert db.run("select * from steward.verify('notes')") == []
    assert [
        chunk
        for chunk, vector in db.run("select chunk, embedding::text from steward_data.notes_1_chunk")
        if vector != vector_of(chunk)
    ] == []
    assert db.value("select count(*) from steward_private.claim") == 0
    assert db.run("select * from steward_data.notes_1_gone") == []


# What a writer may do meanwhile ---------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """Some transactions, and whether the text that was there must not be shown afterwards."""

    transactions: Sequence[Sequence[str]]
    deletes: bool = False

    def make(self, session: Session) -> None:
        for statements in self.transactions:
            with session.transaction():
                for statement in statements:
                    session.execute(statement)


CHANGES = {
    "edit": Change([["update notes set body = 'edited'"]]),
    "edit twice": Change([["update notes set body = 'x'"], ["update notes set body = 'edited'"]]),
    "edit and back": Change([["update notes set body = 'x'"], ["update notes set body = 'text'"]]),
    "delete": Change([["delete from notes"]], deletes=True),
    "delete, insert": Change(
        [["delete from notes"], ["insert into notes values (1, 'another')"]], deletes=True
    ),
    "delete and insert": Change(
        [["delete from notes", "insert into notes values (1, 'another')"]], deletes=True
    ),
    "delete and insert the same": Change(
        [["delete from notes", "insert into notes values (1, 'text')"]]
    ),
    "key change": Change([["update notes set id = 2"]]),
    "key change and back": Change([["update notes set id = 2"], ["update notes set id = 1"]]),
    "another row takes the key": Change(
        [["update notes set id = 2", "insert into notes values (1, 'another')"]]
    ),
    "truncate": Change([["truncate notes"]], deletes=True),
    "truncate and insert": Change(
        [["truncate notes", "insert into notes values (1, 'another')"]], deletes=True
    ),
    "rollback to a savepoint": Change(
        [["savepoint a", "delete from notes", "rollback to a", "insert into notes values (2, 'b')"]]
    ),
    "on conflict": Change(
        [
            [
                "insert into notes values (1, 'x') on conflict (id) do update set body = 'edited'",
                "insert into notes values (2, 'b') on conflict (id) do nothing",
            ]
        ]
    ),
    "merge": Change(
        [
            [
                "merge into notes as n using (values (1, 'edited'), (2, 'b')) as v (id, body) "
                "on n.id = v.id when matched then update set body = v.body "
                "when not matched then insert values (v.id, v.body)"
            ]
        ]
    ),
}


def start_over(db: Arena, is_new: bool) -> None:
    """A row with work to do; is_new: that has no document yet."""
    db.run("delete from notes")
    settle(db)
    db.run("insert into notes values (1, 'old')")
    if not is_new:
        work(db)
    db.run("update notes set body = 'text'")


def meet(db: Arena, step: str | None, change: Change) -> None:
    """A writer changes the row while a worker is at a step; None: between claim and result."""
    claimed = [] if step in IN_CLAIM else claim(db)

    def give_in(session: Session) -> Claimed:
        for item in claimed:
            assert complete_by(session, item) in OUTCOMES
        return []

    def must_be_gone() -> None:
        if change.deletes:
            assert "text" not in stored(db)

    if step is None:
        with db.borrow() as session:
            change.make(session)
        must_be_gone()
    else:
        act = claim_by if step in IN_CLAIM else give_in
        with stopped(db, step, act) as worker, at_once(db, change.make) as writer:
            if not writer.waits():
                must_be_gone()
            worker.go()
            claimed = worker.result()
            writer.result()
    must_be_gone()
    for item in claimed:
        assert complete(db, item) in OUTCOMES
        must_be_gone()
    settle(db)


OUTCOMES = ("embedded", "reused", "retired", "superseded", STALE)


@pytest.mark.parametrize("notes", ["", PARTITIONED], ids=["table", "partitions"], indirect=True)
@pytest.mark.parametrize("step", [None, *IN_CLAIM, *IN_COMPLETE])
def test_change_at_each_step(notes: Arena, step: str | None) -> None:
    """Each kind of change at each step: no text of a deleted row is shown, and no edit is lost."""
    for number, change in enumerate(CHANGES.values()):
        start_over(notes, is_new=number % 2 == 0)
        meet(notes, step, change)


STEPS_THAT_WRITE = [
    "claim: has folded",
    "claim: settles",
    "complete: has locked",
    "complete: has stored",
]


def shown(db: Arena) -> list[str]:
    """What search has; an orphan is nobody's to see."""
    return [
        chunk
        for (chunk,) in db.run("select chunk from steward.search_vector('notes', '[1,0]', 1000)")
    ]


# Writers who see the database as it was ---------------------------------------------------------


@pytest.mark.parametrize(
    "step", ["claim", "result", "claim and result", "failure", "reaper", *STEPS_THAT_WRITE]
)
def test_old_snapshot(notes: Arena, step: str) -> None:
    """A writer with an old snapshot never fails because of what a worker did since."""
    isolations = (IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE)
    changes = [change for change in CHANGES.values() if len(change.transactions) == 1]
    for number, (isolation, change) in enumerate(itertools.product(isolations, changes)):
        start_over(notes, is_new=number % 2 == 0)
        claimed = [] if step in IN_CLAIM else claim(notes)

        def give_in(session: Session, claimed: Claimed = claimed) -> Claimed:
            for item in claimed:
                assert complete_by(session, item) in OUTCOMES
            return []

        with notes.borrow() as writer:
            writer.isolation_level = isolation
            writer.autocommit = False
            try:
                writer.execute("select count(*) from notes")
                if step in STEPS_THAT_WRITE:
                    act = claim_by if step in IN_CLAIM else give_in
                    with stopped(notes, step, act) as worker:

                        def change_and_commit(
                            _: Session, change: Change = change, writer: Session = writer
                        ) -> None:
                            for statement in change.transactions[0]:
                                writer.execute(statement)
                            writer.commit()

                        with at_once(notes, change_and_commit) as changer:
                            changer.pid = writer.info.backend_pid
                            changer.waits()
                            worker.go()
                            changer.result()
                        claimed = worker.result()
                else:
                    if step != "claim":
                        act_before(notes, step, claimed)
                    for statement in change.transactions[0]:
                        writer.execute(statement)
                    writer.commit()
            finally:
                writer.rollback()
                writer.isolation_level = None
                writer.autocommit = True
        for item in claimed:
            assert complete(notes, item) in OUTCOMES
        # A row that has the key now may show the old text until a claim sees to it: the writer did
        # not see what was stored, and could not take it away.
        assert "text" not in shown(notes) or not change.deletes or len(change.transactions[0]) > 1
        settle(notes)


def act_before(db: Arena, step: str, claimed: Claimed) -> None:
    """What a worker does after the snapshot."""
    match step:
        case "result":
            for item in claimed:
                assert complete(db, item) in OUTCOMES
        case "claim and result":
            # of another row: to change the same one is between the two writers
            db.run("insert into notes values (3, 'third')")
            for item in claimed + claim(db):
                assert complete(db, item) in OUTCOMES
        case "failure":
            for token, _ in claimed:
                db.run("select steward.fail(%s, 'no')", token)
        case "reaper":
            assert lose_leases(db) == 1


# Stories ----------------------------------------------------------------------------------------

STORIES: list[Callable[[Arena], None]] = []


def story(tell: Callable[[Arena], None]) -> Callable[[Arena], None]:
    """One that is told by itself in test_story()."""
    STORIES.append(tell)
    return tell


@story
def edit_while_claimed(db: Arena) -> None:
    """The result of the older text is taken, and the newer one is still to be done."""
    db.run("update notes set body = 'text'")
    (item,) = claim(db)
    db.run("update notes set body = 'edited'")
    # somebody else takes notice of the edit, and leaves the row to the one who has it
    assert claim(db) == []
    assert complete(db, item) == "embedded"
    assert (stored(db), states(db)) == (["text"], ["pending"])
    ((_, texts),) = claim(db)
    assert texts == ["edited"]
    assert lose_leases(db) == 1


@story
def edit_between_read_and_fold_of_another(db: Arena) -> None:
    """Whoever folds cannot change the job of a worker that is reading: the mark stays."""
    db.run("update notes set body = 'text'")
    with reading(db) as worker:
        db.run("update notes set body = 'edited'")
        assert claim(db) == []
        worker.go()
        (item,) = worker.result()
    assert item[1] == ["text"]
    assert complete(db, item) == "embedded"
    assert states(db) == ["pending"]


@story
def edit_between_fold_and_read(db: Arena) -> None:
    """The newer text is read, and its mark makes one more look at the row, which costs nothing."""
    db.run("update notes set body = 'text'")
    with stopped(db, "claim: has folded", claim_by) as worker:
        db.run("update notes set body = 'edited'")
        worker.go()
        ((token, texts),) = worker.result()
    assert texts == ["edited"]
    assert complete(db, (token, texts)) == "embedded"
    assert states(db) == ["pending"]
    assert claim(db) == []
    assert states(db) == []


@story
def uncommitted_edit_at_the_claim(db: Arena) -> None:
    """Not seen, not waited for, not lost."""
    with db.borrow() as writer, writer.transaction():
        writer.execute("update notes set body = 'edited'")
        assert claim(db) == []
        db.run("insert into notes values (2, 'second')")
        (item,) = claim(db)
        assert complete(db, item) == "embedded"
    ((_, texts),) = claim(db)
    assert texts == ["edited"]
    assert lose_leases(db) == 1


@story
def edit_rolled_back_after_a_claim(db: Arena) -> None:
    """There is nothing to do, before and after."""
    with db.borrow() as writer:
        writer.autocommit = False
        writer.execute("update notes set body = 'edited'")
        assert claim(db) == []
        writer.rollback()
        writer.autocommit = True
    assert claim(db) == []
    assert states(db) == []


@story
def savepoints(db: Arena) -> None:
    """What is rolled back to a savepoint leaves nothing, what is not leaves a mark."""
    with db.borrow() as writer, writer.transaction():
        writer.execute("insert into notes values (2, 'second')")
        writer.execute("savepoint a")
        writer.execute("update notes set body = 'lost'")
        writer.execute("delete from notes where id = 1")
        assert claim(db) == []
        writer.execute("rollback to a")
        writer.execute("release a")
        writer.execute("savepoint b")
        writer.execute("insert into notes values (3, 'third')")
        writer.execute("release b")
    assert sorted(texts for _, texts in claim(db)) == [["second"], ["third"]]
    assert stored(db) == ["old"]
    assert lose_leases(db) == 2


@story
def prepared_transactions(db: Arena) -> None:
    """Between the two phases nobody waits; afterwards the edit is there, or is not."""
    db.run("insert into notes values (2, 'second'), (3, 'third')")
    work(db)
    with db.borrow() as session:
        for name, statement in (
            ("a", "update notes set body = 'edited' where id = 1"),
            ("b", "update notes set body = 'edited too' where id = 2"),
            ("c", "delete from notes where id = 3"),
        ):
            session.execute("begin")
            session.execute(statement)
            session.execute(f"prepare transaction '{name}'")
    assert claim(db) == []
    db.run("commit prepared 'a'")
    db.run("rollback prepared 'b'")
    ((token, texts),) = claim(db)
    assert texts == ["edited"]
    assert complete(db, (token, texts)) == "embedded"
    db.run("commit prepared 'c'")
    assert stored(db) == ["edited", "second"]


@story
def result_while_a_deletion_is_prepared(db: Arena) -> None:
    """Who deletes has the row: busy, and then there is nothing to store."""
    db.run("update notes set body = 'text'")
    (item,) = claim(db)
    with db.borrow() as session:
        session.execute("begin")
        session.execute("delete from notes")
        session.execute("prepare transaction 'a'")
    assert complete(db, item) == "busy"
    db.run("commit prepared 'a'")
    assert complete(db, item) == "retired"
    assert stored(db) == []


@story
def deleted_between_the_locks_and_the_writes_of_a_result(db: Arena) -> None:
    """The deleter waits for the result, and then takes it away."""
    db.run("insert into notes values (2, 'text')")
    (item,) = claim(db)
    with (
        stopped(db, "complete: has locked", lambda session: complete_by(session, item)) as worker,
        at_once(db, lambda s: s.execute("delete from notes where id = 2")) as writer,
    ):
        writer.waits()
        worker.go()
        worker.result()
        writer.result()
    assert stored(db) == ["old"]


@story
def deleted_and_inserted_while_claimed(db: Arena) -> None:
    """The text of the deleted row is not shown under the key of the new one."""
    db.run("insert into notes values (2, 'text')")
    (item,) = claim(db)
    with db.borrow() as writer, writer.transaction():
        writer.execute("delete from notes where id = 2")
        writer.execute("insert into notes values (2, 'another')")
    assert complete(db, item) == "superseded"
    assert stored(db) == ["old"]


@story
def deleted_and_inserted_while_a_claim_reads(db: Arena) -> None:
    """Somebody else's fold must not forget the deletion as long as the old text is in hand."""
    db.run("insert into notes values (2, 'text')")
    with reading(db) as worker:
        with db.borrow() as writer, writer.transaction():
            writer.execute("delete from notes where id = 2")
            writer.execute("insert into notes values (2, 'another')")
        assert claim(db) == []
        worker.go()
        (item,) = worker.result()
    assert item[1] == ["text"]
    assert complete(db, item) == "superseded"
    assert stored(db) == ["old"]


@story
def deleted_and_inserted_shows_nothing_of_the_deleted_row(db: Arena) -> None:
    """The chunks go with the row, in its transaction."""
    with db.borrow() as writer, writer.transaction():
        writer.execute("delete from notes")
        writer.execute("insert into notes values (1, 'another')")
    assert stored(db) == []


@story
def claims_of_a_deleted_row_are_revoked(db: Arena) -> None:
    """Once a claim has taken notice, the new row is claimed and the old claim worth nothing."""
    db.run("update notes set body = 'text'")
    (item,) = claim(db, "slow")
    with db.borrow() as writer, writer.transaction():
        writer.execute("delete from notes")
        writer.execute("insert into notes values (1, 'another')")
    (other,) = claim(db, "quick")
    assert other[1] == ["another"]
    assert complete(db, item) == STALE
    assert complete(db, other) == "embedded"
    assert complete(db, item) == STALE


@story
def document_that_is_not_the_planned_one(db: Arena) -> None:
    """A plan names chunks of a revision; if that is there no more, the row is looked at again."""
    words = [" ".join(f"{name}{n} is here." for n in range(60)) for name in ("a", "b", "c")]
    db.run("insert into notes values (2, %s)", " ".join(words))
    work(db)
    db.run("update notes set body = %s where id = 2", " ".join([*words, "Not the end."]))
    (item,) = claim(db)
    # such as: restored from a copy
    db.run("delete from steward_data.notes_1_chunk where key_1 = 2")
    db.run(
        "update steward_data.notes_1_doc set revision = revision + 1, chunk_ids = '{}', "
        "starts = '{}', ends = '{}', headings = '{}' where key_1 = 2"
    )
    assert complete(db, item) == "superseded"
    assert db.run("select attempts, state from steward.jobs") == [(0, "pending")]


@story
def truncate_while_claimed(db: Arena) -> None:
    """Nothing is left of the claim."""
    db.run("update notes set body = 'text'")
    (item,) = claim(db)
    db.run("truncate notes")
    assert complete(db, item) == STALE
    assert outcome(db, "select steward.fail(%s, 'no')", item[0]) == STALE
    assert (stored(db), states(db)) == ([], [])


# Workers among themselves


@story
def two_workers_on_one_row(db: Arena) -> None:
    """Who comes second neither waits nor gets it."""
    db.run("update notes set body = 'text'")
    db.run("insert into notes values (2, 'second')")
    db.run("select steward_private.fold_1()")
    with (
        stopped(
            db,
            "claim: has planned",
            lambda session: session.execute(
                "select token, texts from steward.claim('first', batch => 1)"
            ).fetchall(),
        ) as first,
        at_once(db, claim_by) as second,
    ):
        assert not second.waits()
        first.go()
        tokens = {token for token, _ in first.result() + second.result()}
        texts = sorted(texts for _, texts in first.result() + second.result())
    assert texts == [["second"], ["text"]]
    assert len(tokens) == 2
    assert lose_leases(db) == 2


@story
def two_folds_at_once(db: Arena) -> None:
    """Only one folds; what it has not committed is nobody's, and is not lost with it."""
    db.run("update notes set body = 'text'")
    with stopped(db, "claim: has folded", claim_by) as first:
        with at_once(db, claim_by) as second:
            assert not second.waits()
            assert second.result() == []
        db.run("select pg_terminate_backend(%s, 10000)", first.pid)
        assert isinstance(first.error(), psycopg.OperationalError)
    ((_, texts),) = claim(db)
    assert texts == ["text"]
    assert lose_leases(db) == 1


@story
def result_after_the_reaper(db: Arena) -> None:
    """The one whose lease ran out can do nothing any more, whoever has the row now."""
    db.run("update notes set body = 'text'")
    (slow,) = claim(db, "slow")
    assert lose_leases(db) == 1
    for _ in range(2):
        assert complete(db, slow) == STALE
        assert outcome(db, "select steward.fail(%s, 'no')", slow[0]) == STALE
        assert outcome(db, "select steward.release(%s)", slow[0]) == STALE
        assert db.run("select * from steward.extend(%s)", [slow[0]]) == []
        for statement in (
            "select outcome from steward.complete(%s, array['[1,0]'])",
            "select outcome from steward.fail(%s, 'no')",
            "select outcome from steward.release(%s)",
        ):
            assert db.run(statement, [slow[0]]) == [("stale",)]
        db.run("update notes set body = 'edited'")
        hurry(db)
        claimed = claim(db, "quick")
    ((token, texts),) = (
        claimed or [(0, [])]
        if claimed
        else db.run("select token, array['edited'] from steward_private.claim")
    )
    assert stored(db) == ["old"]
    assert complete(db, (token, texts)) in ("embedded",)
    assert stored(db) == ["edited"]


@story
def reaper_during_a_result(db: Arena) -> None:
    """The result has the job: the reaper passes it by."""
    db.run("update notes set body = 'text'")
    (item,) = claim(db)
    db.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
    with stopped(db, "complete: has locked", lambda s: complete_by(s, item)) as worker:
        with at_once(db, lambda s: s.execute("select steward.reap()").fetchone()) as reaper:
            assert not reaper.waits()
            assert reaper.result() == (0,)
        worker.go()
        assert worker.result() == "embedded"
    assert states(db) == []


@story
def result_that_began_before_the_reaper(db: Arena) -> None:
    """It has looked up its claim, and is refused all the same when the claim is another's."""
    db.run("update notes set body = 'text'")
    (item,) = claim(db)
    with stopped(
        db, "complete: has looked up the claims", lambda s: complete_by(s, item)
    ) as worker:
        assert lose_leases(db) == 1
        db.run("update notes set body = 'edited'")
        hurry(db)
        (other,) = claim(db, "quick")
        assert other[1] == ["edited"]
        worker.go()
        assert worker.result() == STALE
    assert stored(db) == ["old"]
    assert complete(db, other) == "embedded"


@story
def result_during_the_reaper(db: Arena) -> None:
    """The reaper has not committed: the result is busy, or stale, or taken, and never both."""
    db.run("update notes set body = 'text'")
    (item,) = claim(db)
    db.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
    with db.borrow() as reaper, reaper.transaction():
        assert reaper.execute("select steward.reap()").fetchone() == (1,)
        assert complete(db, item) == "busy"
    assert complete(db, item) == STALE
    assert states(db) == ["pending"]


@story
def result_handed_in_twice(db: Arena) -> None:
    """The second is told so, during and after the first."""
    db.run("update notes set body = 'text'")
    (item,) = claim(db)
    with stopped(db, "complete: has locked", lambda s: complete_by(s, item)) as worker:
        with at_once(db, lambda session: complete_by(session, item)) as second:
            assert not second.waits()
            assert second.result() == "busy"
        worker.go()
        assert worker.result() == "embedded"
    assert complete(db, item) == STALE
    assert db.run(
        "select outcome from steward.complete(%s, %s)", [item[0]], [vector_of("text")]
    ) == [("stale",)]
    assert db.value("select count(*) from steward.decisions where key = '{\"id\": 1}'") == 2


@story
def failure_of_a_text_that_was_edited(db: Arena) -> None:
    """The newer text has all its attempts before it."""
    db.run("update notes set body = 'text'")
    for number in range(3):
        hurry(db)
        ((token, _),) = claim(db)
        if number == 2:
            db.run("update notes set body = 'edited'")
            assert claim(db) == []
        assert db.value("select steward.fail(%s, 'no')", token) == "pending"
    assert db.run("select attempts from steward.jobs") == [(0,)]


@story
def truncate_while_the_reaper_is_at_it(db: Arena) -> None:
    """The user's statement waits for the reaper, and never the two for each other."""
    db.run("update notes set body = 'text'")
    claim(db)
    db.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
    with (
        stopped(
            db, "give back: begins", lambda session: session.execute("select steward.reap()")
        ) as reaper,
        at_once(db, CHANGES["truncate"].make) as writer,
    ):
        writer.waits()
        reaper.go()
        writer.result()
        reaper.result()
    assert stored(db) == []


@story
def two_tables_truncated_while_somebody_claims(db: Arena) -> None:
    """One transaction has one table and wants the other; a claim of both must not be in its way."""
    db.run("create table papers (id integer primary key, body text)")
    db.run("select steward.track('papers', content => 'body', model => 'tiny@1', priority => 1)")
    db.run("update notes set body = 'text'; insert into papers values (1, 'paper')")
    for first, second in (("notes", "papers"), ("papers", "notes")):
        with db.borrow() as writer:
            # longer than a claim waits for a table
            writer.execute("begin; set local deadlock_timeout = '500ms'")
            writer.execute(f"truncate {first}")
            with at_once(db, claim_by) as worker:
                worker.waits()
                writer.execute(f"truncate {second}")
                writer.execute("commit")
                assert worker.error() is None
    for item in claim(db):
        assert complete(db, item) in OUTCOMES
    db.run("select steward.untrack('papers')")


@story
def table_truncated_while_somebody_looks(db: Arena) -> None:
    """Whoever looks locks the table first, and then what is ours, as a TRUNCATE does."""
    for view in ("health()", "jobs", "queue", "failures", "freshness"):
        db.run("insert into notes values (9, 'text')")
        with db.borrow() as writer:
            writer.execute("begin; set local deadlock_timeout = '200ms'")
            # what a TRUNCATE has before its triggers run
            writer.execute("lock table notes in access exclusive mode")
            with at_once(db, partial(look_at, view)) as looker:
                assert looker.waits(), f"steward.{view} does not wait for the table"
                writer.execute("truncate notes")
                writer.execute("commit")
                assert looker.error() is None


def look_at(view: str, session: Session) -> object:
    """All that a view shows."""
    return session.execute(f"select * from steward.{view}").fetchall()


@story
def worker_with_an_old_snapshot(db: Arena) -> None:
    """A claim that cannot see what has been committed is refused, and so is its result."""
    db.run("update notes set body = 'text'")
    for level in ("repeatable read", "serializable"):
        with db.borrow() as worker:
            worker.execute(f"begin isolation level {level}")
            with pytest.raises(psycopg.Error) as caught:
                claim_by(worker)
            assert "read committed" in str(caught.value)
    (item,) = claim(db)
    for level in ("repeatable read", "serializable"):
        with db.borrow() as worker:
            worker.execute(f"begin isolation level {level}")
            with pytest.raises(psycopg.Error) as caught:
                complete_by(worker, item)
            assert "read committed" in str(caught.value)
    assert complete(db, item) == "embedded"


# Workers who are killed


@story
def crash_loop_ends_as_failed(db: Arena) -> None:
    """Four workers die of a row: it is set aside; an edit gives it another chance."""
    db.run("update notes set body = 'text'")
    for number in range(4):
        hurry(db)
        with db.connect() as worker:
            assert len(claim_by(worker, f"victim {number}")) == 1
            db.run("select pg_terminate_backend(%s, 10000)", worker.info.backend_pid)
        assert states(db) == ["claimed"]
        assert lose_leases(db) == 1
    assert db.run("select state, attempts, error_class from steward.jobs") == [
        ("failed", 4, "lost")
    ]
    hurry(db)
    assert claim(db) == []
    db.run("update notes set body = 'edited'")


@contextlib.contextmanager
def reading(db: Arena) -> Iterator[Racer[Claimed]]:
    """A worker that has read its rows, and not folded: somebody else was at it, and is no more."""
    db.run("select steward_private.fold_1()")
    with contextlib.ExitStack() as stack:
        with db.borrow() as folder, folder.transaction():
            folder.execute("select from steward_private.source for no key update")
            worker = stack.enter_context(stopped(db, "claim: has read rows", claim_by))
        yield worker


# Other ways to write


@story
def copy(db: Arena) -> None:
    """COPY fires the triggers of each row."""
    with (
        db.borrow() as session,
        session.cursor() as cursor,
        cursor.copy("copy notes from stdin") as lines,
    ):
        lines.write("2\tsecond\n3\tthird\n")
    assert sorted(texts for _, texts in claim(db)) == [["second"], ["third"]]


@story
def trigger_that_rewrites_what_is_written(db: Arena) -> None:
    """What counts is what is stored in the end."""
    db.run(
        "create function rewrite() returns trigger language plpgsql as "
        "$$ begin new.body := new.body || ' rewritten'; return new; end $$; "
        "create trigger a before insert or update on notes "
        "for each row execute function rewrite()"
    )
    db.run("update notes set body = 'text'")
    db.run("insert into notes values (2, 'second')")
    assert sorted(texts for _, texts in claim(db)) == [["second rewritten"], ["text rewritten"]]


@story
def constraint_trigger_that_writes_at_commit(db: Arena) -> None:
    """Its mark comes at the last moment, and is one like any other."""
    db.run(
        "create function finish() returns trigger language plpgsql as "
        "$$ begin update notes set body = 'edited' where id = 1; return null; end $$; "
        "create constraint trigger a after insert on notes deferrable initially deferred "
        "for each row execute function finish()"
    )
    with db.borrow() as writer, writer.transaction():
        writer.execute("insert into notes values (2, 'second')")
        assert claim(db) == []
    assert sorted(texts for _, texts in claim(db)) == [["edited"], ["second"]]


@story
def foreign_key_that_deletes_at_commit(db: Arena) -> None:
    """A deferred constraint refuses the transaction, and then nothing has happened; or cascades."""
    db.run(
        "create table owners (id integer primary key); insert into owners values (1); "
        "alter table notes add owner integer references owners on delete cascade "
        "deferrable initially deferred; update notes set owner = 1"
    )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        db.run("insert into notes values (2, 'second', 2)")
    assert claim(db) == []
    db.run("update notes set body = 'text'")
    (item,) = claim(db)
    db.run("delete from owners")
    assert stored(db) == []
    assert complete(db, item) == "retired"


@story
def behind_the_back_of_the_triggers(db: Arena) -> None:
    """verify() sees what a replica's session wrote, and reconcile() has it put right."""
    db.run("insert into notes values (2, 'second'), (3, 'third')")
    work(db)
    with db.connect() as replica:
        replica.execute("set session_replication_role = replica")
        replica.execute("update notes set body = 'edited' where id = 1")
        replica.execute("delete from notes where id = 2")
        replica.execute("insert into notes values (4, 'fourth')")
    assert claim(db) == []
    seen = "select key ->> 'id', problem from steward.verify('notes') where pending = {} order by 1"
    assert db.run(seen.format(False)) == [("1", "stale"), ("2", "orphan"), ("4", "missing")]
    assert db.value("select steward.reconcile('notes')") == 3
    assert db.run(seen.format(False)) == []
    assert len(db.run(seen.format(True))) == 3
    work(db)
    assert stored(db) == ["edited", "fourth", "third"]


@story
def edit_folded_while_its_job_is_claimed(db: Arena) -> None:
    """The job that the fold's snapshot shows as ready is another worker's by now."""
    db.run("update notes set body = 'text' where id = 1")
    db.run("select steward_private.fold_1()")
    db.run("update notes set body = 'edited' where id = 1")
    with stopped(db, "claim: folds what it sees", claim_by) as worker:
        (item,) = claim(db)
        worker.go()
        assert worker.result() == []
    assert db.run("select problem from steward_private.space") == [(None,)]
    assert states(db) == ["claimed"]
    complete(db, item)
    assert states(db) == ["pending"]


@story
def mark_table_emptied_while_somebody_writes(db: Arena) -> None:
    """The marks of a transaction that is still open stay when its table is emptied."""
    without_clock(db)
    # many pages of marks, all folded
    marks = "steward_data.notes_1_mark_0", "steward_data.notes_1_mark_1"
    for table in marks:
        db.run(f"insert into {table} (key_1) select 1 from generate_series(1, 14000)")
    while db.value("select steward_private.fold_1()"):
        pass
    with db.borrow() as writer, writer.transaction():
        writer.execute("update notes set body = 'edited' where id = 1")
        with at_once(db, claim_by) as worker:
            assert not worker.waits()
            assert worker.result() == []
    ((_, texts),) = claim(db)
    assert texts == ["edited"]
    assert db.value("select pg_relation_size(%s) + pg_relation_size(%s)", *marks) <= 64 * 8192


def without_clock(db: Arena) -> None:
    """Let a mark table be emptied at any time, and not only in the ten seconds that are not its."""
    rewrite(
        db, "steward_private.empty_mark_table", r"if floor\(.*?% 10 > 7\s+then", "if false then"
    )


@pytest.mark.parametrize("tell", STORIES, ids=lambda tell: tell.__name__)
def test_story(notes: Arena, tell: Callable[[Arena], None]) -> None:
    """Each holds, and in the end all is true."""
    tell(notes)
    settle(notes)


# Killed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [*IN_CLAIM, *IN_COMPLETE])
def test_backend_terminated_at_each_step(notes: Arena, step: str) -> None:
    """What a session did and has not committed did not happen."""
    for is_edited in (False, True):
        start_over(notes, is_new=False)
        claimed = [] if step in IN_CLAIM else claim(notes)

        def act(session: Session, claimed: Claimed = claimed) -> object:
            return [complete_by(session, item) for item in claimed] or claim_by(session)

        with stopped(notes, step, act) as worker:
            if is_edited:
                notes.run("update notes set body = 'edited'")
            notes.run("select pg_terminate_backend(%s, 10000)", worker.pid)
            assert isinstance(worker.error(), psycopg.OperationalError)
        assert stored(notes) == ["old"]
        assert states(notes) == ["claimed" if claimed else "pending"]
        settle(notes)


WORKER = """
import sys, psycopg
session = psycopg.connect(sys.argv[1], autocommit=True)
session.execute("select set_config('racing.stop', %s, false)", [sys.argv[2]])
print(session.info.backend_pid, flush=True)
rows = session.execute("select token, texts from steward.claim('victim')").fetchall()
print(rows[0][0], flush=True)
sys.stdin.readline()
session.execute("select steward.complete(%s, %s)", [rows[0][0], [sys.argv[3]]])
"""


@pytest.mark.parametrize(
    "step", ["", "claim: has read rows", "claim: settles", "complete: has locked"]
)
def test_worker_process_killed(notes: Arena, step: str) -> None:
    """kill -9 of the client: whether the server finishes its statement or not, nothing is lost."""
    notes.run("update notes set body = 'text'")
    with notes.borrow() as gatekeeper:
        if step:
            gatekeeper.execute("select pg_advisory_lock(%s)", [list(STEPS).index(step)])
        command = [sys.executable, "-c", WORKER, notes.cluster.dsn(notes.name), step]
        worker = subprocess.Popen(
            [*command, vector_of("text")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with worker:
            assert worker.stdout
            assert worker.stdin
            pid = int(worker.stdout.readline())
            if step not in IN_CLAIM:
                worker.stdout.readline()
            if step in IN_COMPLETE:
                worker.stdin.write("go on\n")
                worker.stdin.flush()
            if step:
                wait_for(notes, "select cardinality(pg_blocking_pids(%s)) > 0", pid)
            worker.send_signal(signal.SIGKILL)
        gatekeeper.execute("select pg_advisory_unlock_all()")
    wait_for(notes, "select not exists (select from pg_stat_activity where pid = %s)", pid)
    settle(notes)
    assert stored(notes) == ["text"]


def wait_for(db: Arena, question: str, *parameters: Any) -> None:
    """Until it is so."""
    until = time.monotonic() + PATIENCE
    while not db.value(question, *parameters):
        assert time.monotonic() < until, question
        time.sleep(0.002)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("step", ["claim: has read rows", "complete: has locked"])
def test_server_process_killed(notes: Arena, step: str, whole: bool) -> None:
    """kill -9 of one backend, which takes all others with it, or of every process."""
    notes.run("update notes set body = 'text'")
    claimed = [] if step in IN_CLAIM else claim(notes)

    def act(session: Session) -> object:
        return [complete_by(session, item) for item in claimed] or claim_by(session)

    witness = notes.connect()
    with contextlib.suppress(psycopg.OperationalError), stopped(notes, step, act) as worker:
        notes.run("insert into notes values (2, 'second')")
        if whole:
            notes.cluster.kill9()
            notes.cluster.start()
        else:
            os.kill(worker.pid, signal.SIGKILL)
        assert isinstance(worker.error(), psycopg.OperationalError)
    # until the server has ended every session, and lets somebody in again
    until = time.monotonic() + PATIENCE
    while not witness.closed:
        with contextlib.suppress(psycopg.OperationalError):
            witness.execute("select")
        assert time.monotonic() < until
    notes.leave()
    while not notes.idle:
        with contextlib.suppress(psycopg.OperationalError):
            notes.run("select")
        assert time.monotonic() < until
    assert stored(notes) == ["old"]
    settle(notes)
    assert stored(notes) == ["second", "text"]


# Each rule is guarded ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutation:
    """A rule of the engine, how to break it, and the story that must not hold then."""

    rule: str
    tell: Callable[[Arena], None]
    # function, what is in it (a regular expression), what is there instead
    changes: Sequence[tuple[str, str, str]]


FOLD, FINISH = "steward_private.fold_1", "steward_private.finish_1"
MUTATIONS = [
    Mutation(
        "an edit since the claim keeps the job",
        edit_while_claimed,
        [(FINISH, r"c\.generation = o\.generation as is_current", "true as is_current")],
    ),
    Mutation(
        "a fold raises the generation of a claimed job",
        edit_while_claimed,
        [
            (
                FOLD,
                r"case when d\.claimed then t\.generation \+ 1",
                "case when d.claimed then t.generation",
            )
        ],
    ),
    Mutation(
        "a mark is removed only when its job could be changed",
        edit_between_read_and_fold_of_another,
        [(FOLD, r"and not exists \(select from busy as d where [^\n]*\)\n", "\n")],
    ),
    Mutation(
        "rows are read after the marks are folded",
        edit_between_fold_and_read,
        [
            (
                "steward_private.plan_claims",
                "if v_plans is null and not plan_claims.cuts then",
                "perform steward_private.fold_1(); "
                "if v_plans is null and not plan_claims.cuts then",
            )
        ],
    ),
    Mutation(
        "the row is locked before its document is stored",
        deleted_between_the_locks_and_the_writes_of_a_result,
        [
            (
                FINISH,
                r"left join steward_private\.lock_1\(v_keys\) as l",
                'left join (select r."position", true as counts from '
                "steward_private.read_1(v_keys) as r where r.found) as l",
            )
        ],
    ),
    Mutation(
        "a result is not for another row with the key",
        deleted_and_inserted_while_claimed,
        [(FINISH, "where v_is_of_a_worker", "where false")],
    ),
    Mutation(
        "a deletion is remembered while somebody has the job in hand",
        deleted_and_inserted_while_a_claim_reads,
        [
            (
                FOLD,
                r" and \([^()]*\) not in \(select [^()]* from held as d\)",
                "",
            )
        ],
    ),
    Mutation(
        "a fold takes the claims of deleted rows away",
        claims_of_a_deleted_row_are_revoked,
        [(FOLD, r"where t\.token is not null\n", "where false\n")],
    ),
    Mutation(
        "a deleted row takes its chunks with it",
        deleted_and_inserted_shows_nothing_of_the_deleted_row,
        [("steward_data.notes_1_gone", r"delete from \S+_chunk as t where ", r"\g<0>false and ")],
    ),
    Mutation(
        "a plan is for one revision of the document",
        document_that_is_not_the_planned_one,
        [(FINISH, r"h\.revision is distinct from v_revisions\[o\.n\]", "false")],
    ),
    Mutation(
        "a claim is charged",
        crash_loop_ends_as_failed,
        [("steward_private.claim_1", r"attempts = t\.attempts \+ 1", "attempts = t.attempts")],
    ),
    Mutation(
        "the reaper ends the claim",
        result_after_the_reaper,
        [
            (
                "steward_private.give_back",
                r"where c\.token = o\.token and o\.outcome <> 'busy'",
                "where false",
            )
        ],
    ),
    Mutation(
        "a result needs the token that the job has",
        result_after_the_reaper,
        [
            (
                "steward_private.give_back",
                r"where c\.token = o\.token and o\.outcome <> 'busy'",
                "where false",
            ),
            (FINISH, r" and t\.token = i\.token", ""),
        ],
    ),
    Mutation(
        "who claims passes by the jobs of others",
        two_workers_on_one_row,
        [("steward_private.due_1", "for update skip locked", "")],
    ),
    Mutation(
        "who hands in passes by the jobs of others",
        reaper_during_a_result,
        [("steward_private.give_back", "for update of t skip locked", "for update of t")],
    ),
    Mutation(
        "one fold at a time, and nobody waits for it",
        two_folds_at_once,
        [(FOLD, "for no key update skip locked", "for no key update")],
    ),
    Mutation(
        "a fold writes what it has locked, not what its snapshot shows",
        edit_folded_while_its_job_is_claimed,
        [(FOLD, r"token = d\.token,", "")],
    ),
    Mutation(
        "an edited text has attempts of its own",
        failure_of_a_text_that_was_edited,
        [
            (
                "steward_private.give_back",
                r"when t\.generation <> i\.claimed then 0",
                "when false then 0",
            )
        ],
    ),
    Mutation(
        "a mark table is emptied only when nobody writes to it",
        mark_table_emptied_while_somebody_writes,
        [("steward_private.empty_mark_table", r"execute format\(\s*'lock table .*?\);", "")],
    ),
    Mutation(
        "nobody waits for a source while holding another",
        two_tables_truncated_while_somebody_claims,
        [
            (function, "SET lock_timeout TO '100ms'", "SET lock_timeout TO '0'")
            for function in (FOLD, "steward_private.touch_source")
        ],
    ),
    Mutation(
        "a claim sees what has been committed",
        worker_with_an_old_snapshot,
        [
            (
                "steward_private.require_read_committed",
                r"if current_setting\('transaction_isolation'\) <> 'read committed' then",
                "if false then",
            )
        ],
    ),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.rule.replace(" ", "_"))
def test_each_rule_is_guarded(notes: Arena, mutation: Mutation) -> None:
    """With a rule of the engine broken, its story does not hold: neither is there for nothing."""
    for function, old, new in mutation.changes:
        rewrite(notes, function, old, new)
    with pytest.raises(
        (AssertionError, ValueError, TimeoutError, psycopg.Error, pytest.fail.Exception)
    ) as caught:
        mutation.tell(notes)
        settle(notes)
    # it must go wrong where the story looks, and not because the broken function is no function
    assert not isinstance(caught.value, psycopg.ProgrammingError), caught.value
