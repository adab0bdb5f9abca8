#!/usr/bin/env python3
"""Measure how long installing takes, and searching against the same query written by hand.

    make bench                       seconds
    make bench ARGS='--rows 100000'  closer to life

What writers pay is measured by make bench-write, claim to complete by make bench-queue.

A machine is never quiet. So search is a ratio to a baseline that was measured in turn with it, and
the median of several rounds. The last line has all figures as JSON.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from bench_command import parser_of, run_bench
from pgenv import Cluster, provision

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 20
DIMENSIONS = 256
CLAIM: LiteralString = "select token from steward.claim('bench', 1000)"

Connection = psycopg.Connection[Any]


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


def fill(connection: Connection, rows: int) -> None:
    """A tracked table with as many chunks as rows, embedded."""
    connection.execute("create table tracked (id bigint primary key, body text)")
    connection.execute(
        "select steward.add_model('bench@1', %s, 'bench'), "
        "steward.track('tracked', content => 'body', model => 'bench@1')",
        [DIMENSIONS],
    )
    connection.execute(
        "insert into tracked select n, md5(n::text) from generate_series(1, %s) as n", [rows]
    )
    claimed = connection.execute(CLAIM).fetchall()
    while claimed:
        dice = [[random.uniform(-1, 1) for _ in range(DIMENSIONS)] for _ in claimed]  # noqa: S311  no secret
        tokens = [token for (token,) in claimed]
        connection.execute(
            "select from steward.complete(%s::bigint[], %s)", [tokens, [str(v) for v in dice]]
        )
        claimed = connection.execute(CLAIM).fetchall()
    connection.execute("vacuum analyze")


def measure_search(connection: Connection, rows: int) -> dict[str, float]:
    """Milliseconds for the ten nearest chunks, against the same query written by hand."""
    query = f"[{','.join(['1'] * DIMENSIONS)}]"
    ((table,),) = connection.execute("select chunk_table::text from steward.spaces").fetchall()
    by_hand = sql.SQL("select chunk from {} order by embedding <=> %s::vector limit 10").format(
        sql.SQL(table)
    )
    spent: dict[str, list[float]] = {"search": [], "by hand": []}
    for _ in range(ROUNDS):
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


def main() -> None:
    """Measure everything in a server of its own and print it."""
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="chunks that are searched")
    rows = parser.parse_args().rows
    postgres = provision()
    with Cluster.ephemeral(postgres.major, {"synchronous_commit": "on"}) as cluster:
        figures: dict[str, Any] = {"postgresql": postgres.major, "rows": rows}
        figures["install_seconds"] = measure_install(cluster)
        print(f"install into an empty database: {figures['install_seconds']:.2f} s")
        with psycopg.connect(cluster.dsn("bench"), autocommit=True) as connection:
            fill(connection, rows)
            figures["search"] = measure_search(connection, rows)
            print(
                "search: {milliseconds:.1f} ms, {ratio:.2f} x by hand".format(**figures["search"])
            )
    print(json.dumps(figures))


if __name__ == "__main__":
    run_bench(main)
