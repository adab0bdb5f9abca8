"""The demo runs, says what it should, and runs again."""

from __future__ import annotations

import contextlib
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgenv import Cluster, find, home
from pgenv.home import locked
from support import ROOT


@pytest.fixture
def name() -> Iterator[str]:
    """A cluster that is nobody's."""
    name = f"demo_{secrets.token_hex(4)}"
    yield name
    subprocess.run(
        [sys.executable, "scripts/cluster.py", "destroy", "--name", name], cwd=ROOT, check=True
    )
    for lock in (home() / "clusters").glob(f"{name}-*.lock"):
        lock.unlink()


def start(name: str) -> subprocess.Popen[str]:
    """The demo, with nobody at a keyboard."""
    return subprocess.Popen(
        [sys.executable, "scripts/demo.py", "--name", name],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # What runs in the background ignores Ctrl-C, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def workers(name: str) -> list[int]:
    """The external workers that talk to that cluster."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            if b"steward-worker" in command and name.encode() in command:
                found.append(int(folder.name))
    return found


def test_demo(name: str) -> None:
    """Also after a run that was interrupted in the outage, and stopped what it had started."""
    with start(name) as demo:
        assert demo.stdout
        try:
            printed = ""
            while "Search goes on with the vectors" not in printed:
                line = demo.stdout.readline()
                assert line, printed
                printed += line
            assert workers(name), "the worker is not where this test looks for it"
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=60)
        finally:
            demo.kill()
        assert demo.returncode == 130
        assert workers(name) == []

    with start(name) as demo:
        printed, _ = demo.communicate()
    assert demo.returncode == 0, printed
    for line in (
        r"demo=# \i sql/install.sql",
        "demo=# select steward.track('articles', content => 'body', "
        "chunking => '{\"size\": 300}');",
        "36 of 36 articles fresh",
        # the edit: one job, one chunk embedded, four kept, one removed
        ' articles | {"id": 6} | pending |          1 |        0',
        "content changed |               1 |             4 |              1",
        # the comma
        "| skipped | what changed is not significant |               0 |               1",
        " articles |        35 |    35 |       0 |      0 |       0 |     39",
        # the outage: what is pending, and that nobody is charged
        "120 of 120 fresh,  0 pending, lag",
        " pending |   41 |       0 | the provider answered 503 Service Unavailable: overloaded",
        " warn   | its provider is away or wants a rest; tried again after",
        "121 of 121 fresh,  0 pending, lag",
        "           0 |        0",
        " steward: work      | t         | * * * * *  |",
        f"NAME={name}",
        "make clean",
    ):
        assert line in printed, printed
    assert "\x1b" not in printed
    assert "\r" not in printed
    assert "ERROR" not in printed
    assert not [line for line in printed.splitlines() if len(line) > 100]
    assert workers(name) == []

    # the text that was put in is found first, and not at all once its article is deleted
    first, second = results_of("'a robot shouts", printed)
    assert first[0].startswith(" A guide to backups |       4 |")
    assert not any("backups" in line for line in second)

    # what was written in the outage is found after it; what was there before, all the time
    before, meanwhile, after = results_of("'smoke comes out", printed)
    assert len(before) == 3
    assert meanwhile == before
    assert not any("mail room" in line for line in before)
    assert re.match(r' \{"id": 999\} \| +0.\d\d \| Smoke comes out of the printer in', after[0])


def results_of(query: str, printed: str) -> list[list[str]]:
    """The rows that each search for something has found, as psql prints them."""
    found = re.findall(rf"{query}.*?\n-[-+]+\n(.*?)\n\(\d+ rows?\)", printed, re.DOTALL)
    return [rows.splitlines() for rows in found]


def test_demo_waits_for_another(name: str) -> None:
    """It would take the other one's database away."""
    folder = Cluster.named(name, find()).folder
    with locked(folder.with_name(f"{folder.name}.lock")), start(name) as demo:
        assert demo.stdout
        try:
            assert demo.stdout.readline() == "waiting for another run of the demo ...\n"
            assert not folder.exists()
        finally:
            demo.kill()
