"""Takes rows from the database and has their texts embedded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg

from steward_py.packing import Provider
from steward_py.pool import Pool
from steward_worker.counts import Counts
from steward_worker.cutting import plan_of
from steward_worker.database import Row, Session, Stopped
from steward_worker.hand import Claim, Hand
from steward_worker.log import Log
from steward_worker.options import Options
from steward_worker.registry import Registry

_CLAIM = (
    "select c.token, c.claimed_source::text, c.model, c.texts"
    " from steward.claim(worker => %s, batch => %s::integer,"
    " lease => make_interval(secs => %s::float8), source => %s::text::regclass,"
    " models => %s::text[]) as c"
)
# for a server that does not cut and compare the texts itself
_CLAIM_TEXTS = (
    "select c.token, c.claimed_source::text, c.model, c.content, c.known, c.options"
    " from steward.claim_texts(worker => %s, batch => %s::integer,"
    " lease => make_interval(secs => %s::float8), source => %s::text::regclass,"
    " models => %s::text[]) as c"
)
_SUBMIT = (
    "select s.token, s.outcome, s.texts, s.error"
    " from steward.submit_plans(%s::bigint[], %s::text[]) as s"
)

# steward.claim() stops after so long when rows need no vector, or their texts are long: there may
# be more
_SETTLING = 0.2


class Backlog:
    """Whether there is more to claim than one connection has claimed, and who claims just now."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_there = False
        self._is_closed = False
        self._claiming = 0

    @property
    def is_being_claimed(self) -> bool:
        """Whether a claim is under way that may yet bring something."""
        return self._claiming > 0

    @contextmanager
    def claiming(self) -> Iterator[None]:
        """While a claim is under way."""
        with self._changed:
            self._claiming += 1
        try:
            yield
        finally:
            with self._changed:
                self._claiming -= 1

    def tell(self, is_there: bool) -> None:
        """What a claim has shown."""
        with self._changed:
            self._is_there = is_there
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody need wait any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Whether there is more, within that time."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_there or self._is_closed, seconds)
            return self._is_there


class Taken(NamedTuple):
    """What a claim brought."""

    rows: int
    has_more: bool


class Taker:
    """One connection that claims."""

    def __init__(
        self,
        *,
        options: Options,
        session: Session,
        registry: Registry,
        pool: Pool,
        hand: Hand,
        backlog: Backlog,
        counts: Counts,
        log: Log,
    ) -> None:
        self.session = session
        self._options = options
        self._registry = registry
        self._pool = pool
        self._hand = hand
        self._backlog = backlog
        self._counts = counts
        self._log = log
        self._cuts_here = False

    def take(self) -> Taken | None:
        """Claim once; None: there is no room for more."""
        providers = self._registry.providers
        with self._hand.room(providers, self._options.batch) as (names, rows):
            if not names:
                return None
            began = time.monotonic()
            with self._backlog.claiming():
                found = self._claim({name: providers[name] for name in names}, rows)
        took = time.monotonic() - began
        taken = Taken(found, has_more=found >= rows or took >= _SETTLING)
        self._backlog.tell(taken.has_more)
        return taken

    def _claim(self, providers: dict[str, Provider], rows: int) -> int:
        options = self._options
        parameters = [options.name, rows, options.lease, options.source, list(providers)]
        if not self._cuts_here:
            try:
                return self._pass_on(self.session.run(_CLAIM, parameters), providers)
            except psycopg.errors.FeatureNotSupported:
                self._log.info("the server has no PL/Python: texts are cut here")
                self._cuts_here = True
        return self._cut(self.session.run(_CLAIM_TEXTS, parameters), providers)

    def _cut(self, found: list[Row], providers: dict[str, Provider]) -> int:
        """Cut and compare; what needs no vector is then finished."""
        if not found:
            return 0
        claims = {
            token: Claim(token, source, model, len(content))
            for token, source, model, content, _, _ in found
        }
        self._hand.add(claims.values())
        plans = [plan_of(content, known, options) for _, _, _, content, known, options in found]
        try:
            submitted = self.session.run(_SUBMIT, [list(claims), plans])
        except (psycopg.Error, Stopped):
            self._pool.return_unsent(claims, "the plans could not be submitted")
            raise
        planned = []
        for token, outcome, texts, error in submitted:
            claim = claims[token]
            if outcome == "planned":
                planned.append((token, claim.source, claim.model, texts))
            elif outcome == "refused":
                self._log.error("plan refused", model=claim.model, reason=error)
        self._hand.remove(claims)
        self._pass_on(planned, providers)
        return len(found)

    def _pass_on(self, found: list[Row], providers: dict[str, Provider]) -> int:
        """Have the texts embedded."""
        if not found:
            return 0
        claims = [
            Claim(token, source, model, sum(map(len, texts)))
            for token, source, model, texts in found
        ]
        self._hand.add(claims)
        self._counts.add(claimed=len(found))
        # A claim takes a while: meanwhile a key may have been changed.
        newest = providers | self._registry.providers
        for token, _, model, texts in found:
            self._pool.submit(newest[model], token, texts)
        self._pool.begin()
        self._log.debug("claimed", rows=len(found), texts=sum(len(row[3]) for row in found))
        return len(found)
