"""The worker inside the server: claim, embed, complete, until time is up or nothing is left to do.

It runs as a procedure that may commit.  A batch goes through three steps: claim in a transaction
of its own; embed with no transaction, lock or snapshot held, extending the leases if it takes
long; deliver all results with one call, and commit.  Only when that call raises an error are they
delivered one by one, so that what is wrong with one stops no other.  A claim that stays busy is
given back.  Whatever is neither delivered nor given back can be claimed again when its lease has
run out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from steward_py import models
from steward_py.errors import (
    FEATURE_NOT_SUPPORTED,
    INVALID_PARAMETER_VALUE,
    INVALID_TRANSACTION_TERMINATION,
    StewardError,
    description_of,
    sqlstate_of,
)
from steward_py.server import Server, Statement

# The procedure can have no SET clause (that forbids the commit), so every name is qualified.
_CLAIM = (
    "select claimed.token, claimed.model, claimed.texts"
    " from steward.claim(worker => $1, batch => $2,"
    " lease => pg_catalog.make_interval(secs => $3), provider => 'builtin') as claimed"
)
_CLAIM_TYPES = ("pg_catalog.text", "pg_catalog.int4", "pg_catalog.float8")
_COMPLETE = "select done.token, done.outcome from steward.complete($1, $2) as done"
_COMPLETE_TYPES = ("pg_catalog.int8[]", "pg_catalog.text[]")
_FAIL = "select done.token, done.outcome from steward.fail($1, $2, $3) as done"
_FAIL_TYPES = ("pg_catalog.int8[]", "pg_catalog.text", "pg_catalog.text")
_RELEASE = "select done.token, done.outcome from steward.release($1) as done"
_RELEASE_TYPES = ("pg_catalog.int8[]",)
_EXTEND = "select held.token from steward.extend($1, pg_catalog.make_interval(secs => $2)) as held"
_EXTEND_TYPES = ("pg_catalog.int8[]", "pg_catalog.float8")
_REAP = "select steward.reap()"

_BUSY, _STALE = "busy", "stale"
_REFUSALS = ("failed", "refused")
_STALE_CLAIM = "SW001"
# Serialization failure, deadlock, lock not available: the item is sound, only the moment is not.
_TRANSIENT = ("40001", "40P01", "55P03")

# The classes of steward.fail(): whose affair a failure is.
_OF_ITEM, _OF_MOMENT, _OF_CONFIGURATION = "item", "transient", "configuration"

_FIRST_NAP, _LONGEST_NAP = 0.1, 1.0
_BUSY_NAPS = (0.05, 0.1, 0.2)
# steward.claim() stops after 0.2 seconds of that
_SETTLING = 0.2
_REAP_EVERY = 30.0
_MESSAGE_LIMIT = 2000


@dataclass(frozen=True)
class Limits:
    """How long to run and how much to take at once."""

    seconds: float
    idle_seconds: float
    batch: int
    lease_seconds: float

    def __post_init__(self) -> None:
        # Written so that NaN is refused as well.
        self._require("seconds", self.seconds >= 0, "not be negative")
        self._require("idle_seconds", self.idle_seconds >= 0, "not be negative")
        self._require("batch", self.batch >= 1, "be at least 1")
        self._require("lease_seconds", self.lease_seconds > 0, "be more than 0")

    def _require(self, name: str, holds: bool, rule: str) -> None:
        if not holds:
            raise StewardError(
                f"{name} must {rule}",
                sqlstate=INVALID_PARAMETER_VALUE,
                detail=f"It is {getattr(self, name)}.",
            )


@dataclass
class Counts:
    """What became of the claimed items.

    ``released`` ones were given back without charging the attempt; ``abandoned`` ones are left to
    the end of their lease.
    """

    claimed: int = 0
    completed: int = 0
    failed: int = 0
    stale: int = 0
    released: int = 0
    abandoned: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True)
class _Failure:
    """Why there are no vectors, and whose affair that is."""

    reason: str
    kind: str


@dataclass(frozen=True)
class _Delivery:
    """An item after the embedding: its vectors, or why there are none."""

    token: int
    vectors: list[str]
    failure: _Failure | None = None


def run(
    plpy: Server,
    worker: str,
    limits: Limits,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Counts:
    """Work until ``limits.seconds`` have passed or there was nothing for ``limits.idle_seconds``.

    At least one batch is tried.
    """
    _require_that_it_may_commit(plpy)
    loop = _Loop(plpy, worker, limits, clock, sleep)
    now = clock()
    deadline = now + limits.seconds
    idle_since = reap_at = now
    nap = _FIRST_NAP
    while True:
        if now >= reap_at:
            loop.reap()
            reap_at = now + _REAP_EVERY
        if loop.process_batch():
            now = idle_since = clock()
            nap = _FIRST_NAP
            if now >= deadline:
                return loop.counts
            continue
        now = clock()
        give_up = min(deadline, idle_since + limits.idle_seconds)
        if now >= give_up:
            return loop.counts
        sleep(min(nap, give_up - now))
        nap = min(2 * nap, _LONGEST_NAP)


class _Loop:
    def __init__(
        self,
        plpy: Server,
        worker: str,
        limits: Limits,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.counts = Counts()
        self._plpy = plpy
        self._worker = worker
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._claim = plpy.prepare(_CLAIM, _CLAIM_TYPES)
        self._complete = plpy.prepare(_COMPLETE, _COMPLETE_TYPES)
        self._fail = plpy.prepare(_FAIL, _FAIL_TYPES)
        self._release = plpy.prepare(_RELEASE, _RELEASE_TYPES)
        self._extend = plpy.prepare(_EXTEND, _EXTEND_TYPES)
        self._reap = plpy.prepare(_REAP, ())

    def reap(self) -> None:
        """Take back what others have lost, as nobody else may do it."""
        self._try("lost claims could not be taken back", self._reap, [])
        self._plpy.commit()

    def process_batch(self) -> bool:
        """Take one batch through all steps.  False if there was nothing to claim."""
        arguments = [self._worker, self._limits.batch, self._limits.lease_seconds]
        leased_at = self._clock()
        rows = list(self._plpy.execute(self._claim, arguments))
        # A claim settles what needs no vector, and returns after a while even if there is more.
        has_settled = self._clock() - leased_at >= _SETTLING
        self._plpy.commit()
        self.counts.claimed += len(rows)

        # All vectors first: once a delivery has begun, it holds locks until the commit.
        deliveries = self._embed_all(rows, leased_at)

        busy = self._deliver_all(deliveries) if deliveries else []
        for nap in _BUSY_NAPS:
            if not busy:
                break
            self._sleep(nap)
            busy = self._deliver_all(busy)
        if busy:
            self._give_back_all(busy)
        return bool(rows) or has_settled

    def _embed_all(self, rows: Sequence[Mapping[str, Any]], leased_at: float) -> list[_Delivery]:
        deliveries = []
        for row in rows:
            now = self._clock()
            if now - leased_at > self._limits.lease_seconds / 3:
                leased_at = now
                tokens = [each["token"] for each in rows]
                arguments = [tokens, self._limits.lease_seconds]
                self._try("leases could not be extended", self._extend, arguments)
                self._plpy.commit()
            deliveries.append(_embedded(row))
        return deliveries

    def _deliver_all(self, deliveries: Iterable[_Delivery]) -> list[_Delivery]:
        """Deliver and commit; return those that another transaction stands in the way of."""
        embedded: list[_Delivery] = []
        failed: dict[_Failure, list[_Delivery]] = {}
        for delivery in deliveries:
            if delivery.failure is None:
                embedded.append(delivery)
            else:
                failed.setdefault(delivery.failure, []).append(delivery)
        busy = self._deliver(embedded) if embedded else []
        for failure, group in failed.items():
            busy += self._give_up(group, failure)
        self._plpy.commit()
        return busy

    def _deliver(self, deliveries: list[_Delivery]) -> list[_Delivery]:
        """Complete the items and return the busy ones; one by one if together is impossible."""
        # for each vector the token of its claim
        tokens = [delivery.token for delivery in deliveries for _ in delivery.vectors]
        vectors = [vector for delivery in deliveries for vector in delivery.vectors]
        try:
            outcomes = self._outcomes(self._complete, [tokens, vectors])
        except self._plpy.SPIError as error:
            sqlstate = self._state_unless_told_to_stop(error)
            if sqlstate in _TRANSIENT:
                return deliveries
            if len(deliveries) > 1:
                return [busy for delivery in deliveries for busy in self._deliver([delivery])]
            if sqlstate == _STALE_CLAIM:
                self.counts.stale += 1
                return []
            return self._give_up(deliveries, _Failure(str(error)[:_MESSAGE_LIMIT], _OF_ITEM))
        busy, done = self._sorted(deliveries, outcomes)
        self.counts.completed += done
        return busy

    def _give_up(self, deliveries: list[_Delivery], failure: _Failure) -> list[_Delivery]:
        """Report the items as failed and return the busy ones.  Never raises for their sake."""
        tokens = [delivery.token for delivery in deliveries]
        try:
            outcomes = self._outcomes(self._fail, [tokens, failure.reason, failure.kind])
        except self._plpy.SPIError as error:
            sqlstate = self._state_unless_told_to_stop(error)
            if sqlstate in _TRANSIENT:
                return deliveries
            if len(deliveries) > 1:
                return [
                    busy for delivery in deliveries for busy in self._give_up([delivery], failure)
                ]
            if sqlstate == _STALE_CLAIM:
                self.counts.stale += 1
            else:
                self.counts.abandoned += 1
                self._plpy.warning(f"a failure could not be recorded: {error}")
            return []
        busy, done = self._sorted(deliveries, outcomes)
        self.counts.failed += done
        return busy

    def _give_back_all(self, deliveries: list[_Delivery]) -> None:
        """Give the claims back and commit; those still busy are left to the end of their lease."""
        self.counts.abandoned += len(self._give_back(deliveries))
        self._plpy.commit()

    def _give_back(self, deliveries: list[_Delivery]) -> list[_Delivery]:
        """Give claims back uncharged and return the busy ones.  Never raises for their sake."""
        try:
            outcomes = self._outcomes(self._release, [[each.token for each in deliveries]])
        except self._plpy.SPIError as error:
            sqlstate = self._state_unless_told_to_stop(error)
            if sqlstate in _TRANSIENT:
                return deliveries
            if len(deliveries) > 1:
                return [busy for delivery in deliveries for busy in self._give_back([delivery])]
            if sqlstate == _STALE_CLAIM:
                self.counts.stale += 1
                return []
            self._plpy.warning(f"a claim could not be given back: {error}")
            return deliveries
        busy, done = self._sorted(deliveries, outcomes)
        self.counts.released += done
        return busy

    def _outcomes(self, statement: Statement, arguments: Sequence[object]) -> dict[int, str]:
        with self._plpy.subtransaction():
            rows = self._plpy.execute(statement, arguments)
            return {row["token"]: row["outcome"] for row in rows}

    def _sorted(
        self, deliveries: list[_Delivery], outcomes: Mapping[int, str]
    ) -> tuple[list[_Delivery], int]:
        """The busy items, and how many went as intended; the others are counted here."""
        busy = []
        done = 0
        for delivery in deliveries:
            # No word of an item (nothing makes vectors of no texts): it ends by being given back.
            outcome = outcomes.get(delivery.token, _BUSY)
            if outcome == _BUSY:
                busy.append(delivery)
            elif outcome == _STALE:
                self.counts.stale += 1
            elif outcome in _REFUSALS:
                self.counts.failed += 1
            else:
                done += 1
        return busy, done

    def _try(self, complaint: str, statement: Statement, arguments: Sequence[object]) -> None:
        """Run something that the work can go on without."""
        try:
            with self._plpy.subtransaction():
                self._plpy.execute(statement, arguments)
        except self._plpy.SPIError as error:
            if self._state_unless_told_to_stop(error) not in _TRANSIENT:
                self._plpy.warning(f"{complaint}: {error}")

    @staticmethod
    def _state_unless_told_to_stop(error: Exception) -> str | None:
        """Cancelling the query or shutting down is about the worker, not about the item."""
        sqlstate = sqlstate_of(error)
        if sqlstate is not None and sqlstate.startswith("57"):
            raise error
        return sqlstate


def _embedded(row: Mapping[str, Any]) -> _Delivery:
    token = row["token"]
    try:
        return _Delivery(token, models.vectors(row["model"], row["texts"] or []))
    except MemoryError:
        return _Delivery(token, [], _Failure("Python is out of memory", _OF_MOMENT))
    except Exception as error:
        # A bug that one text brings out must not hold up the others.
        beyond_us = isinstance(error, StewardError) and error.sqlstate == FEATURE_NOT_SUPPORTED
        kind = _OF_CONFIGURATION if beyond_us else _OF_ITEM
        return _Delivery(token, [], _Failure(description_of(error)[:_MESSAGE_LIMIT], kind))


def _require_that_it_may_commit(plpy: Server) -> None:
    """Find out before anything is claimed, and say it better than the server does."""
    try:
        plpy.commit()
    except plpy.SPIError as error:
        if sqlstate_of(error) != INVALID_TRANSACTION_TERMINATION:
            raise
        raise StewardError(
            "the worker cannot run inside a transaction",
            sqlstate=INVALID_TRANSACTION_TERMINATION,
            detail="It commits after each step, so that it holds no lock while it computes.",
            hint="Call it on its own: not between begin and commit, and not from a function.",
        ) from error
