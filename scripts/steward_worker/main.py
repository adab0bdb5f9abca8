"""The command steward-worker."""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from steward_py.packing import Provider
from steward_py.pool import Pool
from steward_py.providers import Model
from steward_py.transport import Transport
from steward_worker import health, local, serving
from steward_worker.claiming import Assistant, Claimer
from steward_worker.counts import Counts
from steward_worker.database import Malformed, Session, Stopped, check
from steward_worker.delivering import Deliverer
from steward_worker.hand import Hand
from steward_worker.listening import listen
from steward_worker.log import Log
from steward_worker.options import Options, parse
from steward_worker.registry import Registry, UnknownModel
from steward_worker.taking import Backlog, Taker

# in hand of one model: at the provider, on the way there, and on the way back
_BATCHES = 4
_CHARACTERS = 64_000_000
_LAST_CALL = 5.0
# without an answer of the database for so long, something is wrong
_SILENCE = 60.0
# with --once: until the server is there at all, and until it is there again
_GIVE_UP_FIRST, _GIVE_UP = 10.0, 30.0


class Worker:
    """All of it, from the first claim to the last release."""

    def __init__(self, options: Options, log: Log) -> None:
        self._options = options
        self._log = log
        self._counts = Counts()
        self._hand = Hand(options.batch * _BATCHES, _CHARACTERS)
        self._pool = Pool(Transport(), options.concurrency)
        self._encoder = local.load(options.local) if options.local is not None else None
        self._registry = Registry(options, log, self._local())
        self._stopping = threading.Event()
        self._signals = 0
        self._has_given_up = False
        self._failure: BaseException | None = None
        self._began = time.monotonic()
        self._in = Session(options.dsn, log, self._may_reconnect, self._pause)
        backlog = Backlog()
        self._claimer = Claimer(
            options=options,
            taker=self._taker(self._in, backlog),
            registry=self._registry,
            hand=self._hand,
            backlog=backlog,
            counts=self._counts,
            log=log,
        )
        # They leave it to the claimer to connect again and again.
        assisting = [
            Session(options.dsn, log, lambda: False, self._pause)
            for _ in range(options.readers - 1)
        ]
        self._assistants = [
            Assistant(self._taker(session, backlog), self._hand, backlog, log)
            for session in assisting
        ]
        self._ins = [self._in, *assisting]
        self._delivering = threading.Event()
        self._delivering.set()
        self._deliverers = [
            Deliverer(
                Session(options.dsn, log, self._delivering.is_set, time.sleep),
                self._pool,
                self._hand,
                self._counts,
                log,
            )
            for _ in range(options.writers)
        ]

    def run(self) -> int:
        """Until a signal comes; with --once, until there is nothing to do.  The exit status.

        It is 0, or 1 for what has to be seen to: also, with --once, for rows that are not embedded.
        """
        options, log = self._options, self._log
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        log.info("started", worker=options.name, batch=options.batch)
        if options.health_port is not None:
            port = health.serve(options.health_host, options.health_port, self.report)
            log.info("health", host=options.health_host, port=port)
        if options.serve is not None and self._encoder is not None:
            port = serving.serve(options.serve_host, options.serve, self._encoder)
            log.info("serving", host=options.serve_host, port=port)
        if options.listen is not None:
            dsn = options.listen or options.dsn
            self._start(lambda: listen(dsn, self._hand, log, self._stopping), "listen")
        claims = self._start(self._claim, "claim")
        assists = [self._start(each.run, "assist") for each in self._assistants]
        delivers = [self._start(each.run, "deliver") for each in self._deliverers]
        while not self._signals and not self._stopping.wait(0.25):
            if options.progress:
                self._show()
        self._end([claims, *assists], delivers)
        if options.progress:
            self._show()
        log.info("ended", **self._counts.as_dict())
        if isinstance(self._failure, UnknownModel):
            log.error("cannot start", error=str(self._failure))
            return 2
        if self._failure is not None:
            log.error("failed", error=str(self._failure))
            return 1
        if self._has_given_up:
            log.error("given up", error=self._in.problem)
            return 1
        return 1 if options.once and self._counts.as_dict()["failed"] else 0

    def report(self) -> tuple[bool, dict[str, Any]]:
        """What the health endpoint says."""
        now = time.monotonic()
        silence = now - (self._counts.polled_at or self._began)
        problem = self._in.problem or self._out_problem()
        unready = self._registry.problems
        # with nothing to claim for, or with all hands full, it need not ask
        is_well = silence < _SILENCE or (problem is None and len(self._hand) > 0)
        status = "ok" if is_well and not unready else "degraded" if is_well else "stuck"
        return is_well, {
            "status": status,
            "worker": self._options.name,
            "seconds_since_claim": round(silence, 1),
            "in_hand": len(self._hand),
            "database": problem or "ok",
            "models": dict.fromkeys(self._registry.providers, "ok") | unready,
            **self._counts.as_dict(),
        }

    # ---- the end

    def _end(self, claims: list[threading.Thread], delivers: list[threading.Thread]) -> None:
        """What is under way may come to its end; the rest is given back."""
        self._stopping.set()
        self._end_claims(claims)
        self._pool.withdraw()
        grace = min(self._options.grace, self._options.lease / 2)
        until = time.monotonic() + grace
        while time.monotonic() < until and self._failure is None and self._signals < 2:
            if self._hand.wait_until_empty(0.1):
                break
        for each in self._deliverers:
            each.release_failures()
        if len(self._hand):
            self._registry.close()
            self._hand.wait_until_empty(_LAST_CALL)
        self._delivering.clear()
        for each in self._deliverers:
            each.stop()
        for _ in delivers:
            self._pool.wake()
        for thread in delivers:
            thread.join(_LAST_CALL)
        if len(self._hand) and not any(thread.is_alive() for thread in delivers):
            try:
                self._deliverers[0].release_rest()
            except (psycopg.Error, Stopped) as error:
                self._log.warning(
                    "left to the end of their lease", rows=len(self._hand), error=str(error)
                )
        self._pool.close()
        for session in (*self._ins, *(each.session for each in self._deliverers)):
            session.close()

    def _end_claims(self, claims: list[threading.Thread]) -> None:
        """What a claim under way brings is ours to give back; one that takes long is undone."""
        self._claimer.stop()
        for assistant in self._assistants:
            assistant.stop()
        until = time.monotonic() + _LAST_CALL
        for thread, session in zip(claims, self._ins, strict=True):
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                session.cancel()
                thread.join(_LAST_CALL)

    def _on_signal(self, *_: object) -> None:
        # no more than that: whatever it interrupts may hold a lock
        self._signals += 1

    def _claim(self) -> None:
        self._claimer.run()
        self._stopping.set()

    # ---- threads

    def _start(self, work: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=self._guarded(work), name=name, daemon=True)
        thread.start()
        return thread

    def _guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        @functools.wraps(work)
        def run() -> None:
            try:
                work()
            except BaseException as error:
                # Nobody can go on without it: the end, and whoever watches starts us again.
                self._failure = error
                self._stopping.set()
                if not isinstance(error, psycopg.Error | UnknownModel):
                    raise

        return run

    def _taker(self, session: Session, backlog: Backlog) -> Taker:
        return Taker(
            options=self._options,
            session=session,
            registry=self._registry,
            pool=self._pool,
            hand=self._hand,
            backlog=backlog,
            counts=self._counts,
            log=self._log,
        )

    def _may_reconnect(self) -> bool:
        if self._stopping.is_set():
            return False
        since = self._in.failing_since
        if self._options.once and since is not None:
            limit = _GIVE_UP if self._in.answered_at else _GIVE_UP_FIRST
            self._has_given_up = time.monotonic() - since > limit
        return not self._has_given_up

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def _out_problem(self) -> str | None:
        sessions = [each.session for each in self._deliverers]
        return next((each.problem for each in sessions if each.failing_since is not None), None)

    def _local(self) -> Callable[[Model], Provider] | None:
        encoder = self._encoder
        if encoder is None:
            return None
        return lambda model: local.LocalProvider(model, encoder)

    # ---- for people

    def _show(self) -> None:
        """How far it is."""
        seconds = time.monotonic() - self._began
        counts = self._counts.as_dict()
        self._log.status(
            f"{counts['embedded']} rows embedded, {len(self._hand)} in hand, "
            f"{counts['texts'] / seconds:.0f} texts/s"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do what it says."""
    options = parse(sys.argv[1:] if arguments is None else arguments, os.environ)
    log = Log(options.log_format, options.log_level)
    try:
        for dsn in (options.dsn, options.listen or ""):
            check(dsn)
        return Worker(options, log).run()
    except (local.LocalProblem, Malformed, OSError) as error:
        log.error("cannot start", error=str(error))
        return 2
