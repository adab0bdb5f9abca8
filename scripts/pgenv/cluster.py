"""Servers: each with its own data directory and its own socket, and no network port."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from .home import (
    PLAIN_PATH,
    REPO,
    Problem,
    give_to_server,
    home,
    locked,
    make_folder,
    outside,
    run_as_server,
    say,
    server_user,
)
from .postgres import Postgres, find

# Not a network port, only the ending of the socket's name. Sockets of different clusters are in
# different folders, so the number can be the same everywhere.
PORT = 5432
USER = "postgres"
NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")
LONGEST_SOCKET = 100
SHORT = Path("/tmp")  # noqa: S108  only mkdtemp makes folders there

DEFAULTS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "shared_preload_libraries": "pg_cron",
    "cron.database_name": "postgres",
    "cron.use_background_workers": "on",
    "max_worker_processes": "20",
    "max_prepared_transactions": "10",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Cluster:
    """A server of our own, running or not."""

    user = USER
    port = PORT

    def __init__(self, postgres: Postgres, folder: Path) -> None:
        self.postgres = postgres
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"

    def __repr__(self) -> str:
        return f"<Cluster {self.folder.name}>"

    # Making and finding ---------------------------------------------------------------------

    @classmethod
    def named(cls, name: str, postgres: Postgres) -> Cluster:
        """The lasting cluster of that name and version; it may not exist yet."""
        if not NAME.fullmatch(name) or name == "tmp":
            raise Problem(f"{name!r} cannot name a cluster: use a-z, 0-9 and _, at most 24.")
        return cls(postgres, _clusters() / f"{name}-{postgres.major}")

    @classmethod
    @contextlib.contextmanager
    def ephemeral(
        cls,
        pg: int | str | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        start: bool = True,
    ) -> Iterator[Cluster]:
        """A cluster that is gone afterwards, at the latest when the next one is made."""
        cluster = cls(find(pg), _clusters() / f"tmp-{secrets.token_hex(4)}")
        with contextlib.ExitStack() as stack:
            with locked(_clusters() / ".lock"):
                _remove_abandoned()
                make_folder(cluster.folder)
                # Held while we live: whoever gets this lock knows that the cluster is abandoned.
                owner = stack.enter_context((cluster.folder / "owner").open("w"))
                fcntl.flock(owner, fcntl.LOCK_EX)
            maker = os.getpid()

            def destroy() -> None:
                if os.getpid() == maker:
                    cluster.destroy()

            atexit.register(destroy)
            stack.callback(atexit.unregister, destroy)
            stack.callback(destroy)
            cluster.create(NOT_DURABLE | dict(settings or {}))
            if start:
                cluster.start()
            yield cluster

    def create(self, settings: Mapping[str, str] | None = None) -> None:
        """Make the data directory, unless there is one; settings override our defaults."""
        make_folder(self.folder)
        with locked(self.folder / "lock"):
            if not self.exists():
                self._create(settings or {})

    def _create(self, settings: Mapping[str, str]) -> None:
        give_to_server(self.folder)
        copy = self.folder / "data.new"
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", _template(self.postgres), copy], check=True)
        lines = DEFAULTS | dict(settings)
        config = copy / "steward.conf"
        config.write_text(
            "".join(f"{key} = {_quoted(value)}\n" for key, value in lines.items()),
            encoding="utf-8",
        )
        give_to_server(config)
        copy.rename(self.data)

    def exists(self) -> bool:
        """Whether it has been created."""
        return (self.data / "PG_VERSION").exists()

    def _make_socket_dir(self) -> None:
        """Make a folder for the socket whose path is short enough; ``socket`` leads to it."""
        link = self.folder / "socket"
        if link.is_dir() and link.stat().st_uid == server_user().uid:
            return
        if link.is_symlink():  # /tmp was emptied
            link.unlink()
        if len(os.fsencode(link / f".s.PGSQL.{PORT}.lock")) > LONGEST_SOCKET:
            short = Path(tempfile.mkdtemp(prefix="steward-", dir=SHORT))
            give_to_server(short)
            link.symlink_to(short)
        else:
            link.mkdir(mode=0o700)
            give_to_server(link)

    # Using ----------------------------------------------------------------------------------

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket: what clients take as the host."""
        return (self.folder / "socket").resolve()

    def bin(self, program: str) -> str:
        """The path of a program of the cluster's version, such as psql or pg_dump."""
        return self.postgres.bin(program)

    def dsn(self, dbname: str = "postgres", user: str = USER) -> str:
        """A connection string."""
        parts = {"host": str(self.socket_dir), "port": str(PORT), "user": user, "dbname": dbname}
        return " ".join(
            f"{key}={value if PLAIN_PATH.fullmatch(value) else _quoted(value)}"
            for key, value in parts.items()
        )

    def env(self, dbname: str = "postgres") -> dict[str, str]:
        """An environment in which psql and its relatives reach this cluster by themselves."""
        return _clean_environment() | {
            "PGHOST": str(self.socket_dir),
            "PGPORT": str(PORT),
            "PGUSER": USER,
            "PGDATABASE": dbname,
        }

    # Running --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the server and wait until it answers; nothing to do if it runs."""
        with locked(self.folder / "lock"):
            if self.pid() is None:
                self._start()

    def _start(self) -> None:
        self._make_socket_dir()
        where = ("--log", str(self.log), "--options", f"-k {self.socket_dir}")
        done = self._pg_ctl("start", *where, "--wait", "--timeout=120")
        if done.returncode:
            with contextlib.suppress(OSError):
                lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
                for line in lines[-10:]:
                    say(f"    {line}")
            raise Problem(f"the server did not start; see {self.log}. {done.stdout.strip()}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server and wait until it is gone; nothing to do if it does not run."""
        if self.pid() is None:
            return
        done = self._pg_ctl("stop", f"--mode={mode}", "--wait", "--timeout=120")
        if done.returncode and self.pid() is not None:
            raise Problem(f"the server did not stop; see {self.log}. {done.stdout.strip()}")

    def kill9(self) -> None:
        """Kill every process of the server at once, as a crash would."""
        if (postmaster := self.pid()) is None:
            return
        _kill(postmaster)
        # In a container the first process may be slow to collect the dead, and a restart would
        # take the zombie for a running server.
        for lock in (self.data / "postmaster.pid", self.socket_dir / f".s.PGSQL.{PORT}.lock"):
            lock.unlink(missing_ok=True)

    def destroy(self) -> None:
        """Stop the server and remove all that belongs to it."""
        _discard(self.folder)

    def pid(self) -> int | None:
        """The server's process; None if it does not run."""
        return _postmaster(self.data)

    def _pg_ctl(self, action: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self.bin("pg_ctl"), action, "--silent", "--pgdata", str(self.data), *arguments]
        return run_as_server(command, self.folder, _server_environment(self.folder))


def existing(name: str | None = None) -> list[Cluster]:
    """The lasting clusters that exist, of one name or of all."""
    found = []
    for folder in sorted(_clusters().iterdir()):
        stem, _, major = folder.name.rpartition("-")
        if stem != "tmp" and major.isdigit() and (name is None or stem == name):
            with contextlib.suppress(Problem):
                cluster = Cluster(find(major), folder)
                if cluster.exists():
                    found.append(cluster)
    return found


def clean() -> None:
    """Stop all our clusters and remove everything that we ever generated."""
    link = REPO / ".steward"
    if link.is_symlink():
        link.unlink()
    for base in (link, outside()):
        if base.is_dir() and not base.is_symlink():
            for data in base.glob("clusters/*/data"):
                _discard(data.parent)
            shutil.rmtree(base)


# Details ----------------------------------------------------------------------------------------


def _clusters() -> Path:
    return make_folder(home() / "clusters")


def _remove_abandoned() -> None:
    """Remove the ephemeral clusters whose makers are gone."""
    for folder in _clusters().glob("tmp-*"):
        with contextlib.suppress(OSError), (folder / "owner").open("a") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _discard(folder)


def _discard(folder: Path) -> None:
    """Remove a cluster; its server, if it runs, is told to stop at once."""
    if (postmaster := _postmaster(folder / "data")) is not None:
        # An immediate shutdown: unlike when killed, the server gives back its shared memory.
        os.kill(postmaster, signal.SIGQUIT)
        patience = time.monotonic() + 15
        while _is_alive(postmaster):
            if time.monotonic() > patience:
                _kill(postmaster)
            time.sleep(0.01)
    link = folder / "socket"
    if link.is_symlink():
        target = link.readlink()
        if target.parent == SHORT and target.name.startswith("steward-"):
            shutil.rmtree(target, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _template(postgres: Postgres) -> Path:
    """The initialised data directory that new clusters are copied from."""
    folder = make_folder(home() / "pg" / str(postgres.major))
    template, stamp = folder / "template", folder / "template.stamp"
    expected = f"1 {postgres.bindir} {server_user().uid}"
    with locked(folder / "template.lock"):
        if template.is_dir() and stamp.exists() and stamp.read_text() == expected:
            return template
        stamp.unlink(missing_ok=True)
        shutil.rmtree(template, ignore_errors=True)
        template.mkdir(mode=0o700)
        give_to_server(template)
        where = ("--pgdata", str(template), "--username", USER)
        how = ("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        command = [postgres.bin("initdb"), *where, *how]
        done = run_as_server(command, template, _server_environment(template))
        if done.returncode:
            raise Problem(f"initdb failed: {done.stdout.strip()}")
        with (template / "postgresql.conf").open("a", encoding="utf-8") as config:
            config.write("\ninclude 'steward.conf'\n")
        stamp.write_text(expected)
        return template


def _clean_environment() -> dict[str, str]:
    """Our environment without what would point PostgreSQL or Python elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "PYTHON", "LD_LIBRARY_PATH"))
    }


def _server_environment(folder: Path) -> dict[str, str]:
    names = ("PATH", "TMPDIR", "http_proxy", "https_proxy", "no_proxy")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return kept | {"HOME": str(folder), "LC_ALL": "C.UTF-8", "USER": USER}


def _quoted(value: str) -> str:
    """Quote a value for postgresql.conf or a connection string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _postmaster(data: Path) -> int | None:
    """The process of the server that runs on a data directory, if any."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        # A server's working directory is its data directory: not a stranger with that number.
        return pid if Path(f"/proc/{pid}/cwd").samefile(data) else None
    except (OSError, ValueError):
        return None


def _kill(postmaster: int) -> None:
    """Kill a server with all its processes, and wait until they are dead."""
    # The first is halted first and dies last, so that no process of it can react.
    with contextlib.suppress(ProcessLookupError):
        os.kill(postmaster, signal.SIGSTOP)
    doomed = [*_children(postmaster), postmaster]
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while any(_is_alive(pid) for pid in doomed):
        time.sleep(0.01)


def _children(parent: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(status.parent.name))
    return found


def _is_alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] != "Z"
