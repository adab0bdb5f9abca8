"""Connections that come back: however often the server goes away, and for as long as it takes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict

from steward_worker.log import Log

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0
_CONNECT_SECONDS = 10
# A server that is gone without a word is noticed within a minute or so, not after two hours.
_KEEPALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_CANCEL_SECONDS = 1.0
# Serialization failure, deadlock, lock not available, cancelled; too little memory, disk or
# connections; shutting down or starting up: the statement is sound, only the moment is not.
_OF_MOMENT = ("40001", "40P01", "55P03", "57014", "53", "57P", "58")

Row = tuple[Any, ...]


class Stopped(Exception):
    """The worker shall end, and the statement was not run."""


class Malformed(Exception):
    """No server was ever asked: the words for it are wrong."""


def check(dsn: str) -> None:
    """Raise ``Malformed`` if no connection can be made with it, wherever the server is."""
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        # What follows a colon is the text itself, perhaps with a password in it.
        reason = str(error).strip().partition(': "')[0]
        raise Malformed(f"the connection string is malformed: {reason}") from None


def is_of_moment(error: psycopg.Error) -> bool:
    """Whether the same statement may well succeed in a moment."""
    return error.sqlstate is not None and error.sqlstate.startswith(_OF_MOMENT)


def connect(dsn: str) -> psycopg.Connection[Row]:
    """A connection with nothing in it that a pooler in transaction mode cannot keep."""
    options: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "fallback_application_name": "steward-worker",
        **_KEEPALIVE,
        **conninfo_to_dict(dsn),
    }
    return psycopg.connect(autocommit=True, prepare_threshold=None, **options)


class Session:
    """A connection of one thread, made anew when it is lost."""

    def __init__(
        self, dsn: str, log: Log, may_go_on: Callable[[], bool], wait: Callable[[float], object]
    ) -> None:
        """``may_go_on``: whether a lost connection is to be made again; ``wait``: pauses."""
        self._dsn = dsn
        self._log = log
        self._may_go_on = may_go_on
        self._wait = wait
        self._connection: psycopg.Connection[Row] | None = None
        # when it was last answered, what is wrong since, and when that began
        self.answered_at = 0.0
        self.failing_since: float | None = None
        self.problem: str | None = "not connected yet"

    def run(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of a statement, however long that takes.

        It is run again when the connection was lost in the middle of it: all statements of the
        protocol bear that.  Raises what is wrong with the statement, and ``Stopped``.
        """
        pause = _FIRST_PAUSE
        self.failing_since = None
        while True:
            began = time.monotonic()
            try:
                rows = self._once(statement, parameters)
            except psycopg.Error as error:
                absent = self._connection is None
                lost = self._connection is None or self._connection.closed
                if not lost and not is_of_moment(error):
                    self.problem = _said(error)
                    raise
                if self.problem != _said(error):
                    self.problem = _said(error)
                    event = "connection lost" if lost else "statement put off"
                    self._log.warning("cannot connect" if absent else event, error=self.problem)
                if lost:
                    self.close()
                if self.failing_since is None:
                    # A statement that ran for long before has not failed for long.
                    self.failing_since = began if absent else time.monotonic()
                if not self._may_go_on():
                    raise Stopped from error
                self._wait(pause * (1 + random.random() / 5))  # noqa: S311  no secret
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                if self.problem is not None:
                    self._log.info("connected")
                self.problem = self.failing_since = None
                self.answered_at = time.monotonic()
                return rows

    def open(self) -> None:
        """Connect, unless it is connected; otherwise like ``run``."""
        if self._connection is None:
            self.run("select")

    def cancel(self) -> None:
        """From another thread: end the statement under way, if there is one."""
        connection = self._connection
        if connection is not None:
            try:
                connection.cancel_safe(timeout=_CANCEL_SECONDS)
            except psycopg.Error as error:
                self._log.warning("statement cannot be cancelled", error=_said(error))

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _once(self, statement: LiteralString, parameters: Sequence[Any]) -> list[Row]:
        if self._connection is None:
            self._connection = connect(self._dsn)
        cursor = self._connection.execute(statement, parameters, binary=True)
        return cursor.fetchall()


def _said(error: psycopg.Error) -> str:
    """In one line; a failed connection has no field for it."""
    text = error.diag.message_primary or str(error)
    return " ".join(text.split())[:500]
