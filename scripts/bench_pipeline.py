#!/usr/bin/env python3
"""Measure the way from commit to searchable, net of the provider.

    make bench-pipeline OLD=docs-1.jsonl.gz NEW=docs-2.jsonl.gz    also beside pgai, on real texts
    make bench-pipeline                                            without texts: the rest
    make bench-pipeline ARGS='--quick'                             less than two minutes

1. Throughput with a provider on loopback that takes no time, beside pgai's worker, each through
   Ollama's protocol, with vectors of the same size and chunks of the same size: all documents of
   OLD, and then what it takes to follow to NEW. OLD and NEW have a line {"path": ..., "content":
   ...} for each document. A worker's start, measured with nothing to do, is subtracted. pgai gets
   several settings, and the quickest counts.
2. Freshness: edits at a steady pace, and how long after its commit each is in the table that
   search reads; with a provider that takes no time and with one that takes 100 ms.
3. A provider that takes so many requests a second, and of these some at once or only one: how long
   it takes to drain a queue, beside how long that limit itself dictates.

Everything runs on this machine: the server, the provider and the worker share its cores. Commits
are durable. The last line has all figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench_command import parser_of, run_bench
from bench_corpus import Corpora, covered, read_corpora, read_corpus
from bench_peers import (
    DURABLE,
    ROOT,
    Missing,
    connect,
    create_database,
    create_pgai,
    generated_tables,
    pgai_worker,
    run_script,
)
from pgenv import Cluster, Problem, provision

DIMENSIONS = 768
CHUNK_SIZE = 600
# of pgai: how many rows in a batch, and how many batches at a time; its defaults first
PGAI_SETTINGS = ((50, 1), (200, 4))
ROUNDS = 3
EDITS = 50
ROWS = 2000
LATENCIES = (0.0, 0.1)
# requests a second, and how many there may be at once
RATE, BURSTS = 20.0, (5, 1)
INPUTS = 10
PATIENCE = 600.0
LOOK_EVERY = 0.003
# what Ollama says of a model; pgai asks for it
SHOWN = (
    b'{"details": {}, "model_info":'
    b' {"general.architecture": "bench", "bench.context_length": 8192}}'
)

Connection = psycopg.Connection[Any]
Figures = dict[str, Any]


# The provider, in a process of its own ----------------------------------------------------------


class Provider(ThreadingHTTPServer):
    """Ollama's protocol; vectors that cost next to nothing, and a count of what was asked."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, latency: float, rate: float | None, burst: float) -> None:
        self.latency = latency
        self.rate = rate
        self.burst = burst
        self.lock = threading.Lock()
        self.level, self.level_at = burst, time.monotonic()
        self.vectors = [
            "[" + ",".join(f"{random.uniform(-1, 1):.7f}" for _ in range(DIMENSIONS)) + "]"  # noqa: S311
            for _ in range(64)
        ]
        self.reset()
        super().__init__(("127.0.0.1", 0), Handler)

    def reset(self) -> None:
        """Count from nothing."""
        self.requests = self.refused = self.texts = self.characters = 0
        self.first_at = self.last_at = 0.0

    def counts(self) -> Figures:
        """What was asked since then."""
        return {
            "requests": self.requests,
            "refused": self.refused,
            "texts": self.texts,
            "characters": self.characters,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "cpu": time.process_time(),
        }

    def is_refused(self) -> bool:
        """Whether a bucket of tokens is empty."""
        if self.rate is None:
            return False
        with self.lock:
            now = time.monotonic()
            self.level = min(self.burst, self.level + (now - self.level_at) * self.rate)
            self.level_at = now
            if self.level < 1:
                self.refused += 1
                return True
            self.level -= 1
            return False


