"""Sessions that meet where a test wants them to: each step of the protocol is a place to stop at.

install() puts a gate into the installed functions of a test's database, one at each step. A gate
lets everybody pass, unless the session says ``set racing.stop = '<step>'``: then it waits there for
an advisory lock, and whoever runs the test decides when it goes on. Nothing depends on time.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import psycopg
from psycopg.rows import tuple_row

from support import Database

T = TypeVar("T")
Session = psycopg.Connection[Any]

PATIENCE = 30.0

# Where a step is: in which function, and before which text of it; "": its beginning, None: its end.
STEPS: dict[str, tuple[str, str | None]] = {
    # claim
    "claim: begins": ("steward_private.fold_spaces", ""),
    "claim: folds": ("steward_private.fold_1", ""),
    # in the middle of a statement: what is committed from now on is not in its snapshot
    "claim: folds what it sees": ("steward_private.fold_1", "limit 5000)\n        union all"),
    "claim: has folded": ("steward_private.fold_1", "return v_folded"),
    "claim: takes jobs": ("steward_private.due_1", ""),
    "claim: has taken jobs": ("steward_private.due_1", None),
    "claim: has read rows": (
        "steward_private.plan_claims",
        "execute format(\n        'select array_agg(k.known",
    ),
    "claim: has planned": ("steward_private.claim_1", ""),
    "claim: settles": ("steward_private.settle_claims", ""),
    # complete
    "complete: begins": ("steward_private.finish_claims", ""),
    "complete: looks up the claims": ("steward_private.finish_1", ""),
    "complete: has looked up the claims": ("steward_private.finish_1", "select array_agg(\n"),
    "complete: has locked": ("steward_private.finish_1", "return query\n    with item"),
    "complete: has stored": ("steward_private.finish_1", None),
    # fail, release, reap
    "give back: begins": ("steward_private.give_back", ""),
}
IN_CLAIM = [step for step in STEPS if step.startswith("claim")]
IN_COMPLETE = [step for step in STEPS if step.startswith("complete")]


@dataclass(frozen=True)
class Arena(Database):
    """A database whose sessions are used again: to begin one takes longer than most of a story."""

    idle: list[Session] = field(default_factory=list)

    @contextlib.contextmanager
    def borrow(self) -> Iterator[Session]:
        """A session for a while."""
        session = self.idle.pop() if self.idle else self.connect()
        try:
            yield session
        finally:
            if session.closed or session.broken:
                session.close()
            else:
                session.rollback()
                self.idle.append(session)

    def run(
        self, statement: str, *parameters: Any, user: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run one statement; the rows, if it has any."""
        assert user == "postgres"
        with self.borrow() as session:
            cursor = session.cursor(row_factory=tuple_row)
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def leave(self) -> None:
        """End all sessions."""
        while self.idle:
            self.idle.pop().close()


def definition(db: Arena, function: str) -> str:
    """The statement that makes an installed function what it is."""
    return str(db.value("select pg_get_functiondef(%s::regproc)", function))


def rewrite(db: Arena, function: str, old: str, new: str) -> None:
    """Make another function of an installed one; old is a regular expression that must match."""
    text, count = re.subn(old, new, definition(db, function), flags=re.DOTALL)
    assert count, f"{function} has no {old!r}"
    db.run(text)


def install(db: Arena) -> None:
    """A gate at every step."""
    db.run(
        """
        create function steward_private.gate(step text, number integer) returns integer
        language plpgsql set lock_timeout = 0 as $$
        begin
            if current_setting('racing.stop', true) = step then
                perform pg_advisory_lock_shared(number);
                perform pg_advisory_unlock_shared(number);
            end if;
            return 0;
        end $$
        """
    )
    for number, (step, (function, place)) in enumerate(STEPS.items()):
        gate = f"perform steward_private.gate('{step}', {number});\n"
        if place is None:
            old, new = r"\nend(;?)(?=\s*\$\w*\$\s*$)", rf"\n{gate}end\1"
        elif place == "":
            old, new = r"(?<=\n)begin\n(.*)$", rf"begin\n{gate}\1"
        elif place.startswith("limit"):
            old = re.escape(place)
            new = place.replace(")", f" + steward_private.gate('{step}', {number}))", 1)
        else:
            old, new = rf"{re.escape(place)}(.*)$", rf"{gate}{place}\1"
        rewrite(db, function, old, new)


@dataclass
class Racer(Generic[T]):
    """What a session does at the same time."""

    db: Arena
    pid: int
    future: Future[T]
    go: Callable[[], object] = lambda: None

    def result(self) -> T:
        """What came of it, once it is done."""
        return self.future.result(timeout=PATIENCE)

    def error(self) -> BaseException | None:
        """What went wrong, once it is done."""
        return self.future.exception(timeout=PATIENCE)

    def waits(self) -> bool:
        """Whether it has to wait for somebody; no: it is done."""
        until = time.monotonic() + PATIENCE
        with self.db.borrow() as observer:
            while not self.future.done():
                (waits,) = observer.execute(
                    "select cardinality(pg_blocking_pids(%s)) > 0", [self.pid]
                ).fetchone() or (False,)
                if waits:
                    return True
                assert time.monotonic() < until, "neither waits nor comes to an end"
                time.sleep(0.002)
        return False


@contextlib.contextmanager
def at_once(
    db: Arena, function: Callable[[Session], T], *, stop: str | None = None
) -> Iterator[Racer[T]]:
    """Begin something in a session of its own; it is done when the block has been left."""
    with db.borrow() as session, ThreadPoolExecutor(1) as pool:
        session.execute(f"set racing.stop = '{stop or ''}'")
        racer = Racer(db, session.info.backend_pid, pool.submit(function, session))
        try:
            yield racer
            racer.error()
        except BaseException:
            # it may be waiting for somebody who does not go on
            session.cancel()
            raise


@contextlib.contextmanager
def stopped(db: Arena, step: str, function: Callable[[Session], T]) -> Iterator[Racer[T]]:
    """Begin something, and let it stop at a step until go() or the end of the block."""
    with db.borrow() as gatekeeper:
        gatekeeper.execute("select pg_advisory_lock(%s)", [list(STEPS).index(step)])
        with at_once(db, function, stop=step) as racer:
            racer.go = lambda: gatekeeper.execute("select pg_advisory_unlock_all()")
            try:
                assert racer.waits(), f"never came to the step {step!r}"
                yield racer
            finally:
                racer.go()
