"""Wakes the claimer when somebody says that there is something to do."""

from __future__ import annotations

import threading

import psycopg

from steward_worker.database import connect
from steward_worker.hand import Hand
from steward_worker.log import Log

_LOOK_EVERY = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


def listen(dsn: str, hand: Hand, log: Log, stopping: threading.Event) -> None:
    """Until stopping is set; the connection is made anew when it is lost.

    This is the only thing for which a session is kept.  Without it the worker polls, and finds the
    same a little later.
    """
    pause = _FIRST_PAUSE
    while not stopping.is_set():
        try:
            with connect(dsn) as connection:
                connection.execute("listen steward")
                log.info("listening")
                pause = _FIRST_PAUSE
                hand.wake()
                while not stopping.is_set():
                    for _ in connection.notifies(timeout=_LOOK_EVERY, stop_after=1):
                        hand.wake()
        except psycopg.Error as error:
            log.warning("not listening", error=" ".join(str(error).split()), retry_in=pause)
            stopping.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
