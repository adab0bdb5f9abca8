"""The external worker through pgbouncer, which gives each transaction another session."""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

import test_external_worker
from pgenv.home import give_to_server, home, locked, make_folder, server_user
from provider import Provider
from support import Database
from test_external_worker import Start, add_model, add_rows, add_table, eventually, fresh, is_sound

provider = test_external_worker.provider
start = test_external_worker.start

PACKAGES = ("pgbouncer", "libevent-2.1-7", "libevent-2.1-7t64", "libc-ares2", "libcares2")
PORT = 6432


@dataclass(frozen=True)
class Pooler:
    """A pgbouncer in front of the server, in transaction mode, with few sessions."""

    folder: Path

    def dsn(self, name: str) -> str:
        """A database through it."""
        return f"host={self.folder} port={PORT} user=postgres dbname={name}"


def find_pgbouncer() -> tuple[str, dict[str, str]]:
    """The program, from Debian's package if need be, and what its environment needs."""
    found = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
    if found:
        return found, {}
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip("there is no pgbouncer")
    folder = make_folder(home() / "pgbouncer")
    with locked(folder.with_suffix(".lock")):
        downloads = make_folder(folder / "download")
        if not list(downloads.glob("pgbouncer*.deb")):
            # The libraries have other names in other releases.
            for package in reversed(PACKAGES):
                subprocess.run(
                    ["apt-get", "-q", "download", package],
                    cwd=downloads, capture_output=True, check=False, timeout=120,
                )  # fmt: skip
            for archive in downloads.glob("*.deb"):
                subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True)
    programs = list(folder.glob("usr/sbin/pgbouncer"))
    if not programs:
        pytest.skip("pgbouncer is neither installed nor to be had from Debian")
    libraries = folder / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
    return str(programs[0]), {"LD_LIBRARY_PATH": str(libraries)}


@pytest.fixture
def pooler(db: Database) -> Iterator[Pooler]:
    """One of our own."""
    program, environment = find_pgbouncer()
    # pgbouncer does not run as root, and must reach its folder
    folder = Path(tempfile.mkdtemp(prefix="steward-"))
    config = folder / "pgbouncer.ini"
    config.write_text(
        "[databases]\n"
        f"* = host={db.cluster.socket_dir} port={db.cluster.port} user=postgres\n"
        "[pgbouncer]\n"
        f"unix_socket_dir = {folder}\nlisten_port = {PORT}\nlisten_addr =\n"
        "auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n"
        "ignore_startup_parameters = extra_float_digits\n",
        encoding="utf-8",
    )
    give_to_server(folder)
    user = server_user()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, str(config)],
            env=environment,
            stdout=log,
            stderr=log,
            user=user.uid if user.drop else None,
            group=user.gid if user.drop else None,
            extra_groups=[] if user.drop else None,
        )
    try:
        eventually((folder / f".s.PGSQL.{PORT}").exists, "pgbouncer's start")
        yield Pooler(folder)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def backend(connection: psycopg.Connection[tuple[int]]) -> int:
    """Which session of the server a transaction is in."""
    ((pid,),) = connection.execute("select pg_backend_pid()").fetchall()
    return pid


def test_worker_through_a_pooler(
    db: Database, provider: Provider, start: Start, pooler: Pooler
) -> None:
    """Rows are claimed in one session and stored from another; others are in between."""
    add_model(db, provider, batch_inputs=10)
    provider.latency = 0.01
    add_table(db, 300)
    with psycopg.connect(pooler.dsn(db.name), autocommit=True, prepare_threshold=None) as other:
        worker = start("--batch", "30", dsn=pooler.dsn(db.name))
        seen = set()

        def is_done() -> bool:
            seen.add(backend(other))
            return fresh(db) == 300

        eventually(is_done)
        # proof that sessions are passed around
        assert len(seen) > 1
        add_rows(db, 301, 310)
        eventually(lambda: fresh(db) == 310)
    assert is_sound(db)
    assert len(set(provider.texts)) == len(provider.texts)
    assert worker.stop() == 0
    assert worker.told("ended")[0]["stale"] == 0


def test_notifications_go_around_the_pooler(
    db: Database, provider: Provider, start: Start, pooler: Pooler
) -> None:
    """--listen with a connection to the server itself."""
    add_model(db, provider)
    db.run("create table docs (id integer primary key, body text)")
    db.run("select steward.track('docs', content => 'body', model => 'remote@1', notify => true)")
    worker = start(
        *("--listen", db.cluster.dsn(db.name), "--poll-min", "30s", "--poll-max", "30s"),
        dsn=pooler.dsn(db.name),
    )
    eventually(lambda: worker.told("listening"))
    time.sleep(0.5)
    add_rows(db, 1, 1)
    began = time.monotonic()
    eventually(lambda: fresh(db) == 1)
    assert time.monotonic() - began < 10
