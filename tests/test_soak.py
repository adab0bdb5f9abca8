"""Everything at once and at random, for a while: in the end everything stored is true.

SOAK_SEED repeats the dice of a run (not how its sessions met), SOAK_SECONDS makes it longer.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import IsolationLevel

from support import Database

SOURCES = ("soaked", "labelled", "kept", "parted", "synced")
# by the number of the space; the last one is of a second model
SPACES = (*SOURCES, "soaked")
TABLES = """
create table soaked (id integer primary key, body text, is_live boolean not null);
create table labelled (
    place text collate "C", number bigint, title text, body text, primary key (place, number)
);
create table kept (id integer primary key, body text);
create table parted (id integer primary key, body text) partition by range (id);
create table parted_low partition of parted for values from (minvalue) to (6);
create table parted_high partition of parted default;
create table synced (id integer primary key, body text);
"""
WORDS = [f"Sentence number {n} says something of its own." for n in range(40)]
CLASSES = ("item", "item", "transient", "rate_limit", "configuration")


def vector_of(text: str) -> str:
    """What our provider makes of a text: no two have the same."""
    return f"[1,{zlib.crc32(text.encode()) % 4096 + 1}]"


@dataclass
class Soak:
    """What the sessions of a run have in common."""

    db: Database
    seed: str
    until: float
    # backends that work for pg_steward, now or before
    workers: set[int] = field(default_factory=set)
    # errors of users in which pg_steward has a part
    complaints: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str) -> None:
        with self.lock:
            self.happened[what] += 1

    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    def dice(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")  # noqa: S311

    # Writers

    def write(self, number: int) -> None:
        """Transactions of a user, one after the other."""
        dice = self.dice(f"writer {number}")
        with self.db.connect(autocommit=False) as session:
            while self.goes_on():
                isolation = dice.choice(
                    [
                        IsolationLevel.READ_COMMITTED,
                        IsolationLevel.READ_COMMITTED,
                        IsolationLevel.REPEATABLE_READ,
                        IsolationLevel.SERIALIZABLE,
                    ]
                )
                session.isolation_level = isolation
                try:
                    for _ in range(dice.randrange(1, 4)):
                        if dice.random() < 0.15:
                            session.execute("savepoint here")
                            self.change(session, dice)
                            session.execute("rollback to here")
                        self.change(session, dice)
                    if dice.random() < 0.15:
                        session.rollback()
                    else:
                        session.commit()
                    self.note(f"transaction {isolation.name}")
                except psycopg.errors.UniqueViolation:
                    session.rollback()
                except psycopg.errors.OperationalError as error:
                    # between two writers that is their affair
                    self.judge(error, isolation)
                    session.rollback()

    def judge(self, error: psycopg.Error, isolation: IsolationLevel) -> None:
        """Whether a user can blame pg_steward for an error."""
        self.note(type(error).__name__)
        text = f"{error}"
        if isinstance(error, psycopg.errors.DeadlockDetected):
            ours = any(f"rocess {pid} " in text or f"rocess {pid};" in text for pid in self.workers)
        elif isinstance(error, psycopg.errors.SerializationFailure):
            # A serializable one may fail anywhere, also in our trigger, because of other writers;
            # and in transactional mode a writer does what is a worker's part elsewhere.
            ours = (
                isolation != IsolationLevel.SERIALIZABLE
                and "steward" in text
                and "synced" not in text
            )
        else:
            ours = True
        if ours:
            self.complaints.append(f"{isolation.name}: {text}")

    def change(self, session: psycopg.Connection[Any], dice: random.Random) -> None:
        """One statement of a user."""
        body = " ".join(dice.sample(WORDS, dice.randrange(25)))
        key, other = dice.randrange(12), dice.randrange(12)
        place, elsewhere = dice.choice("abA"), dice.choice("abA")
        statements: list[tuple[str, list[Any]]] = [
            ("delete from soaked where id = %s", [key]),
            ("update soaked set is_live = not is_live where id = %s", [key]),
            ("update soaked set id = %s where id = %s", [other, key]),
            ("update soaked set body = body || '.' where id between %s and %s", [key, key + 2]),
            (
                "insert into soaked values (%s, %s, %s) on conflict (id) "
                "do update set body = excluded.body, is_live = excluded.is_live",
                [key, body, dice.random() < 0.8],
            ),
            ("delete from labelled where place = %s and number = %s", [place, key % 4]),
            (
                "update labelled set place = %s where place = %s and number = %s",
                [elsewhere, place, key % 4],
            ),
            (
                "insert into labelled values (%s, %s, %s, %s) on conflict (place, number) "
                "do update set title = excluded.title, body = excluded.body",
                [place, key % 4, WORDS[key], body],
            ),
            ("delete from kept where id = %s", [key]),
            ("update kept set id = %s where id = %s", [other, key]),
            (
                "insert into kept values (%s, %s) on conflict (id) "
                "do update set body = excluded.body",
                [key, body],
            ),
            ("delete from parted where id = %s", [key]),
            ("update parted set id = %s where id = %s", [other, key]),
            ("update parted set body = body || '.' where id between %s and %s", [key, key + 2]),
            (
                "insert into parted values (%s, %s) on conflict (id) "
                "do update set body = excluded.body",
                [key, body],
            ),
            ("delete from synced where id = %s", [key]),
            ("update synced set id = %s where id = %s", [other, key]),
            (
                "insert into synced values (%s, %s) on conflict (id) "
                "do update set body = excluded.body",
                [key, body[:200]],
            ),
            (
                "with gone as (delete from kept where id = %s returning id) select from gone",
                [key],
            ),
        ]
        if dice.random() < 0.01:
            session.execute(f"truncate {dice.choice(SOURCES)}")
        else:
            session.execute(*dice.choice(statements))

    # Workers

    def again_and_again(self, act: Callable[[psycopg.Connection[Any]], None]) -> None:
        """A worker that begins anew whenever it is killed."""
        while self.goes_on():
            try:
                with self.db.connect() as session:
                    with self.lock:
                        self.workers.add(session.info.backend_pid)
                    session.execute("set application_name = 'soak worker'")
                    while self.goes_on():
                        act(session)
            except psycopg.OperationalError as error:
                self.note(f"worker: {type(error).__name__}")

    def work_inside(self, _: int) -> None:
        """The worker in the database."""

        def act(session: psycopg.Connection[Any]) -> None:
            session.execute(
                "call steward.work(seconds => 1, batch => 5, lease_seconds => 1, idle_seconds => 0)"
            )

        self.again_and_again(act)

    def work_outside(self, number: int) -> None:
        """One that asks a provider of its own, not always with success."""
        dice = self.dice(f"worker {number}")

        def act(session: psycopg.Connection[Any]) -> None:
            claimed = session.execute(
                "select token, texts from steward.claim('outside', batch => 5, "
                "lease => '1 second', provider => 'mine')"
            ).fetchall()
            tokens = [token for token, _ in claimed]
            time.sleep(dice.random() / 20)
            fate = dice.random()
            if not tokens or fate < 0.1:
                self.note("lease lost")
                return
            if fate < 0.2:
                session.execute("select steward.extend(%s, '2 seconds')", [tokens])
            if fate < 0.3:
                kind = dice.choice(CLASSES)
                self.note(f"class {kind}")
                session.execute(
                    "select steward.fail(%s, 'no luck', %s, retry_after => '20 milliseconds')",
                    [tokens[:2], kind],
                )
            elif fate < 0.35:
                session.execute("select steward.release(%s)", [tokens[:2]])
            for _, outcome in give_in(session, claimed):
                self.note(outcome)

        self.again_and_again(act)

    def disturb(self, _: int) -> None:
        """The reaper, the operator who lets the work go on, and the one who kills workers."""
        dice = self.dice("killer")

        def act(session: psycopg.Connection[Any]) -> None:
            time.sleep(0.1)
            session.execute("select steward.reap()")
            session.execute("select * from steward.tidy()")
            session.execute("select steward.resume('kept')")
            if dice.random() < 0.3:
                model = dice.choice(["tiny@1", "builtin/hash@1"])
                with contextlib.suppress(psycopg.errors.ObjectNotInPrerequisiteState):
                    # not the one that is searched already
                    session.execute("select steward.promote('soaked', %s, true)", [model])
                    self.note("promoted")
            if dice.random() < 0.2:
                session.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where application_name = 'soak worker' and pid <> pg_backend_pid() "
                    "and datname = current_database() order by random() limit 1"
                )

        self.again_and_again(act)


def give_in(
    session: psycopg.Connection[Any], claimed: list[tuple[int, list[str]]]
) -> list[tuple[int, str]]:
    """Hand in right vectors for claims; what came of each."""
    pairs = [(token, vector_of(text)) for token, texts in claimed for text in texts]
    return session.execute(
        "select token, outcome from steward.complete(%s::bigint[], %s::text[])",
        [[token for token, _ in pairs], [vector for _, vector in pairs]],
    ).fetchall()


def drain(db: Database) -> None:
    """Do all there is to do, and wait for nothing."""
    for _ in range(50):
        db.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
        db.run("select steward.reap()")
        for number, source in enumerate(SPACES, 1):
            db.run(f"select steward.resume('{source}')")
            db.run(f"select steward.retry_failed('{source}')")
            db.run(
                f"update steward_data.{source}_{number}_job "
                "set available_at = now() - interval '1 second' where available_at is not null"
            )
        db.work()
        with db.connect() as session:
            claimed = session.execute(
                "select token, texts from steward.claim('last', batch => 1000, provider => 'mine')"
            ).fetchall()
            if claimed:
                give_in(session, claimed)
        if not claimed and not db.run("select 1 from steward.jobs"):
            return
    raise AssertionError(f"there is no end of it: {db.run('select * from steward.jobs')}")


def tallied(db: Database, number: int) -> list[tuple[object, ...]]:
    """How many documents and chunks a space should have, by what was written down."""
    source = SPACES[number - 1]
    return db.run(
        "select coalesce(sum(t.documents), 0) - coalesce(min(g.documents), 0), "
        "coalesce(sum(t.chunks), 0) - coalesce(min(g.chunks), 0) "
        "from steward_private.tally as t cross join ("
        "select sum(g.removed[n][2]) as documents, sum(g.removed[n][3]) as chunks "
        f"from steward_data.{source}_{SOURCES.index(source) + 1}_gone as g "
        "cross join generate_subscripts(g.removed, 1) as n "
        "where g.removed[n][1] = %s) as g "
        "where t.space_id = %s and t.tally_id > coalesce((select max(r.tally_id) "
        "from steward_private.tally as r where r.space_id = %s and r.is_reset), 0)",
        *(number, number, number),
    )


def really(db: Database, number: int) -> list[tuple[object, ...]]:
    """How many documents and chunks a space really has."""
    source = SPACES[number - 1]
    return db.run(
        f"select (select count(*) from steward_data.{source}_{number}_doc "
        "where retired_at is null)::numeric, "
        f"(select count(*) from steward_data.{source}_{number}_chunk)::numeric"
    )


def test_soak(db: Database) -> None:
    """Writers, workers, reaper and killer: nothing false is left, and no user is in the way."""
    seed = os.environ.get("SOAK_SEED") or secrets.token_hex(4)
    print(f"SOAK_SEED={seed}")
    db.run(TABLES)
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    db.run(
        "select steward.track('soaked', content => 'body', chunking => '{\"size\": 400}', "
        "\"where\" => 'is_live')"
    )
    db.run(
        "select steward.track('labelled', content => 'title || chr(10) || body', "
        "chunking => '{\"size\": 400}')"
    )
    db.run(
        "select steward.track('kept', content => 'body', "
        "model => 'tiny@1', chunking => '{\"size\": 400}', "
        "on_delete => 'retire')"
    )
    db.run("select steward.track('parted', content => 'body', chunking => '{\"size\": 400}')")
    db.run("select steward.track('synced', content => 'body', mode => 'transactional')")
    db.run("select steward.add_space('soaked', 'tiny@1')")
    soak = Soak(db, seed, time.monotonic() + float(os.environ.get("SOAK_SECONDS") or 8))
    with ThreadPoolExecutor(8) as pool:
        tasks = [pool.submit(soak.write, n) for n in range(3)]
        tasks += [pool.submit(soak.work_inside, n) for n in range(2)]
        tasks += [pool.submit(soak.work_outside, n) for n in range(2)]
        tasks += [pool.submit(soak.disturb, 0)]
        for task in tasks:
            task.result()
    print(dict(sorted(soak.happened.items())))
    assert not soak.complaints, soak.complaints[0]

    drain(db)
    for number, source in enumerate(SPACES, 1):
        assert db.run(f"select * from steward.verify('{source}')") == [], source
        assert really(db, number) == tallied(db, number)
    assert [
        chunk
        for chunk, vector in db.run("select chunk, embedding::text from steward_data.kept_3_chunk")
        if vector != vector_of(chunk)
    ] == []
    for number, source in enumerate(SOURCES[:2], 1):
        assert (
            db.run(
                f"select chunk from steward_data.{source}_{number}_chunk "
                "where embedding <-> (steward.embed(array[chunk]))[1]::vector > 0.000001"
            )
            == []
        )
    assert db.value("select count(*) from steward_private.claim") == 0
