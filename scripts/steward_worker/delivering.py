"""Hands in what the providers have answered, and says what they have not."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import LiteralString

import psycopg

from steward_py.pool import Done, Pool
from steward_py.providers import CONFIGURATION, ITEM, RATE_LIMIT, TRANSIENT, UNSENT, Failure
from steward_worker.counts import Counts
from steward_worker.database import Row, Session, Stopped
from steward_worker.hand import Hand
from steward_worker.log import Log

_COMPLETE = (
    "select c.token, c.outcome, c.error"
    " from steward.complete(%s::bigint[], %s::text[], %s::bigint) as c"
)
_FAIL = (
    "select f.token, f.outcome, null from steward.fail("
    "%s::bigint[], %s::text, %s::text, make_interval(secs => %s::float8)) as f"
)
_RELEASE = "select r.token, r.outcome, null from steward.release(%s::bigint[]) as r"

_WAIT = 0.5
# how much goes to the server in one statement
_VECTORS, _BYTES = 500, 8_000_000
_BUSY_NAPS = (0.02, 0.05, 0.1, 0.2, 0.4)
# then it is given back; a long claim of somebody else may stand in the way of that, too
_RELEASE_NAPS = (0.4, 0.8, 1.6, 3.2)
_NAPS = _BUSY_NAPS + _RELEASE_NAPS
_CANCELED = "57014"
_MESSAGE_LIMIT = 2000


class Deliverer:
    """Empties the hand: stores, fails or releases each claim. Several can do so side by side."""

    def __init__(self, session: Session, pool: Pool, hand: Hand, counts: Counts, log: Log) -> None:
        self.session = session
        self._pool = pool
        self._hand = hand
        self._counts = counts
        self._log = log
        self._stopping = threading.Event()
        self._releasing = threading.Event()
        # what is busy: when to try again, and the how-manieth time that is
        self._busy: list[tuple[float, int, int, Done]] = []
        self._order = itertools.count()

    def stop(self) -> None:
        """End as soon as nothing is there to deliver."""
        self._stopping.set()

    def release_failures(self) -> None:
        """From now on calls are ended from this side: what fails is nobody's fault."""
        self._releasing.set()

    def run(self) -> None:
        """Until it is told to stop."""
        while True:
            wait = _WAIT
            if self._busy:
                wait = max(0.0, min(wait, self._busy[0][0] - time.monotonic()))
            batch = [(done, 0) for done in self._pool.wait(wait)]
            while self._busy and self._busy[0][0] <= time.monotonic():
                _, _, tries, done = heapq.heappop(self._busy)
                batch.append((done, tries))
            if batch:
                try:
                    self._deliver(batch)
                except Stopped:
                    return
            elif self._stopping.is_set():
                return

    def release_rest(self) -> None:
        """Give back all that is still in hand."""
        tokens = self._hand.tokens()
        if tokens:
            outcomes = self.session.run(_RELEASE, [tokens])
            self._counts.add(released=len(outcomes))
            self._hand.remove(tokens)

    # ---- one batch

    def _deliver(self, batch: Iterable[tuple[Done, int]]) -> None:
        embedded: dict[tuple[str, str], list[Done]] = {}
        failed: dict[Failure, list[Done]] = {}
        tries: dict[int, int] = {}
        for done, tried in batch:
            tries[done.token] = tried
            claim = self._hand.get(done.token)
            if done.failure is None:
                # tokens_used is of one space: a source and a model
                embedded.setdefault((claim.source, claim.model), []).append(done)
            else:
                failed.setdefault(self._meant(done.failure), []).append(done)
        for group in embedded.values():
            # in this order the server need not sort the vectors
            group.sort(key=lambda done: done.token)
            for part in _parts(group):
                self._complete(part, tries)
        for failure, group in failed.items():
            self._fail(group, failure, tries)

    def _meant(self, failure: Failure) -> Failure:
        if self._releasing.is_set() and failure.kind != ITEM:
            return Failure(UNSENT, "the worker ends")
        return failure

    def _complete(self, group: list[Done], tries: dict[int, int]) -> None:
        tokens = [done.token for done in group for _ in done.vectors]
        # Nothing in a vector has to be quoted but its commas, so the array need not be made slowly.
        array = "{" + ",".join(f'"{vector}"' for done in group for vector in done.vectors) + "}"
        known = [done.tokens for done in group if done.tokens is not None]
        used = sum(known) if len(known) == len(group) else None
        try:
            rows = self.session.run(_COMPLETE, [tokens, array, used])
        except psycopg.Error as error:
            if len(group) > 1:
                for done in group:
                    self._complete([done], tries)
                return
            reason = (error.diag.message_primary or str(error))[:_MESSAGE_LIMIT]
            kind = TRANSIENT if error.sqlstate == _CANCELED else ITEM
            self._fail(group, Failure(kind, reason), tries)
            return
        counted = self._take(group, rows, tries)
        done_well = counted["embedded"] + counted["reused"]
        self._counts.add(embedded=done_well, texts=len(tokens) if done_well else 0)
        self._log.debug("delivered", **counted)

    def _fail(self, group: list[Done], failure: Failure, tries: dict[int, int]) -> None:
        tokens = [done.token for done in group]
        if failure.kind == UNSENT:
            counted = self._try_all(_RELEASE, [tokens], group, tries)
            self._counts.add(released=counted["pending"])
            return
        models = sorted({self._hand.get(token).model for token in tokens})
        counted = self._try_all(
            _FAIL, [tokens, failure.reason, failure.kind, failure.retry_after], group, tries
        )
        self._counts.add(failed=counted["pending"] + counted["failed"])
        level = self._log.error if failure.kind == CONFIGURATION else self._log.warning
        told = {"retry_after": failure.retry_after} if failure.kind == RATE_LIMIT else {}
        level(
            "not embedded",
            kind=failure.kind,
            rows=len(group),
            models=models,
            reason=failure.reason,
            **told,
        )

    def _try_all(
        self,
        statement: LiteralString,
        parameters: Sequence[object],
        group: list[Done],
        tries: dict[int, int],
    ) -> Counter[str]:
        try:
            return self._take(group, self.session.run(statement, parameters), tries)
        except psycopg.Error as error:
            # It comes back when the lease runs out.
            self._log.error("cannot be given back", rows=len(group), error=str(error))
            self._hand.remove(done.token for done in group)
            return Counter()

    def _take(self, group: list[Done], rows: list[Row], tries: dict[int, int]) -> Counter[str]:
        """See what became of each; those that somebody stands in the way of are tried again."""
        outcomes = {token: (outcome, error) for token, outcome, error in rows}
        counted: Counter[str] = Counter()
        gone = []
        for done in group:
            # No word of a claim without texts: there is nothing to hand in.
            outcome, error = outcomes.get(done.token, ("busy", None))
            counted[outcome] += 1
            if outcome == "busy" and tries.get(done.token, 0) < len(_NAPS):
                self._put_off(done, tries.get(done.token, 0))
                continue
            gone.append(done.token)
            if outcome == "stale":
                self._counts.add(stale=1)
            elif outcome in ("failed", "refused") and error:
                self._counts.add(failed=1)
                model = self._hand.get(done.token).model
                self._log.error(outcome, token=done.token, model=model, reason=error)
        self._hand.remove(gone)
        return counted

    def _put_off(self, done: Done, tried: int) -> None:
        """Try again in a moment; after some times give it back."""
        due = time.monotonic() + _NAPS[tried]
        if tried >= len(_BUSY_NAPS):
            done = Done(done.token, [], Failure(UNSENT, "somebody has the row locked"))
        heapq.heappush(self._busy, (due, next(self._order), tried + 1, done))


def _parts(group: Sequence[Done]) -> Iterator[list[Done]]:
    """What goes into one statement."""
    part: list[Done] = []
    vectors = size = 0
    for done in group:
        part.append(done)
        vectors += len(done.vectors)
        size += sum(map(len, done.vectors))
        if vectors >= _VECTORS or size >= _BYTES:
            yield part
            part, vectors, size = [], 0, 0
    if part:
        yield part
