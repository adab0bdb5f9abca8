#!/usr/bin/env python3
"""Measure what it costs to see how it is, with a source of a million rows.

    make bench-views                 minutes
    make bench-views ARGS=--quick    in less than a minute

Milliseconds of each view that a dashboard asks, the median of several rounds; rows that reconcile()
compares in a second; and the memory of its session with a tenth of the rows and with all of them,
which should be the same. The last line has all figures as JSON.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from bench_command import parser_of, run_bench
from pgenv import Cluster, provision

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 7
ROWS = 1_000_000
QUICK_ROWS = 50_000
BACKLOG = 1000

CLAIM: LiteralString = "select array_agg(token) from steward.claim('bench', 10000)"
COMPLETE: LiteralString = (
    "select from steward.complete(%s::bigint[], array_fill('[1,0]'::text, array[%s]))"
)
QUERIES: dict[str, LiteralString] = {
    "freshness": "select * from steward.freshness",
    "queue": "select * from steward.queue",
    "failures": "select * from steward.failures",
    "decisions_summary": "select * from steward.decisions_summary",
    "spaces": "select * from steward.spaces",
    "workers": "select * from steward.workers",
    "costs": "select * from steward.costs",
    "backfills": "select * from steward.backfills",
    "health()": "select * from steward.health()",
}

Connection = psycopg.Connection[Any]


def install(cluster: Cluster) -> None:
    """A database with pg_steward and a model of two dimensions."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("create database bench")
    with psycopg.connect(cluster.dsn("bench"), autocommit=True) as connection:
        connection.execute("create extension vector; create extension plpython3u")
    command = [cluster.bin("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    command += ["-f", str(ROOT / "sql" / "install.sql")]
    subprocess.run(command, env=cluster.env("bench"), check=True, stdout=subprocess.DEVNULL)
    with psycopg.connect(cluster.dsn("bench"), autocommit=True) as connection:
        connection.execute("select steward.add_model('tiny@1', 2, 'bench')")


def fill(connection: Connection, table: str, rows: int) -> None:
    """A tracked table, embedded by claim and complete."""
    named = sql.Identifier(table)
    create = sql.SQL("create table {} (id bigint primary key, body text)")
    connection.execute(create.format(named))
    insert = sql.SQL("insert into {} select n, 'row ' || n from generate_series(1, %s) as n")
    connection.execute(insert.format(named), [rows])
    connection.execute(sql.SQL("analyze {}").format(named))
    connection.execute("select steward.track(%s, content => 'body', model => 'tiny@1')", [table])
    done = 0
    while done < rows:
        ((tokens,),) = connection.execute(CLAIM).fetchall()
        if tokens:
            connection.execute(COMPLETE, [tokens, len(tokens)])
            done += len(tokens)
    connection.execute("vacuum analyze")


def measure_views(connection: Connection) -> dict[str, float]:
    """Milliseconds of each view."""
    figures = {}
    for name, query in QUERIES.items():
        spent = []
        for _ in range(ROUNDS):
            start = time.monotonic()
            connection.execute(query).fetchall()
            spent.append((time.monotonic() - start) * 1000)
        figures[name] = round(statistics.median(spent), 1)
    return figures


def memory(pid: int) -> int:
    """Kilobytes that a session has for itself alone."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0])


def measure_reconcile(cluster: Cluster, table: str, rows: int) -> dict[str, float]:
    """Rows a second, and the most memory that it had."""
    with psycopg.connect(cluster.dsn("bench"), autocommit=True) as connection:
        pid = connection.info.backend_pid
        seen: list[int] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.05):
                seen.append(memory(pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        start = time.monotonic()
        connection.execute(f"select steward.reconcile('{table}')".encode())
        spent = time.monotonic() - start
        done.set()
        watcher.join()
    return {
        "rows": rows,
        "rows_per_second": round(rows / spent),
        "peak_megabytes": round(max(seen) / 1024, 1),
    }


def main() -> None:
    """Measure everything in a server of its own and print it."""
    parser = parser_of(__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS} rows")
    rows = QUICK_ROWS if parser.parse_args().quick else ROWS
    postgres = provision()
    with Cluster.ephemeral(postgres.major, {"max_wal_size": "4GB"}) as cluster:
        figures: dict[str, Any] = {"postgresql": postgres.major, "rows": rows}
        install(cluster)
        with psycopg.connect(cluster.dsn("bench"), autocommit=True) as connection:
            start = time.monotonic()
            fill(connection, "small", rows // 10)
            fill(connection, "large", rows)
            print(f"{rows} rows embedded in {time.monotonic() - start:.0f} s")
            figures["idle"] = measure_views(connection)
            connection.execute("update large set body = body || '.' where id <= %s", [BACKLOG])
            figures["backlog"] = measure_views(connection)
        print(f"\n{'milliseconds':20} {'idle':>8} {f'{BACKLOG} edits wait':>18}")
        for name in QUERIES:
            print(f"{name:20} {figures['idle'][name]:8.1f} {figures['backlog'][name]:18.1f}")
        print()
        for table, number in (("small", rows // 10), ("large", rows)):
            reconciled = measure_reconcile(cluster, table, number)
            figures[f"reconcile {table}"] = reconciled
            print(
                "reconcile {rows:>8} rows: {rows_per_second} rows/s, at most "
                "{peak_megabytes} MB".format(**reconciled)
            )
    print(json.dumps(figures))


if __name__ == "__main__":
    run_bench(main)
