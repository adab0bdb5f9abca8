"""Where the story of the demo is told: a terminal or a file, and the psql that it talks through."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import TracebackType

from pgenv import Cluster

ROOT = Path(__file__).resolve().parent.parent
DBNAME = "demo"
BAR_WIDTH = 30
POLL_SECONDS = 0.03
# how often a line that moves in a terminal is printed anew where lines cannot move
LINE_SECONDS = 0.5


class Failed(Exception):
    """A statement of the story failed; its error message has been printed."""


class Terminal:
    """Where the story is told."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        plain = "NO_COLOR" in os.environ or os.environ.get("TERM", "dumb") == "dumb"
        self.bold, self.normal = (
            ("\x1b[1m", "\x1b[0m") if self.is_terminal and not plain else ("", "")
        )
        self._shown = ""
        self._shown_at = float("-inf")

    def write(self, text: str = "") -> None:
        """Print a line or several."""
        print(text, flush=True)

    def tell(self, text: str) -> None:
        """Say what comes next, as a comment of SQL."""
        self.write()
        for line in textwrap.wrap(" ".join(text.split()), 92):
            self.write(f"-- {line}")

    def typed(self, statement: str) -> None:
        """A statement as it looks when a person has typed it into psql."""
        first, *rest = statement.splitlines()
        self.write(f"{DBNAME}=# {self.bold}{first}{self.normal}")
        for line in rest:
            self.write(f"{DBNAME}-# {self.bold}{line}{self.normal}")

    def command(self, line: str) -> None:
        """A command of the shell, likewise."""
        self.write(f"$ {self.bold}{line}{self.normal}")

    def progress(self, done: int, total: int, rest: str, *, is_last: bool) -> None:
        """How far it is: one line that moves in a terminal, otherwise a line now and then."""
        filled = BAR_WIDTH * done // total if total else 0
        line = f"    [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {done:2} of {total} {rest}"
        now = time.monotonic()
        if self.is_terminal:
            print(f"\r{line.ljust(len(self._shown))}", end="\n" if is_last else "", flush=True)
        elif is_last or (line != self._shown and now - self._shown_at >= LINE_SECONDS):
            self.write(line)
            self._shown_at = now
        self._shown = "" if is_last else line


class Story:
    """A database, and the psql that talks to it."""

    def __init__(self, cluster: Cluster, terminal: Terminal) -> None:
        self.cluster = cluster
        self.terminal = terminal
        self.env = cluster.env(DBNAME) | {"LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8"}
        self.psql = [cluster.bin("psql"), "-X", "-P", "pager=off", "-v", "ON_ERROR_STOP=1"]

    def show(self, statement: str) -> None:
        """Print a statement, run it, and print what psql prints."""
        statement = textwrap.dedent(statement).strip()
        self.terminal.typed(statement)
        done = subprocess.run(
            [*self.psql, "-c", statement],
            env=self.env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        self.terminal.write(done.stdout.decode(errors="replace").rstrip("\n"))
        if done.returncode:
            raise Failed

    def show_work(self) -> None:
        """Run the worker in a session of its own, and watch from here how it gets on."""
        statement = "call steward.work(batch => 3, idle_seconds => 0);"
        self.terminal.typed(statement)
        worker = subprocess.Popen(
            [*self.psql, "-q", "-c", statement], env=self.env, stdin=subprocess.DEVNULL
        )
        try:
            while True:
                # Asked before the look, so that there is one more look after its end.
                ended = worker.poll() is not None
                done, total, chunks = self._freshness()
                rest = f"articles fresh, {chunks:2} chunks"
                self.terminal.progress(done, total, rest, is_last=ended)
                if ended:
                    break
                time.sleep(POLL_SECONDS)
        finally:
            worker.terminate()
            worker.wait()
        if worker.returncode:
            raise Failed
        if done != total:
            self.terminal.write(f"error: only {done} of {total} articles are fresh")
            raise Failed
        self.terminal.write("CALL")

    def _freshness(self) -> tuple[int, int, int]:
        query = "select fresh, documents, chunks from steward.freshness"
        printed = subprocess.run(
            [*self.psql, "-q", "-A", "-t", "-F", " ", "-c", query],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
        )
        fresh, documents, chunks = (int(number) for number in printed.stdout.split())
        return fresh, documents, chunks


class Session:
    """A psql that stays, and with it what its session remembers."""

    END = "-- that was all"

    def __init__(self, story: Story) -> None:
        self._terminal = story.terminal
        self._process = subprocess.Popen(
            story.psql,
            env=story.env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def show(self, statement: str) -> None:
        """Print a statement, run it, and print what psql prints."""
        statement = textwrap.dedent(statement).strip()
        self._terminal.typed(statement)
        assert self._process.stdin  # noqa: S101  it is a pipe
        assert self._process.stdout  # noqa: S101
        self._process.stdin.write(f"{statement}\n\\echo '{self.END}'\n")
        self._process.stdin.flush()
        printed = []
        for line in self._process.stdout:
            if line.rstrip("\n") == self.END:
                break
            printed.append(line)
        self._terminal.write("".join(printed).rstrip("\n"))
        if self._process.poll() is not None or not printed:
            # psql ends at the first error
            raise Failed
