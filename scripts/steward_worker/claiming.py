"""Takes rows from the database and passes them on; and keeps what has been taken."""

from __future__ import annotations

import threading
import time

import psycopg

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
_EXTEND = "select e.token from steward.extend(%s::bigint[], make_interval(secs => %s::float8)) as e"
_REAP = "select steward.reap()"

# steward.claim() stops after so long when rows need no vector, or their texts are long: there may
# be more
_SETTLING = 0.2
_REAP_EVERY = 30.0
_REFRESH_EVERY = 5.0
_GROWTH = 1.5
_LONGEST_PAUSE = 30.0
# how much text to claim at a time
_CHARACTERS = 8_000_000
# `--once` ends after so many answers that there is nothing: another worker may have been about to
# queue something
_EMPTY_ENOUGH = 2


class Claimer:
    """Claims while there is room, and slower and slower while there is nothing to do."""

    def __init__(
        self,
        *,
        options: Options,
        session: Session,
        registry: Registry,
        pool: Pool,
        hand: Hand,
        counts: Counts,
        log: Log,
    ) -> None:
        self._options = options
        self._session = session
        self._registry = registry
        self._pool = pool
        self._hand = hand
        self._counts = counts
        self._log = log
        self._stopping = threading.Event()
        self._cuts_here = False
        self._leased_at = time.monotonic()
        self._reap_at = self._refresh_at = float("-inf")

    def stop(self) -> None:
        """Claim no more."""
        self._stopping.set()
        self._hand.wake()

    def run(self) -> None:
        """Until it is told to stop; with --once, until there is nothing to do."""
        pause = 1.0
        while not self._stopping.is_set():
            try:
                if self._claim_all():
                    return
            except Stopped:
                return
            except psycopg.Error as error:
                if self._options.once:
                    raise
                # Someone has to mend it; meanwhile nothing is lost.
                self._log.error("cannot claim", error=str(error).splitlines()[0], retry_in=pause)
                self._hand.rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _claim_all(self) -> bool:
        """Claim until told to stop, or something goes wrong; True: there is nothing left to do."""
        nap = self._options.poll_min
        empty = 0
        if self._options.once:
            # Otherwise it may be added yet.
            self._registry.require(self._session)
        while not self._stopping.is_set():
            self._look_after()
            names, rows = self._hand.room(self._registry.names)
            if not names:
                if not self._registry.names and self._options.once:
                    return True
                self._hand.wait_for_room(min(1.0, self._options.lease / 6))
                continue
            rows = self._sized(min(rows, self._options.batch))
            began = time.monotonic()
            found = self._claim(names, rows)
            self._counts.polled_at = time.monotonic()
            has_more = found >= rows or self._counts.polled_at - began >= _SETTLING
            if found:
                nap = self._options.poll_min
            if has_more:
                empty = 0
                continue
            if not found and self._options.once and len(self._hand) == 0:
                empty += 1
                if empty >= _EMPTY_ENOUGH:
                    return True
            self._hand.rest(nap)
            if not found:
                nap = min(nap * _GROWTH, self._options.poll_max)
        return False

    def _sized(self, rows: int) -> int:
        """Fewer rows if they are long."""
        average = self._hand.average()
        return max(1, min(rows, int(_CHARACTERS / average))) if average else rows

    def _claim(self, names: list[str], rows: int) -> int:
        options = self._options
        parameters = [options.name, rows, options.lease, options.source, names]
        if not self._cuts_here:
            try:
                return self._pass_on(self._session.run(_CLAIM, parameters))
            except psycopg.errors.FeatureNotSupported:
                self._log.info("the server has no PL/Python: texts are cut here")
                self._cuts_here = True
        return self._cut(self._session.run(_CLAIM_TEXTS, parameters))

    def _cut(self, found: list[Row]) -> int:
        """Cut and compare; what needs no vector is then finished."""
        if not found:
            return 0
        claims = {
            token: Claim(token, source, model, len(content))
            for token, source, model, content, _, _ in found
        }
        self._hand.add(claims.values())
        plans = [plan_of(content, known, options) for _, _, _, content, known, options in found]
        planned = []
        for token, outcome, texts, error in self._session.run(_SUBMIT, [list(claims), plans]):
            claim = claims[token]
            if outcome == "planned":
                planned.append((token, claim.source, claim.model, texts))
            elif outcome == "refused":
                self._log.error("plan refused", model=claim.model, reason=error)
        self._hand.remove(claims)
        self._pass_on(planned)
        return len(found)

    def _pass_on(self, found: list[Row]) -> int:
        """Have the texts embedded."""
        if not found:
            return 0
        claims = [
            Claim(token, source, model, sum(map(len, texts)))
            for token, source, model, texts in found
        ]
        self._hand.add(claims)
        self._counts.add(claimed=len(found))
        for token, _, model, texts in found:
            self._pool.submit(self._registry.of(model), token, texts)
        self._pool.begin()
        self._log.debug("claimed", rows=len(found), texts=sum(len(row[3]) for row in found))
        return len(found)

    def _look_after(self) -> None:
        """Keep what is in hand, take back what others have lost, and learn of new models."""
        now = time.monotonic()
        if now - self._leased_at >= self._options.lease / 3:
            self._leased_at = now
            tokens = self._hand.tokens()
            if tokens:
                held = self._session.run(_EXTEND, [tokens, self._options.lease])
                lost = set(tokens) - {token for (token,) in held}
                # What was delivered meanwhile is not lost.
                lost &= set(self._hand.tokens())
                if lost:
                    self._log.debug("no longer held", rows=len(lost))
        if now >= self._reap_at:
            self._reap_at = now + min(_REAP_EVERY, self._options.lease)
            ((count,),) = self._session.run(_REAP)
            if count:
                self._log.info("taken back from workers that are gone", rows=count)
        if now >= self._refresh_at:
            self._refresh_at = now + _REFRESH_EVERY
            self._registry.refresh(self._session)
