"""The external worker: a real process, a real server and a provider that does everything wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import provider as stand_in
from provider import Provider
from support import ROOT, Database

PATIENCE = 30.0


class Process:
    """A worker that runs until it is stopped; what it logs is kept."""

    def __init__(
        self, db: Database, *arguments: str, dsn: str | None = None, **environment: str
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self.raw: list[str] = []
        command = [
            *(sys.executable, str(ROOT / "scripts" / "steward-worker")),
            *("--dsn", dsn or db.cluster.dsn(db.name), "--log-level", "debug"),
            *("--log-format", "json", "--no-progress", *arguments),
        ]
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "STEWARD_"))
        }
        self.process = subprocess.Popen(
            command, env=kept | environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.raw.append(line.decode())
            if line.startswith(b"{"):
                self.events.append(json.loads(line))

    def told(self, event: str) -> list[dict[str, Any]]:
        """The events of a name."""
        return [each for each in list(self.events) if each["event"] == event]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; the exit status."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status


Start = Callable[..., Process]


@pytest.fixture
def start(db: Database) -> Iterator[Start]:
    """Start workers; they are killed at the end of the test."""
    started: list[Process] = []

    def begin(*arguments: str, **environment: Any) -> Process:
        started.append(Process(db, *arguments, **environment))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.wait()


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that answers as it should, until a test says otherwise."""
    with Provider() as provider:
        yield provider


def eventually(holds: Callable[[], object], what: str = "it") -> None:
    """Wait until something holds."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, f"{what} did not happen in time"
        time.sleep(0.01)


def add_model(db: Database, provider: Provider, name: str = "remote@1", **options: Any) -> None:
    """A model that the stand-in makes the vectors of."""
    given = {"endpoint": provider.url + "/v1", "timeout": "2 seconds"} | options
    named = "".join(f", {option} => %s" for option in given)
    db.run(
        f"select steward.add_model(%s, dimensions => 256, provider => 'openai'{named})",
        name,
        *given.values(),
    )


def add_table(db: Database, rows: int, name: str = "docs", model: str = "remote@1") -> None:
    """A tracked table with rows that are to be embedded."""
    db.run(f"create table {name} (id integer primary key, body text)")
    db.run(f"select steward.track('{name}', content => 'body', model => '{model}')")
    add_rows(db, 1, rows, name)


def add_rows(db: Database, first: int, last: int, name: str = "docs") -> None:
    """More of them."""
    db.run(
        f"insert into {name} select n, 'This is text {name} number ' || n "
        f"from generate_series({first}, {last}) as n"
    )


def fresh(db: Database, name: str = "docs") -> int:
    """How many rows are embedded as they are."""
    return int(
        db.value("select fresh from steward.freshness where source = %s::regclass", name) or 0
    )


def is_sound(db: Database, name: str = "docs") -> bool:
    """Whether every row has the chunks of its text, and nothing else is there."""
    return db.run(f"select * from steward.verify('{name}')") == []


def charged(db: Database) -> int:
    """How many rows have lost an attempt."""
    return int(db.value("select count(*) from steward.jobs where attempts > 0"))


def claims(db: Database) -> int:
    """How many rows are claimed."""
    return int(db.value("select count(*) from steward_private.claim"))


def hurry(db: Database) -> None:
    """Let all pauses of spaces and jobs be over, but those until resume()."""
    db.run("update steward_private.space set paused_until = now() where paused_until < 'infinity'")
    for (table,) in db.run("select job_table::text from steward_private.space"):
        db.run(f"update {table} set available_at = now() where available_at is not null")


# ---- the ordinary


def test_once_embeds_what_there_is_and_ends(
    db: Database, provider: Provider, start: Start
) -> None:
    """All rows, each text once, and exit status 0."""
    add_model(db, provider)
    add_table(db, 250)
    worker = start("--once")
    assert worker.wait() == 0
    assert fresh(db) == 250
    assert is_sound(db)
    assert sorted(set(provider.texts)) == sorted(provider.texts)
    (ended,) = worker.told("ended")
    assert (ended["claimed"], ended["embedded"], ended["failed"]) == (250, 250, 0)


def test_commit_is_soon_searchable(db: Database, provider: Provider, start: Start) -> None:
    """An edit is found by its new text, without anybody doing anything."""
    add_model(db, provider)
    add_table(db, 3)
    worker = start("--poll-max", "50ms")
    eventually(lambda: fresh(db) == 3)
    db.run("update docs set body = 'Entirely different words here' where id = 2")
    eventually(lambda: fresh(db) == 3 and is_sound(db))
    assert db.value("select chunk from steward.search_vector('docs', %s, 1)", _vector(
        "Entirely different words here")) == "Entirely different words here"
    assert worker.stop() == 0


def _vector(text: str) -> str:
    from steward_py import hashing_model

    return hashing_model.as_pgvector(hashing_model.embed(text))
