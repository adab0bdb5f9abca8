"""What the worker says, one event a line: as JSON for programs, or as text for people."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime
from typing import Any, TextIO

_RANKS = {"debug": 0, "info": 1, "warning": 2, "error": 3}


class Log:
    """For any number of threads."""

    def __init__(
        self, form: str = "json", level: str = "info", stream: TextIO | None = None
    ) -> None:
        self._form = form
        self._rank = _RANKS[level]
        self._stream = stream or sys.stderr
        self._lock = threading.Lock()
        self._line = ""

    def debug(self, event: str, **fields: object) -> None:
        """What only somebody who looks for a fault wants to know."""
        self._say("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """What happened as it should."""
        self._say("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """What went wrong and is being dealt with."""
        self._say("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """What somebody has to mend."""
        self._say("error", event, fields)

    def status(self, line: str) -> None:
        """A line at the bottom of a terminal, in place of the one before."""
        with self._lock:
            self._write(line.ljust(len(self._line)), end="\r")
            self._line = line

    def _say(self, level: str, event: str, fields: dict[str, Any]) -> None:
        if _RANKS[level] < self._rank:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        if self._form == "json":
            line = json.dumps({"time": now, "level": level, "event": event, **fields}, default=str)
        else:
            told = "".join(f" {name}={value}" for name, value in fields.items())
            line = f"{now} {level}: {event}{told}".replace("\n", " ")
        with self._lock:
            self._write(line.ljust(len(self._line)))
            if self._line:
                self._write(self._line, end="\r")

    def _write(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._stream, flush=True)
