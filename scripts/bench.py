#!/usr/bin/env python3
"""Measure what pg_steward costs, against the same statements without it, in the same run.

    make bench                       about a minute
    make bench ARGS='--rows 100000'  closer to life

A machine is never quiet. So each figure is a ratio to a baseline that was measured in turn with it,
and the median of several rounds. The last line has all figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from pgenv import Cluster, Problem, provision

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
DIMENSIONS = 8

Connection = psycopg.Connection[Any]

# A row of about 2 kB. What is measured is done to both tables, of which one is tracked.
STATEMENTS: dict[str, LiteralString] = {
    "insert": (
        "insert into {table} select n, 0, repeat(md5(n::text), 64) "
        "from generate_series(1, %(rows)s) as n"
    ),
    "update of another column": "update {table} set n = n + 1",
    "update of the content": "update {table} set body = body || '.'",
    "delete": "delete from {table}",
}


def seconds(action: Callable[[], object]) -> float:
    """How long something takes."""
    start = time.monotonic()
    action()
    return time.monotonic() - start


def measure_install(cluster: Cluster) -> float:
    """Seconds to install the bundle into an empty database, and leave it there for the rest."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("create database bench")
    with psycopg.connect(cluster.dsn("bench"), autocommit=True) as connection:
        connection.execute("create extension vector; create extension plpython3u")
    command = [cluster.bin("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    command += ["-f", str(ROOT / "sql" / "install.sql")]
    environment = cluster.env("bench")
    return seconds(
        lambda: subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    )


def measure_writes(connection: Connection, rows: int) -> dict[str, float]:
    """What writers pay: time with the triggers divided by time without."""
    for table in ("plain", "tracked"):
        connection.execute(f"create table {table} (id bigint primary key, n integer, body text)")
    connection.execute(
        "select steward.add_model('bench@1', %s, 'bench'), "
        "steward.track('tracked', content => 'body', model => 'bench@1')",
        [DIMENSIONS],
    )
    ratios: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(ROUNDS):
        for name, statement in STATEMENTS.items():
            spent = []
            for table in ("plain", "tracked"):
                text = statement.replace("{table}", table)
                spent.append(seconds(partial(connection.execute, text, {"rows": rows})))
            ratios[name].append(spent[1] / spent[0])
        connection.execute("vacuum analyze")
    return {name: statistics.median(values) for name, values in ratios.items()}


def measure_queue(cluster: Cluster, connection: Connection, rows: int) -> dict[str, float]:
    """Rows a second from claim to complete, with a model that takes no time; by workers."""
    vector = f"[{','.join(['1'] * DIMENSIONS)}]"

    def work(number: int) -> None:
        with psycopg.connect(cluster.dsn("bench"), autocommit=True) as session:
            while session.execute(
                "select steward.complete(token, array_fill(%s::text, array[cardinality(texts)])) "
                "from steward.claim(%s, batch => 100)",
                [vector, f"worker {number}"],
            ).fetchall():
                pass

    result = {}
    for workers in (1, 2):
        connection.execute("truncate tracked")
        connection.execute("vacuum analyze")
        connection.execute(
            "insert into tracked select n, 0, md5(n::text) from generate_series(1, %s) as n", [rows]
        )
        with ThreadPoolExecutor(workers) as pool:
            start = time.monotonic()
            list(pool.map(work, range(workers)))
        result[f"{workers} workers"] = rows / (time.monotonic() - start)
    return result


def measure_search(connection: Connection, rows: int) -> dict[str, float]:
    """Milliseconds for the ten nearest chunks, against the same query written by hand."""
    query = f"[{','.join(['1'] * DIMENSIONS)}]"
    ((table,),) = connection.execute("select chunk_table::text from steward.spaces").fetchall()
    by_hand = f"select chunk from {table} order by embedding <=> %s::vector limit 10"  # noqa: S608
    spent: dict[str, list[float]] = {"search": [], "by hand": []}
    for _ in range(ROUNDS * 4):
        spent["by hand"].append(seconds(lambda: connection.execute(by_hand, [query]).fetchall()))
        spent["search"].append(
            seconds(
                lambda: connection.execute(
                    "select chunk from steward.search_vector('tracked', %s, 10)", [query]
                ).fetchall()
            )
        )
    medians = {name: statistics.median(values) for name, values in spent.items()}
    return {
        "milliseconds": medians["search"] * 1000,
        "ratio": medians["search"] / medians["by hand"],
        "chunks": rows,
    }


def main() -> int:
    """Measure everything in a server of its own and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000, help="rows of the table written to")
    rows = parser.parse_args().rows
    try:
        postgres = provision()
        with Cluster.ephemeral(postgres.major, {"synchronous_commit": "on"}) as cluster:
            figures: dict[str, Any] = {"postgresql": postgres.major, "rows": rows}
            figures["install_seconds"] = measure_install(cluster)
            print(f"install into an empty database: {figures['install_seconds']:.2f} s")
            with psycopg.connect(cluster.dsn("bench"), autocommit=True) as connection:
                figures["writes"] = measure_writes(connection, rows)
                for name, ratio in figures["writes"].items():
                    print(f"{name}, {rows} rows of 2 kB: {ratio:.2f} x without triggers")
                figures["queue"] = measure_queue(cluster, connection, rows // 4)
                for name, rate in figures["queue"].items():
                    print(f"claim to complete, {name}: {rate:.0f} rows/s")
                figures["search"] = measure_search(connection, rows // 4)
                print(
                    "search: {milliseconds:.1f} ms, {ratio:.2f} x by hand".format(
                        **figures["search"]
                    )
                )
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
