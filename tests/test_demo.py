"""The demo runs, says what it should, and runs again."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pgenv import Cluster, find, home
from pgenv.home import locked
from support import ROOT

NUMBER_OF_RUNS = 2


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


def test_demo(name: str) -> None:
    """Twice, because the second run finds what the first one left."""
    for _ in range(NUMBER_OF_RUNS):
        done = subprocess.run(
            [sys.executable, "scripts/demo.py", "--name", name],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
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
            " steward: work      | t         | * * * * *  |",
            f"NAME={name}",
            "make clean",
        ):
            assert line in done.stdout, done.stdout
        assert "\x1b" not in done.stdout
        assert "\r" not in done.stdout
        assert "ERROR" not in done.stdout
        too_long = [line for line in done.stdout.splitlines() if len(line) > 100]
        assert not too_long

        # the text that was put in is found first, and not at all once its article is deleted
        found = re.findall(r"'a robot shouts.*?\(\d rows\)", done.stdout, re.DOTALL)
        first, second = (text.splitlines() for text in found)
        assert first[5].startswith(" A guide to backups |       4 |")
        assert not any("backups" in line for line in second[1:])


def test_demo_waits_for_another(name: str) -> None:
    """It would take the other one's database away."""
    folder = Cluster.named(name, find()).folder
    with locked(folder.with_name(f"{folder.name}.lock")):
        demo = subprocess.Popen(
            [sys.executable, "scripts/demo.py", "--name", name],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with demo:
            assert demo.stdout
            try:
                assert demo.stdout.readline() == "waiting for another run of the demo ...\n"
                assert not folder.exists()
            finally:
                demo.kill()
