"""Decides when to claim; and keeps what has been taken."""

from __future__ import annotations

import threading
import time

import psycopg

from steward_worker.counts import Counts
from steward_worker.database import Stopped
from steward_worker.hand import Hand
from steward_worker.log import Log
from steward_worker.options import Options
from steward_worker.registry import Registry
from steward_worker.taking import Backlog, Taker

_EXTEND = "select e.token from steward.extend(%s::bigint[], make_interval(secs => %s::float8)) as e"
_REAP = "select steward.reap()"

_REAP_EVERY = 30.0
_REFRESH_EVERY = 5.0
_GROWTH = 1.5
_LONGEST_PAUSE = 30.0
_ASSISTANT_PAUSE = 5.0
# `--once` ends after so many answers that there is nothing: another worker may have been about to
# queue something
_EMPTY_ENOUGH = 2


class Claimer:
    """Claims while there is room, and slower and slower while there is nothing to do."""

    def __init__(
        self,
        *,
        options: Options,
        taker: Taker,
        registry: Registry,
        hand: Hand,
        backlog: Backlog,
        counts: Counts,
        log: Log,
    ) -> None:
        self._options = options
        self._taker = taker
        self._session = taker.session
        self._registry = registry
        self._hand = hand
        self._backlog = backlog
        self._counts = counts
        self._log = log
        self._stopping = threading.Event()
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
            freed = self._hand.freed
            taken = self._taker.take()
            if taken is None:
                if not self._registry.providers and self._options.once:
                    return True
                self._hand.wait_for_room(freed, min(1.0, self._options.lease / 6))
                continue
            self._counts.polled_at = time.monotonic()
            if taken.rows:
                nap = self._options.poll_min
            if taken.has_more:
                empty = 0
                continue
            if not taken.rows and self._options.once and self._is_all_done():
                empty += 1
                if empty >= _EMPTY_ENOUGH:
                    return True
                self._hand.rest(self._options.poll_min)
                continue
            empty = 0
            # Leases have to be extended meanwhile.
            pause = min(nap, self._options.lease / 6) if len(self._hand) else nap
            if self._options.once:
                # what is delivered may be the last of all
                freed = self._hand.freed
                if not self._stopping.is_set():
                    self._hand.wait_for_room(freed, pause)
            else:
                self._hand.rest(pause)
            if not taken.rows:
                nap = min(nap * _GROWTH, self._options.poll_max)
        return False

    def _is_all_done(self) -> bool:
        # In this order: what an assistant has claimed is in the hand before its claim ends.
        return not self._backlog.is_being_claimed and len(self._hand) == 0

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


class Assistant:
    """Claims, too, while there is more than the claimer can: comparing texts takes the server long.

    It cares for nothing else, and nothing depends on it: what goes wrong here goes wrong with the
    claimer, who says so and goes on.
    """

    def __init__(self, taker: Taker, hand: Hand, backlog: Backlog, log: Log) -> None:
        self.session = taker.session
        self._taker = taker
        self._hand = hand
        self._backlog = backlog
        self._log = log
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Claim no more."""
        self._stopping.set()
        self._backlog.close()
        self._hand.wake()

    def run(self) -> None:
        """Until it is told to stop."""
        while not self._stopping.is_set():
            if not self._backlog.wait(_LONGEST_PAUSE):
                # a connection that nobody needs
                self.session.close()
                continue
            freed = self._hand.freed
            try:
                # Whatever that takes, the claimer need not wait for it.
                self.session.open()
                if self._taker.take() is None and not self._stopping.is_set():
                    self._hand.wait_for_room(freed, 1.0)
            except Stopped:
                self._rest()
            except psycopg.Error as error:
                self._log.error("cannot assist", error=str(error).splitlines()[0])
                self._rest()

    def _rest(self) -> None:
        """Until the claimer has found more than it can claim, and not at once."""
        self._backlog.tell(False)
        self._stopping.wait(_ASSISTANT_PAUSE)
