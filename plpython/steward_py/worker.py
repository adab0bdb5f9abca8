"""The worker inside the server: claim, embed, complete, until time is up or nothing is left to do.

It runs as a procedure that may commit.  Rows are claimed in a transaction of their own.  While
their texts are at providers, which several threads of a pool ask at the same time, no transaction,
lock or snapshot is held: the main thread waits in short slices, between which the server can
interrupt it, extends the leases, claims more when there is room, and delivers what is done with
one call, and commits.  Only when that call raises an error are results delivered one by one, so
that what is wrong with one stops no other.  A claim that stays busy, and what cannot be sent any
more, is given back.  Whatever is neither delivered nor given back can be claimed again when its
lease has run out.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from steward_py import access
from steward_py.access import Access
from steward_py.endpoints import Rule
from steward_py.errors import (
    INVALID_PARAMETER_VALUE,
    INVALID_TRANSACTION_TERMINATION,
    UNDEFINED_OBJECT,
    StewardError,
    sqlstate_of,
)
from steward_py.packing import Provider
from steward_py.pool import Done, Pool
from steward_py.providers import CONFIGURATION, ITEM, PROVIDERS, UNSENT, Failure
from steward_py.server import Server, Statement
from steward_py.transport import Transport

# The procedure can have no SET clause (that forbids the commit), so every name is qualified.
_CLAIM = (
    "select claimed.token, claimed.model, claimed.claimed_source, claimed.texts"
    " from steward.claim(worker => $1, batch => $2,"
    " lease => pg_catalog.make_interval(secs => $3), provider => $4) as claimed"
)
_CLAIM_TYPES = ("pg_catalog.text", "pg_catalog.int4", "pg_catalog.float8", "pg_catalog.text")
_COMPLETE = "select done.token, done.outcome from steward.complete($1, $2, $3) as done"
_COMPLETE_TYPES = ("pg_catalog.int8[]", "pg_catalog.text[]", "pg_catalog.int8")
_FAIL = (
    "select done.token, done.outcome"
    " from steward.fail($1, $2, $3, pg_catalog.make_interval(secs => $4)) as done"
)
_FAIL_TYPES = ("pg_catalog.int8[]", "pg_catalog.text", "pg_catalog.text", "pg_catalog.float8")
_RELEASE = "select done.token, done.outcome from steward.release($1) as done"
_RELEASE_TYPES = ("pg_catalog.int8[]",)
_EXTEND = "select held.token from steward.extend($1, pg_catalog.make_interval(secs => $2)) as held"
_EXTEND_TYPES = ("pg_catalog.int8[]", "pg_catalog.float8")
_LOAD = "select steward._load_provider($1)"
# the least there is to run: the server looks for interrupts while it does
_PULSE = "select pg_catalog.pg_backend_pid()"
_REAP = "select steward.reap()"

_BUSY, _STALE = "busy", "stale"
_REFUSALS = ("failed", "refused")
_STALE_CLAIM = "SW001"
# Serialization failure, deadlock, lock not available: the item is sound, only the moment is not.
_TRANSIENT = ("40001", "40P01", "55P03")

# How long the server may have to wait for us to look whether we are told to stop.
_SLICE = 0.1
# What is done within this time of each other is delivered together.
_TOGETHER = 0.01
# Claims that have waited so long do not keep others from being claimed, up to so many batches in
# all, and so many of one model.
_SLOW = 5.0
_MOST_BATCHES, _MOST_OF_ONE = 4, 2
_FIRST_NAP, _LONGEST_NAP = 0.1, 1.0
_BUSY_NAPS = (0.05, 0.1, 0.2)
# Somebody may stand in the way of giving a claim back, too: for as long as a long claim takes.
_RELEASE_EVERY = 0.5
_LAST_NAPS = (0.1, 0.2, 0.4, 0.8, 1.6)
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
    # how many requests to one model at the same time
    requests: int = 8
    # how many workers run side by side, and share the limits of a model
    workers: int = 1

    def __post_init__(self) -> None:
        # Written so that NaN is refused as well.
        self._require("seconds", self.seconds >= 0, "not be negative")
        self._require("idle_seconds", self.idle_seconds >= 0, "not be negative")
        self._require("batch", self.batch >= 1, "be at least 1")
        self._require("lease_seconds", self.lease_seconds > 0, "be more than 0")
        self._require("requests", 1 <= self.requests <= 64, "be from 1 to 64")
        self._require("workers", self.workers >= 1, "be at least 1")

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
class _Held:
    """A claim that is with us, and where its vectors go."""

    space: tuple[str, str]
    claimed_at: float


def run(
    plpy: Server,
    worker: str,
    limits: Limits,
    *,
    pool: Pool | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Counts:
    """Work until ``limits.seconds`` have passed or there was nothing for ``limits.idle_seconds``.

    At least one batch is tried.
    """
    _require_that_it_may_commit(plpy)
    transport = Transport()
    pool = Pool(transport, limits.requests) if pool is None else pool
    loop = _Loop(plpy, worker, limits, transport=transport, pool=pool, clock=clock, sleep=sleep)
    try:
        loop.run()
        loop.give_back_rest()
    except BaseException:
        pool.close()
        loop.let_go()
        raise
    pool.close()
    return loop.counts


class _Loop:
    def __init__(
        self,
        plpy: Server,
        worker: str,
        limits: Limits,
        *,
        transport: Transport,
        pool: Pool,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.counts = Counts()
        self._plpy = plpy
        self._worker = worker
        self._limits = limits
        self._transport = transport
        self._pool = pool
        self._clock = clock
        self._sleep = sleep
        self._held: dict[int, _Held] = {}
        # what could not even be given back, and when that is tried again
        self._left: list[Done] = []
        self._left_at = clock()
        self._providers: dict[str, tuple[Access, Provider]] = {}
        self._leased_at = clock()
        self._claim = plpy.prepare(_CLAIM, _CLAIM_TYPES)
        self._complete = plpy.prepare(_COMPLETE, _COMPLETE_TYPES)
        self._fail = plpy.prepare(_FAIL, _FAIL_TYPES)
        self._release = plpy.prepare(_RELEASE, _RELEASE_TYPES)
        self._extend = plpy.prepare(_EXTEND, _EXTEND_TYPES)
        self._load = plpy.prepare(_LOAD, ("pg_catalog.text",))
        self._pulse = plpy.prepare(_PULSE, ())
        self._reap = plpy.prepare(_REAP, ())

    def run(self) -> None:
        """Work, as ``run`` says."""
        now = self._clock()
        deadline = now + self._limits.seconds
        idle_since = reap_at = claim_at = now
        nap = _FIRST_NAP
        is_first = True
        while True:
            if now >= reap_at:
                self.reap()
                reap_at = now + _REAP_EVERY
            if self._left and now >= self._left_at:
                self._give_back_left()
            if (is_first or now < deadline) and now >= claim_at and self._has_room(now):
                has_found = self.claim_batch()
                now = self._clock()
                is_first = False
                claim_at = now
                if has_found:
                    idle_since, nap = now, _FIRST_NAP
                else:
                    claim_at += nap
                    nap = min(2 * nap, _LONGEST_NAP)
            if self._held:
                if now >= deadline:
                    self._pool.withdraw()
                self.wait_and_deliver()
                now = idle_since = self._clock()
                continue
            give_up = min(deadline, idle_since + self._limits.idle_seconds)
            if now >= give_up and (now >= deadline or now < claim_at):
                return
            if now < claim_at:
                self._sleep(min(claim_at, give_up) - now)
                now = self._clock()
                # a last look
                claim_at = now

    def _has_room(self, now: float) -> bool:
        if len(self._held) >= _MOST_BATCHES * self._limits.batch:
            return False
        quick = sum(now - held.claimed_at < _SLOW for held in self._held.values())
        return quick <= self._limits.batch // 2

    def claim_batch(self) -> bool:
        """Claim rows and have their texts sent.  False if there was nothing to claim."""
        before = self._clock()
        arguments = [
            self._worker, self._limits.batch, self._limits.lease_seconds, ", ".join(PROVIDERS)
        ]  # fmt: skip
        rows = list(self._plpy.execute(self._claim, arguments))
        # A claim settles what needs no vector, and returns after a while even if there is more.
        has_settled = self._clock() - before >= _SETTLING
        self._plpy.commit()
        self.counts.claimed += len(rows)
        if not self._held:
            self._leased_at = before
        for row in rows:
            self._held[row["token"]] = _Held((row["claimed_source"], row["model"]), self._clock())
        self._submit(rows)
        return bool(rows) or has_settled

    def _submit(self, rows: Sequence[Mapping[str, Any]]) -> None:
        accesses = {name: self._access(name) for name in {row["model"] for row in rows}}
        self._plpy.commit()
        held = Counter(held.space[1] for held in self._held.values())
        refused: list[Done] = []
        for row in rows:
            token, name = row["token"], row["model"]
            known = accesses[name]
            if isinstance(known, Failure):
                refused.append(Done(token, [], known))
            elif held[name] > _MOST_OF_ONE * self._limits.batch:
                # one that is slow does not take all the room
                held[name] -= 1
                refused.append(Done(token, [], Failure(UNSENT, "there is enough of it already")))
            else:
                self._pool.submit(known, token, row["texts"] or [])
        if refused:
            self._deliver_until_done(refused)

    def _access(self, name: str) -> Provider | Failure:
        """The model as it is now; the key may have been changed a moment ago."""
        try:
            with self._plpy.subtransaction():
                self._plpy.execute(self._load, [name])
        except self._plpy.SPIError as error:
            if self._state_unless_told_to_stop(error) == UNDEFINED_OBJECT:
                return Failure(CONFIGURATION, str(error))
            raise
        found = access.loaded(name)
        if found.problem is not None:
            return Failure(CONFIGURATION, found.problem)
        before = self._providers.get(name)
        if before is None or before[0] != found:
            share = 1 / self._limits.workers
            self._transport.rule = Rule(found.allowed)
            provider = Provider(found.model, self._transport, found.key, share=share)
            self._providers[name] = found, provider
            return provider
        return before[1]

    def wait_and_deliver(self) -> None:
        """Wait for a slice of time, or until something is done, and deliver that."""
        done = self._pool.wait(_SLICE)
        while done and len(self._pool):
            more = self._pool.wait(_TOGETHER)
            if not more:
                break
            done += more
        self._plpy.execute(self._pulse, [])
        # and with that, no snapshot is left
        self._plpy.commit()
        waiting = sorted(self._held.keys() - {each.token for each in done})
        if waiting and self._clock() - self._leased_at > self._limits.lease_seconds / 3:
            self._leased_at = self._clock()
            arguments = [waiting, self._limits.lease_seconds]
            self._try("leases could not be extended", self._extend, arguments)
            self._plpy.commit()
        if done:
            self._deliver_until_done(done)

    def _deliver_until_done(self, deliveries: list[Done]) -> None:
        busy = self._deliver_all(deliveries)
        for nap in _BUSY_NAPS:
            if not busy:
                break
            self._sleep(nap)
            busy = self._deliver_all(busy)
        if busy:
            self._give_back_all(busy)
        for each in deliveries:
            del self._held[each.token]

    def let_go(self) -> None:
        """After an error: what is held can be claimed again soon, unless that is an error, too."""
        deliveries = [Done(token, []) for token in self._held] + self._left
        if not deliveries:
            return
        try:
            self._give_back_all(deliveries)
        except Exception as error:  # the first one is what is reported
            self._plpy.warning(f"claims are left to the end of their lease: {error}")

    def reap(self) -> None:
        """Take back what others have lost, as nobody else may do it."""
        self._try("lost claims could not be taken back", self._reap, [])
        self._plpy.commit()

    def _deliver_all(self, deliveries: Iterable[Done]) -> list[Done]:
        """Deliver and commit; return those that another transaction stands in the way of."""
        # what providers counted is of one space each
        embedded: dict[tuple[str, str], list[Done]] = {}
        failed: dict[Failure, list[Done]] = {}
        for delivery in deliveries:
            if delivery.failure is None:
                embedded.setdefault(self._held[delivery.token].space, []).append(delivery)
            else:
                failed.setdefault(delivery.failure, []).append(delivery)
        busy = [each for group in embedded.values() for each in self._deliver(group)]
        for failure, group in failed.items():
            is_unsent = failure.kind == UNSENT
            busy += self._give_back(group) if is_unsent else self._give_up(group, failure)
        self._plpy.commit()
        return busy

    def _deliver(self, deliveries: list[Done]) -> list[Done]:
        """Complete the items and return the busy ones; one by one if together is impossible."""
        # for each vector the token of its claim; in this order the server need not sort them
        deliveries = sorted(deliveries, key=lambda delivery: delivery.token)
        tokens = [delivery.token for delivery in deliveries for _ in delivery.vectors]
        vectors = [vector for delivery in deliveries for vector in delivery.vectors]
        try:
            outcomes = self._outcomes(self._complete, [tokens, vectors, _tokens_of(deliveries)])
        except self._plpy.SPIError as error:
            sqlstate = self._state_unless_told_to_stop(error)
            if sqlstate in _TRANSIENT:
                return deliveries
            if len(deliveries) > 1:
                return [busy for delivery in deliveries for busy in self._deliver([delivery])]
            if sqlstate == _STALE_CLAIM:
                self.counts.stale += 1
                return []
            return self._give_up(deliveries, Failure(ITEM, str(error)[:_MESSAGE_LIMIT]))
        busy, done = self._sorted(deliveries, outcomes)
        self.counts.completed += done
        return busy

    def _give_up(self, deliveries: list[Done], failure: Failure) -> list[Done]:
        """Report the items as failed and return the busy ones.  Never raises for their sake."""
        tokens = [delivery.token for delivery in deliveries]
        try:
            outcomes = self._outcomes(
                self._fail,
                [tokens, failure.reason[:_MESSAGE_LIMIT], failure.kind, failure.retry_after],
            )
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

    def give_back_rest(self) -> None:
        """At the end: what is still busy after a while is left to the end of its lease."""
        for nap in _LAST_NAPS:
            if not self._left:
                return
            self._sleep(nap)
            self._give_back_left()
        self.counts.abandoned += len(self._left)

    def _give_back_left(self) -> None:
        left, self._left = self._left, []
        self._give_back_all(left)

    def _give_back_all(self, deliveries: list[Done]) -> None:
        """Give the claims back and commit; those still busy are tried again later."""
        self._left += self._give_back(deliveries)
        self._left_at = self._clock() + _RELEASE_EVERY
        self._plpy.commit()

    def _give_back(self, deliveries: list[Done]) -> list[Done]:
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
            self.counts.abandoned += 1
            return []
        busy, done = self._sorted(deliveries, outcomes)
        self.counts.released += done
        return busy

    def _outcomes(self, statement: Statement, arguments: Sequence[object]) -> dict[int, str]:
        with self._plpy.subtransaction():
            rows = self._plpy.execute(statement, arguments)
            return {row["token"]: row["outcome"] for row in rows}

    def _sorted(
        self, deliveries: list[Done], outcomes: Mapping[int, str]
    ) -> tuple[list[Done], int]:
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


def _tokens_of(deliveries: Sequence[Done]) -> int | None:
    """What the provider counted for all of them, if it did."""
    counted = [each.tokens for each in deliveries if each.tokens is not None]
    return sum(counted) if len(counted) == len(deliveries) else None


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
