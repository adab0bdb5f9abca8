"""What several tests need: a database to talk to, and psql."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row, tuple_row

from pgenv import Cluster, find

ROOT = Path(__file__).resolve().parent.parent
INSTALL = ROOT / "sql" / "install.sql"
UNINSTALL = ROOT / "sql" / "uninstall.sql"
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()


class Kept(threading.local):
    """The sessions of a thread that are used again, by user."""

    def __init__(self) -> None:
        self.of: dict[str, psycopg.Connection[Any]] = {}


@dataclass(frozen=True)
class Database:
    """One database of a cluster, with the ways in which tests use it."""

    cluster: Cluster
    name: str
    kept: Kept = field(default_factory=Kept, compare=False, repr=False)

    def connect(
        self, user: str = "postgres", *, autocommit: bool = True
    ) -> psycopg.Connection[Any]:
        """A session of its own; the caller closes it (it is a context manager)."""
        return psycopg.connect(self.cluster.dsn(self.name, user), autocommit=autocommit)

    def run(
        self, statement: str, *parameters: Any, user: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run one statement in a session that is kept for such; the rows, if it has any."""
        cursor = self.session(user).cursor(row_factory=tuple_row)
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def session(self, user: str = "postgres") -> psycopg.Connection[Any]:
        """The session of this thread; a new one when the server has ended it."""
        session = self.kept.of.get(user)
        # whatever there is to read from a session that waits for us is its end
        if session is None or session.closed or select.select([session], [], [], 0)[0]:
            session = self.kept.of[user] = self.connect(user)
            session.prepare_threshold = None
        return session

    def leave(self) -> None:
        """End the sessions that are kept: the next statement finds what a new one finds."""
        for session in self.kept.of.values():
            session.close()
        self.kept.of.clear()

    def value(self, statement: str, *parameters: Any, user: str = "postgres") -> Any:
        """The only value of the only row."""
        ((value,),) = self.run(statement, *parameters, user=user)
        return value

    def rows(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        cursor = self.session().cursor(row_factory=dict_row)
        return cursor.execute(statement, parameters).fetchall()

    def work(self) -> None:
        """Let the worker inside the database do all there is to do."""
        self.run("call steward.work(idle_seconds => 0)")

    def psql(
        self,
        *arguments: str | Path,
        stdin: str | None = None,
        check: bool = True,
        merge_stderr: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run psql on this database, without anybody's psqlrc."""
        return run_program(
            self.cluster,
            self.name,
            "psql",
            ["-X", *arguments],
            stdin=stdin,
            check=check,
            merge_stderr=merge_stderr,
        )


def kill_backend(db: Database, pid: int) -> None:
    """kill -9 of one backend: the server ends all sessions and begins anew; wait for both."""
    with db.connect() as witness:
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                witness.execute("select")
                time.sleep(0.01)
    until = time.monotonic() + 30
    while True:
        try:
            db.run("select")
            return
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def run_program(
    cluster: Cluster,
    dbname: str,
    program: str,
    arguments: Sequence[str | Path],
    *,
    stdin: str | None = None,
    check: bool = True,
    merge_stderr: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL's on a database; its output is in the exception if it fails."""
    done = subprocess.run(
        [cluster.bin(program), *map(str, arguments)],
        env=cluster.env(dbname) | {"LC_ALL": "C.UTF-8"},
        input=stdin if stdin is not None else "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge_stderr else subprocess.PIPE,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(
            f"{program} exited with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        )
    return done


def major() -> int:
    """The major version of the PostgreSQL that this run is about."""
    return find().major


def quote_name(name: str) -> str:
    """An identifier as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'