class Handler(BaseHTTPRequestHandler):
    """Answers requests for vectors, and says what was asked."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Provider

    def do_GET(self) -> None:
        """GET /counts, and GET /reset, which then begins anew."""
        counts = self.server.counts()
        if self.path == "/reset":
            self.server.reset()
        self._answer(200, json.dumps(counts).encode())

    def do_POST(self) -> None:
        """POST /api/embed, and whatever else a client of Ollama's asks."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        if not self.path.endswith("/api/embed"):
            self._answer(200, SHOWN)
            return
        if server.is_refused():
            self._answer(429, b'{"error": "too many requests"}')
            return
        texts = body["input"]
        texts = [texts] if isinstance(texts, str) else texts
        with server.lock:
            server.requests += 1
            server.texts += len(texts)
            server.characters += sum(map(len, texts))
            server.first_at = server.first_at or time.time()
        if server.latency:
            time.sleep(server.latency)
        chosen = [server.vectors[len(text) % 64] for text in texts]
        tokens = sum(map(len, texts)) // 4
        head = f'{{"model": "bench", "prompt_eval_count": {tokens}, "embeddings": ['
        answer = head + ",".join(chosen) + "]}"
        server.last_at = time.time()
        self._answer(200, answer.encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Asked:
    """The provider, seen from here."""

    def __init__(self, url: str) -> None:
        self.url = url

    def counts(self, what: str = "counts") -> Figures:
        """What was asked so far; what "reset": and begin anew."""
        with urllib.request.urlopen(f"{self.url}/{what}", timeout=10) as answer:  # noqa: S310
            return dict(json.load(answer))


@contextmanager
def provider(
    latency: float = 0.0, rate: float | None = None, burst: float = 1.0
) -> Iterator[Asked]:
    """A provider in a process of its own."""
    arguments = ["--serve", str(latency), str(rate or 0.0), str(burst)]
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout  # noqa: S101  it is a pipe
        yield Asked(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait()


def serve(latency: float, rate: float, burst: float) -> None:
    """The provider's process."""
    server = Provider(latency, rate or None, burst)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


# Databases and workers --------------------------------------------------------------------------


def create_steward(cluster: Cluster, name: str, asked: Asked, **options: Any) -> Connection:  # noqa: ANN401
    """A database with pg_steward and a model bench@1 that the provider makes the vectors of."""
    create_database(cluster, name, "vector", "plpython3u")
    run_script(cluster, name, ROOT / "sql" / "install.sql")
    connection = connect(cluster, name)
    named = "".join(f", {option} => %s" for option in options)
    connection.execute(
        sql.SQL("select steward.add_model('bench@1', %s, 'ollama', endpoint => %s" + named + ")"),
        [DIMENSIONS, asked.url, *options.values()],
    )
    return connection


def worker_command(cluster: Cluster, name: str, *arguments: str) -> list[str | Path]:
    """Our external worker on a database."""
    script = str(ROOT / "scripts" / "steward-worker")
    return [
        *(sys.executable, script, "--dsn", cluster.dsn(name)),
        *("--log-level", "warning", "--log-format", "text", "--no-progress", *arguments),
    ]


def run(command: list[str | Path]) -> float:
    """Run a worker until its queue is empty; the seconds."""
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    took = time.perf_counter() - start
    if done.returncode:
        raise Problem(f"a worker failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return took


def cpu_of(cluster: Cluster) -> float:
    """Seconds that all processes of a server have worked, those that are gone included."""
    tick = os.sysconf("SC_CLK_TCK")
    postmaster = cluster.pid()
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(folder.name) == postmaster:
            total += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            total += sum(map(int, fields[11:13]))
    return total / tick


# 1. Throughput ----------------------------------------------------------------------------------


@dataclass
class Contender:
    """A database with the documents, and the worker that looks after it."""

    name: str
    connection: Connection
    command: list[str | Path]
    chunks: Callable[[], int]
    settings: Figures

    def drain(self, cluster: Cluster, asked: Asked, idle: float) -> Figures:
        """Let the worker do what there is to do."""
        asked.counts("reset")
        cpu = cpu_of(cluster)
        took = run(self.command)
        counts = asked.counts()
        seconds = took - idle
        return {
            "seconds": round(seconds, 2),
            "chunks_sent": counts["texts"],
            "characters_sent": counts["characters"],
            "requests": counts["requests"],
            "chunks_per_second": round(counts["texts"] / seconds, 1),
            "database_cpu_seconds": round(cpu_of(cluster) - cpu, 2),
            "chunks_stored": self.chunks(),
        }


def steward(cluster: Cluster, name: str, asked: Asked) -> Contender:
    """pg_steward, with its external worker as it comes."""
    connection = create_steward(cluster, name, asked)
    connection.execute("create table pages (path text primary key, content text not null)")
    connection.execute(
        "select steward.track('pages', content => 'content', model => 'bench@1', chunking => %s)",
        [json.dumps({"size": CHUNK_SIZE})],
    ).fetchall()

    def chunks() -> int:
        ((count, pending),) = connection.execute(
            "select chunks, pending + failed from steward.freshness"
        ).fetchall()
        if pending:
            raise Problem(f"pg_steward: {pending} documents are not fresh")
        return int(count)

    return Contender("pg_steward", connection, worker_command(cluster, name, "--once"), chunks, {})


def pgai(cluster: Cluster, name: str, asked: Asked, batch: int, concurrency: int) -> Contender:
    """pgai, with its worker."""
    create_pgai(cluster, name, pgai_worker())
    connection = connect(cluster, name)
    connection.execute("create table pages (path text primary key, content text not null)")
    connection.execute(
        "select ai.create_vectorizer('pages'::regclass, loading => ai.loading_column('content'), "
        "embedding => ai.embedding_ollama('bench', %s, base_url => %s), "
        "chunking => ai.chunking_recursive_character_text_splitter(%s, 0), "
        "processing => ai.processing_default(%s, %s), "
        "destination => ai.destination_table(), scheduling => ai.scheduling_none(), "
        "indexing => ai.indexing_none())",
        [DIMENSIONS, asked.url, CHUNK_SIZE, batch, concurrency],
    ).fetchall()

    def chunks() -> int:
        ((count,),) = connection.execute("select count(*) from pages_embedding_store").fetchall()
        return int(count)

    command: list[str | Path] = [
        *(pgai_worker() / "pgai", "vectorizer", "worker", "-d", cluster.dsn(name), "--once"),
        *("--exit-on-error", "true"),
    ]
    return Contender(
        "pgai", connection, command, chunks, {"batch_size": batch, "concurrency": concurrency}
    )


def load(connection: Connection, texts: dict[str, str]) -> None:
    """The documents of the old version."""
    with connection.cursor() as cursor, cursor.copy("copy pages from stdin") as copy:
        for row in texts.items():
            copy.write_row(row)


def follow(connection: Connection, old: dict[str, str], new: dict[str, str]) -> None:
    """What has become of them: changed, added and removed."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "update pages set content = %s where path = %s",
            [(text, path) for path, text in new.items() if path in old and old[path] != text],
        )
        cursor.executemany(
            "insert into pages values (%s, %s)",
            [(path, text) for path, text in new.items() if path not in old],
        )
        cursor.execute("delete from pages where path <> all(%s)", [list(new)])


def coverage(connection: Connection, corpora: Corpora, before: int) -> float:
    """Of the paragraphs that really changed, how many are in chunks embedded since then."""
    (documents,) = generated_tables(connection, "doc")
    (pieces,) = generated_tables(connection, "chunk")
    fresh: dict[str, list[tuple[int, int]]] = {}
    for path, start, end in connection.execute(
        sql.SQL(
            "select key_1, s.place, e.place from {documents}, unnest(chunk_ids) with ordinality "
            "as c (chunk_id, n), unnest(starts) with ordinality as s (place, n), "
            "unnest(ends) with ordinality as e (place, n) "
            "where s.n = c.n and e.n = c.n and c.chunk_id in "
            "(select chunk_id from {pieces} where chunk_id > %s)"
        ).format(documents=sql.SQL(documents), pieces=sql.SQL(pieces)),
        [before],
    ):
        fresh.setdefault(path, []).append((start, end))
    hit = sum(
        covered(change.new, change.really_changed, fresh.get(change.path, ()))
        for change in corpora.changes
    )
    return hit / corpora.really_changed if corpora.really_changed else 1.0


def last_chunk(connection: Connection) -> int:
    """The number of the chunk that was stored last."""
    (pieces,) = generated_tables(connection, "chunk")
    ((last,),) = connection.execute(
        sql.SQL("select coalesce(max(chunk_id), 0) from {}").format(sql.SQL(pieces))
    ).fetchall()
    return int(last)


def measure_once(
    cluster: Cluster, asked: Asked, who: Contender, old: dict[str, str], new: dict[str, str]
) -> tuple[Figures, Figures]:
    """The initial load and the update."""
    idle = min(run(who.command) for _ in range(2))
    load(who.connection, old)
    who.connection.execute("vacuum analyze pages")
    loaded = who.drain(cluster, asked, idle)
    loaded["start_seconds"] = round(idle, 2)
    follow(who.connection, old, new)
    return loaded, who.drain(cluster, asked, idle)


def measure_throughput(
    cluster: Cluster, old_file: Path, new_file: Path, rounds: int, missing: dict[str, str]
) -> Figures:
    """Both, in turns."""
    old, new = read_corpus(old_file), read_corpus(new_file)
    corpora = read_corpora(old_file, new_file)
    cells: dict[str, list[Figures]] = {}
    covered_share = 0.0
    with provider() as asked:
        for number in range(rounds):
            name = f"steward_{number}"
            who = steward(cluster, name, asked)
            idle = min(run(who.command) for _ in range(2))
            load(who.connection, old)
            who.connection.execute("vacuum analyze pages")
            first = who.drain(cluster, asked, idle) | {"start_seconds": round(idle, 2)}
            last = last_chunk(who.connection)
            follow(who.connection, old, new)
            second = who.drain(cluster, asked, idle)
            covered_share = coverage(who.connection, corpora, last)
            cells.setdefault("pg_steward", []).append({"load": first, "update": second})
            drop(cluster, who.connection, name)
            for batch, concurrency in PGAI_SETTINGS:
                if "pgai" in missing:
                    break
                name = f"pgai_{batch}_{number}"
                try:
                    peer = pgai(cluster, name, asked, batch, concurrency)
                except Missing as reason:
                    missing["pgai"] = str(reason)
                    break
                first, second = measure_once(cluster, asked, peer, old, new)
                key = f"pgai, {batch} rows a batch, {concurrency} at a time"
                cells.setdefault(key, []).append({"load": first, "update": second})
                drop(cluster, peer.connection, name)
    figures: Figures = {
        "documents": len(old),
        "characters": sum(map(len, old.values())),
        "dimensions": DIMENSIONS,
        "chunk_size": CHUNK_SIZE,
        "coverage": round(covered_share, 4),
        "cells": {
            name: {phase: medians([each[phase] for each in runs]) for phase in ("load", "update")}
            for name, runs in cells.items()
        },
    }
    return figures | compared(figures["cells"])


def compared(cells: Figures) -> Figures:
    """Ours beside the quickest of theirs."""
    peers = [cell for name, cell in cells.items() if name != "pg_steward"]
    if not peers:
        return {}
    ours = cells["pg_steward"]
    best = max(peer["load"]["chunks_per_second"] for peer in peers)
    least = min(peer["update"]["characters_sent"] for peer in peers)
    return {
        "chunks_per_second_ratio": round(ours["load"]["chunks_per_second"] / best, 2),
        "characters_on_update_ratio": round(ours["update"]["characters_sent"] / least, 3),
        "update_seconds_ratio": round(
            ours["update"]["seconds"] / min(peer["update"]["seconds"] for peer in peers), 3
        ),
    }


def medians(runs: list[Figures]) -> Figures:
    """Of each figure."""
    return {name: statistics.median(each[name] for each in runs) for name in runs[0]}


def drop(cluster: Cluster, connection: Connection, name: str) -> None:
    """Make room for the next."""
    connection.close()
    with connect(cluster, "postgres") as postgres:
        postgres.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


# 2. Freshness -----------------------------------------------------------------------------------


def words(number: int) -> str:
    """A text that is unlike any other of its row."""
    chooser = random.Random(number)  # noqa: S311
    return " ".join(f"{chooser.randrange(16**6):06x}" for _ in range(30)) + f" edit {number}"


def measure_freshness(
    cluster: Cluster, latency: float, seconds: float, start_worker: Callable[[str], Any]
) -> Figures:
    """Milliseconds from the commit of an edit to its being searchable."""
    name = "freshness"
    with provider(latency) as asked:
        connection = create_steward(cluster, name, asked)
        connection.execute("create table notes (id integer primary key, body text not null)")
        connection.execute(
            "insert into notes select n, 'note ' || n from generate_series(1, %s) as n", [ROWS]
        )
        connection.execute("select steward.track('notes', content => 'body', model => 'bench@1')")
        stop = start_worker(name)
        try:
            until = time.monotonic() + PATIENCE
            fresh = "select fresh from steward.freshness"
            while connection.execute(fresh).fetchall() != [(ROWS,)]:
                if time.monotonic() > until:
                    raise Problem("the rows were not embedded")
                time.sleep(0.1)
            lags = edit_and_watch(cluster, name, seconds)
        finally:
            stop()
        drop(cluster, connection, name)
    hundredths = statistics.quantiles(lags, n=100)
    return {
        "edits": len(lags),
        "p50_ms": round(hundredths[49] * 1000, 1),
        "p95_ms": round(hundredths[94] * 1000, 1),
        "p99_ms": round(hundredths[98] * 1000, 1),
        "most_ms": round(max(lags) * 1000, 1),
    }


def edit_and_watch(cluster: Cluster, name: str, seconds: float) -> list[float]:
    """Edit at a steady pace, and look into the table of chunks all the time."""
    committed: dict[str, float] = {}
    seen: dict[str, float] = {}
    count = int(seconds * EDITS)
    ended = threading.Event()

    def watch() -> None:
        with connect(cluster, name) as watcher:
            (pieces,) = generated_tables(watcher, "chunk")
            look = sql.SQL(
                "select chunk_id, chunk from {} where chunk_id > %s order by chunk_id"
            ).format(sql.SQL(pieces))
            known = last_chunk(watcher)
            while not ended.is_set():
                # some numbers back: what got its number first may be committed last
                for chunk_id, chunk in watcher.execute(look, [known - 200]).fetchall():
                    seen.setdefault(chunk, time.perf_counter())
                    known = max(known, chunk_id)
                time.sleep(LOOK_EVERY)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with connect(cluster, name) as editor:
            began = time.perf_counter()
            for number in range(count):
                time.sleep(max(0.0, began + number / EDITS - time.perf_counter()))
                text = words(number)
                row = number * 7 % ROWS + 1
                editor.execute("update notes set body = %s where id = %s", [text, row])
                committed[text] = time.perf_counter()
        until = time.monotonic() + PATIENCE
        while len(committed.keys() - seen.keys()) and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        ended.set()
        watcher.join()
    if lost := len(committed.keys() - seen.keys()):
        raise Problem(f"{lost} edits were never searchable")
    return [seen[text] - moment for text, moment in committed.items()]


def outside(cluster: Cluster) -> Callable[[str], Callable[[], None]]:
    """The external worker as it comes."""

    def start(name: str) -> Callable[[], None]:
        process = subprocess.Popen(worker_command(cluster, name), cwd=ROOT)

        def stop() -> None:
            process.send_signal(signal.SIGTERM)
            process.wait()

        return stop

    return start


def inside(cluster: Cluster) -> Callable[[str], Callable[[], None]]:
    """The worker in the database, as pg_cron runs it."""

    def start(name: str) -> Callable[[], None]:
        session = connect(cluster, name)

        def work() -> None:
            try:
                session.execute("call steward.work(seconds => 3600, idle_seconds => 3600)")
            except psycopg.errors.QueryCanceled:
                # that is how it is stopped
                return

        thread = threading.Thread(target=work)
        thread.start()

        def stop() -> None:
            session.cancel_safe()
            thread.join()
            session.close()

        return stop

    return start


# 3. A limit -------------------------------------------------------------------------------------


def measure_limit(cluster: Cluster, rows: int, burst: int) -> Figures:
    """Seconds to drain a queue, and those that the provider's limit dictates."""
    name = "limited"
    with provider(rate=RATE, burst=burst) as asked:
        connection = create_steward(cluster, name, asked, batch_inputs=INPUTS)
        connection.execute("create table notes (id integer primary key, body text not null)")
        connection.execute("select steward.track('notes', content => 'body', model => 'bench@1')")
        connection.execute(
            "insert into notes select n, 'note ' || n from generate_series(1, %s) as n", [rows]
        )
        worker = worker_command(cluster, name)
        process = subprocess.Popen(worker, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + PATIENCE
            while connection.execute("select fresh from steward.freshness").fetchall() != [(rows,)]:
                if time.monotonic() > until:
                    raise Problem("the queue was not drained")
                time.sleep(0.02)
            counts = asked.counts()
            took = time.time() - counts["first_at"]
            ((charged,),) = connection.execute(
                "select count(*) from steward.decisions where outcome = 'failed'"
            ).fetchall()
        finally:
            process.terminate()
            process.wait()
        drop(cluster, connection, name)
    # full requests are what could have been
    dictated = (rows / INPUTS - burst) / RATE
    return {
        "rows": rows,
        "burst": burst,
        "requests": counts["requests"],
        "refused": counts["refused"],
        "failed": charged,
        "seconds": round(took, 2),
        "dictated_seconds": round(dictated, 2),
        "ratio": round(took / dictated, 2),
    }


# All --------------------------------------------------------------------------------------------


def show(figures: Figures) -> None:
    """Print the figures for people."""
    if cells := figures.get("throughput"):
        print(
            f"\n{cells['documents']} documents, {cells['characters']} characters, "
            f"{cells['dimensions']} dimensions, chunks of {cells['chunk_size']}:"
        )
        for name, cell in cells["cells"].items():
            for phase, told in cell.items():
                print(
                    f"  {name}, {phase}: {told['seconds']} s, {told['chunks_sent']} chunks sent, "
                    f"{told['chunks_per_second']} chunks/s, {told['characters_sent']} characters, "
                    f"database {told['database_cpu_seconds']} s of CPU"
                )
        if "chunks_per_second_ratio" in cells:
            print(
                f"  {cells['chunks_per_second_ratio']} times the chunks/s of pgai; on the update "
                f"{cells['characters_on_update_ratio']} of its characters, at "
                f"{cells['coverage']:.2%} of what really changed"
            )
    if figures["freshness"]:
        print(f"\nfrom commit to searchable, at {EDITS} edits/s:")
    for name, told in figures["freshness"].items():
        print(f"  {name}: p50 {told['p50_ms']} ms, p95 {told['p95_ms']}, p99 {told['p99_ms']}")
    for limit in figures.get("limits", ()):
        print(
            f"\na provider that takes {RATE:.0f} requests a second, and {limit['burst']} at once: "
            f"{limit['seconds']} s for {limit['rows']} rows, where the limit dictates "
            f"{limit['dictated_seconds']} s; {limit['refused']} requests refused, "
            f"{limit['failed']} rows failed"
        )
    for name, reason in figures["missing"].items():
        print(f"\nmissing: {name} ({reason})")
    print()


def main() -> None:
    """Measure everything in a server of its own and print it."""
    parser = parser_of(__doc__)
    parser.add_argument("old", type=Path, nargs="?", help="documents, as lines of JSON")
    parser.add_argument("new", type=Path, nargs="?", help="the next version of them")
    parser.add_argument("--rounds", type=int, help=f"of the first part (default: {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="rough figures")
    parser.add_argument("--only", choices=("throughput", "freshness", "limit"))
    parser.add_argument("--serve", nargs=3, type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve)
        return
    if (options.old is None) != (options.new is None):
        parser.error("give both, OLD and NEW, or neither")
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    seconds = 10.0 if options.quick else 60.0
    wanted = {options.only} if options.only else {"throughput", "freshness", "limit"}
    figures: Figures = {"bench": "pipeline", "rounds": rounds, "missing": {}}
    provision(15)
    with Cluster.ephemeral(15, DURABLE) as cluster:
        figures["postgresql"] = cluster.postgres.major
        if options.old and "throughput" in wanted:
            figures["throughput"] = measure_throughput(
                cluster, options.old, options.new, rounds, figures["missing"]
            )
        figures["freshness"] = {}
        for where, start in (("outside", outside), ("inside", inside)):
            for latency in LATENCIES if "freshness" in wanted else ():
                key = f"worker {where} the database, provider of {latency * 1000:.0f} ms"
                figures["freshness"][key] = measure_freshness(
                    cluster, latency, seconds, start(cluster)
                )
        if "limit" in wanted:
            rows = 1000 if options.quick else 4000
            figures["limits"] = [measure_limit(cluster, rows, burst) for burst in BURSTS]
    show(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    run_bench(main)
