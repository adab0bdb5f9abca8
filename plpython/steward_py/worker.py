"""The worker inside the server: claim, embed, complete, until time is up or nothing is left to do.

It runs as a procedure that may commit.  A batch goes through three steps: claim in a transaction
of its own; embed with no transaction, lock or snapshot held; deliver, each item in its own
subtransaction, and commit.  A claim that stays busy is given back.  Whatever is neither delivered
nor given back can be claimed again when its lease has run out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from steward_py import models
from steward_py.errors import (
    INVALID_PARAMETER_VALUE,
    INVALID_TRANSACTION_TERMINATION,
    StewardError,
    internal_error,
    sqlstate_of,
)
from steward_py.server import Server

# The procedure can have no SET clause (that forbids the commit), so every name is qualified.
_CLAIM = (
    "select claimed.token, claimed.model, claimed.texts"
    " from steward.claim(worker => $1, batch => $2,"
    " lease => pg_catalog.make_interval(secs => $3), provider => 'builtin') as claimed"
)
_CLAIM_TYPES = ("pg_catalog.text", "pg_catalog.int4", "pg_catalog.float8")
_COMPLETE = "select steward.complete($1, $2) as result"
_COMPLETE_TYPES = ("pg_catalog.int8", "pg_catalog.text[]")
_FAIL = "select steward.fail($1, $2) as result"
_FAIL_TYPES = ("pg_catalog.int8", "pg_catalog.text")
_RELEASE = "select steward.release($1) as result"
_RELEASE_TYPES = ("pg_catalog.int8",)

_STALE_CLAIM = "SW001"
_BUSY = "busy"
# Serialization failure, deadlock, lock not available: the item is sound, only the moment is not.
_TRANSIENT = ("40001", "40P01", "55P03")

_FIRST_NAP, _LONGEST_NAP = 0.1, 1.0
_BUSY_NAPS = (0.05, 0.1, 0.2)
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
class _Delivery:
    """An item after the embedding: its vectors, or why there are none."""

    token: object
    outcome: list[str] | str


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
    loop = _Loop(plpy, sleep)
    now = clock()
    deadline = now + limits.seconds
    idle_since = now
    nap = _FIRST_NAP
    while True:
        if loop.process_batch(worker, limits):
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
    def __init__(self, plpy: Server, sleep: Callable[[float], None]) -> None:
        self.counts = Counts()
        self._plpy = plpy
        self._sleep = sleep
        self._claim = plpy.prepare(_CLAIM, _CLAIM_TYPES)
        self._complete = plpy.prepare(_COMPLETE, _COMPLETE_TYPES)
        self._fail = plpy.prepare(_FAIL, _FAIL_TYPES)
        self._release = plpy.prepare(_RELEASE, _RELEASE_TYPES)

    def process_batch(self, worker: str, limits: Limits) -> bool:
        """Take one batch through all steps.  False if there was nothing to claim."""
        arguments = [worker, limits.batch, limits.lease_seconds]
        rows = list(self._plpy.execute(self._claim, arguments))
        self._plpy.commit()
        self.counts.claimed += len(rows)

        # All vectors first: once a delivery has begun, it holds locks until the commit.
        deliveries = [_Delivery(row["token"], _vectors_or_reason(row)) for row in rows]

        busy = self._deliver_all(deliveries)
        for nap in _BUSY_NAPS:
            if not busy:
                break
            self._sleep(nap)
            busy = self._deliver_all(busy)
        if busy:
            self._give_back_all(busy)
        return bool(rows)

    def _deliver_all(self, deliveries: Iterable[_Delivery]) -> list[_Delivery]:
        """Deliver and commit; return those that another transaction stands in the way of."""
        busy = [delivery for delivery in deliveries if not self._deliver(delivery)]
        self._plpy.commit()
        return busy

    def _deliver(self, delivery: _Delivery) -> bool:
        """Whether the item is dealt with, one way or another; if not, try again later."""
        if isinstance(delivery.outcome, str):
            return self._give_up(delivery.token, delivery.outcome)
        try:
            with self._plpy.subtransaction():
                rows = self._plpy.execute(self._complete, [delivery.token, delivery.outcome])
                result = rows[0]["result"]
        except self._plpy.SPIError as error:
            _raise_if_told_to_stop(error)
            sqlstate = sqlstate_of(error)
            if sqlstate in _TRANSIENT:
                return False
            if sqlstate == _STALE_CLAIM:
                self.counts.stale += 1
                return True
            return self._give_up(delivery.token, str(error))
        if result == _BUSY:
            return False
        self.counts.completed += 1
        return True

    def _give_up(self, token: object, reason: str) -> bool:
        """Report the item as failed.  Never raises for the item's sake: others are waiting."""
        try:
            with self._plpy.subtransaction():
                rows = self._plpy.execute(self._fail, [token, reason[:_MESSAGE_LIMIT]])
                result = rows[0]["result"]
        except self._plpy.SPIError as error:
            _raise_if_told_to_stop(error)
            sqlstate = sqlstate_of(error)
            if sqlstate in _TRANSIENT:
                return False
            if sqlstate == _STALE_CLAIM:
                self.counts.stale += 1
            else:
                self.counts.abandoned += 1
                self._plpy.warning(f"a failure could not be recorded: {error}")
            return True
        if result == _BUSY:
            return False
        self.counts.failed += 1
        return True

    def _give_back_all(self, deliveries: Iterable[_Delivery]) -> None:
        """Give the claims back and commit; those still busy are left to the end of their lease."""
        for delivery in deliveries:
            self._give_back(delivery.token)
        self._plpy.commit()

    def _give_back(self, token: object) -> None:
        """Give one claim back uncharged.  Never raises for the item's sake: others are waiting."""
        try:
            with self._plpy.subtransaction():
                rows = self._plpy.execute(self._release, [token])
                result = rows[0]["result"]
        except self._plpy.SPIError as error:
            _raise_if_told_to_stop(error)
            sqlstate = sqlstate_of(error)
            if sqlstate == _STALE_CLAIM:
                self.counts.stale += 1
                return
            self.counts.abandoned += 1
            if sqlstate not in _TRANSIENT:
                self._plpy.warning(f"a claim could not be given back: {error}")
            return
        if result == _BUSY:
            self.counts.abandoned += 1
        else:
            self.counts.released += 1


def _vectors_or_reason(row: Mapping[str, Any]) -> list[str] | str:
    try:
        return models.vectors(row["model"], row["texts"] or [])
    except StewardError as error:
        return error.message
    except Exception as error:
        # A bug that one text brings out must not hold up the others.
        bug = internal_error(error)
        return f"{bug.message}\n{bug.detail}"


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


def _raise_if_told_to_stop(error: Exception) -> None:
    """Cancelling the query or shutting down is about the worker, not about the item."""
    if (sqlstate_of(error) or "").startswith("57"):
        raise error
