#!/usr/bin/env python3
"""Measure what writers pay for being tracked: by pg_steward, by pgai, and by nobody.

    make bench-write                         some minutes: 100,000 rows of 2 kB
    make bench-write ARGS='--quick'          less than a minute
    make bench-write ARGS='--rows 1000000'   closer to life

The same statements on the same table in three databases of one server: without any trigger,
tracked by pg_steward, and with the triggers of pgai. They take turns, every figure is the median of
several rounds, and commits are durable. No worker runs and no vacuum, so only the writers' part is
measured. The last line has all figures as JSON.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from bench_command import parser_of, run_bench
from bench_peers import (
    DURABLE,
    Missing,
    connect,
    create_database,
    create_pgai,
    create_steward,
    generated_tables,
)
from pgenv import Cluster, provision

DIMENSIONS = 768
# with this much text a row is just not compressed or moved out of line
CHARACTERS = 1950

# What is measured, in this order. "round" makes the content differ from what it was.
BULK: dict[str, LiteralString] = {
    "insert": "insert into document select id, 0, body from text_of where id <= %(rows)s",
    "content update": "update document set body = %(round)s || substr(body, 9)",
    "metadata update": "update document set seen = seen + 1",
    "delete": "delete from document",
}
ONE_ROW: dict[str, LiteralString] = {
    "insert": "insert into document select -id, 0, body from text_of where id = %(id)s",
    "content update": ("update document set body = %(round)s || substr(body, 9) where id = %(id)s"),
    "metadata update": "update document set seen = seen + 1 where id = %(id)s",
    "delete": "delete from document where id = -%(id)s",
}

Figures = dict[str, Any]


@dataclass
class Contender:
    """A database whose table somebody watches, or nobody."""

    name: str
    connection: psycopg.Connection[Any]
    # what its triggers write to, and what its workers would read from
    queues: Callable[[], Sequence[str]] = field(default=lambda: ())

    def queued(self) -> int:
        """How many rows wait."""
        return sum(
            self.connection.execute(
                sql.SQL("select count(*) from {}").format(sql.SQL(table))
            ).fetchall()[0][0]
            for table in self.queues()
        )

    def drain(self) -> None:
        """Forget what waits, as if workers had done it."""
        for table in self.queues():
            self.connection.execute(sql.SQL("truncate {}").format(sql.SQL(table)))

    def reset(self) -> None:
        """Begin anew, with nothing left of the round before."""
        self.connection.execute("truncate document")
        self.drain()


def create_table(connection: psycopg.Connection[Any], rows: int) -> None:
    """The table that is written to, and one with the texts, so that making them costs nothing."""
    connection.execute(
        "create table document (id bigint primary key, seen integer not null, body text not null)"
    )
    connection.execute("create table text_of (id bigint primary key, body text not null)")
    connection.execute(
        "insert into text_of select n, left(string_agg(md5(n || ' ' || i), ''), %s) "
        "from generate_series(1, %s) as n cross join generate_series(1, 61) as i group by n",
        [CHARACTERS, rows],
    )
    connection.execute("vacuum analyze text_of")


def contenders(cluster: Cluster, rows: int, missing: dict[str, str]) -> list[Contender]:
    """Everybody, ready; who cannot be had is noted."""
    create_database(cluster, "plain")
    plain = Contender("plain", connect(cluster, "plain"))
    create_table(plain.connection, rows)

    create_steward(cluster, "steward", DIMENSIONS)
    connection = connect(cluster, "steward")
    create_table(connection, rows)
    connection.execute(
        "select steward.track('document', content => 'body', model => 'bench@1')"
    ).fetchall()
    marks = partial(generated_tables, connection, "(mark_[01]|gone|job)")
    ours = Contender("pg_steward", connection, marks)

    try:
        create_pgai(cluster, "pgai")
    except Missing as reason:
        missing["pgai"] = str(reason)
        return [plain, ours]
    connection = connect(cluster, "pgai")
    create_table(connection, rows)
    connection.execute(
        "select ai.create_vectorizer('document'::regclass, loading => ai.loading_column('body'), "
        "embedding => ai.embedding_ollama('bench', %s), "
        "destination => ai.destination_table(), scheduling => ai.scheduling_none(), "
        "indexing => ai.indexing_none())",
        [DIMENSIONS],
    ).fetchall()
    ((queue,),) = connection.execute(
        "select format('%I.%I', queue_schema, queue_table) from ai.vectorizer"
    ).fetchall()
    return [plain, ours, Contender("pgai", connection, lambda: [queue])]


def seconds(action: Callable[[], object]) -> float:
    """How long something takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def turn(everybody: list[Contender], number: int) -> list[Contender]:
    """Everybody, with another one first each time."""
    first = number % len(everybody)
    return everybody[first:] + everybody[:first]


def measure_bulk(everybody: list[Contender], rows: int, rounds: int) -> Figures:
    """One statement that writes all rows: seconds, the ratio to plain, and the rows queued."""
    spent: dict[str, dict[str, list[float]]] = {
        what: {who.name: [] for who in everybody} for what in BULK
    }
    queued: dict[str, dict[str, int]] = {what: {} for what in BULK}
    # the first round fills caches and files, and does not count
    for number in range(rounds + 1):
        for who in everybody:
            who.reset()
        everybody[0].connection.execute("checkpoint")
        for what, statement in BULK.items():
            parameters = {"rows": rows, "round": f"round{number:03}"}
            used = {key: value for key, value in parameters.items() if f"({key})" in statement}
            for who in turn(everybody, number):
                took = seconds(partial(who.connection.execute, statement, used or None))
                if number:
                    spent[what][who.name].append(took)
                    queued[what][who.name] = who.queued()
                who.drain()
    return {
        what: {
            name: {
                "seconds": round(statistics.median(values), 4),
                "ratio": round(
                    statistics.median(
                        value / plain for value, plain in zip(values, by_name["plain"], strict=True)
                    ),
                    3,
                ),
                "queued": queued[what][name],
            }
            for name, values in by_name.items()
        }
        for what, by_name in spent.items()
    }


def measure_one_row(everybody: list[Contender], rows: int, statements: int) -> Figures:
    """Prepared statements on one row, each a durable transaction: microseconds and the ratio."""
    for who in everybody:
        who.reset()
        who.connection.execute(BULK["insert"], {"rows": rows})
        who.drain()
        who.connection.execute("vacuum analyze document")
    everybody[0].connection.execute("checkpoint")
    spent: dict[str, dict[str, list[float]]] = {
        what: {who.name: [] for who in everybody} for what in ONE_ROW
    }
    # the first few prepare the statements, and do not count
    warm_up = 10
    for what, statement in ONE_ROW.items():
        for number in range(statements + warm_up):
            # spread over the table, each row once
            row = (number * (rows // (statements + warm_up) or 1)) % rows + 1
            parameters = {"id": row, "round": f"single{number % 100:02}"}
            used = {key: value for key, value in parameters.items() if f"({key})" in statement}
            for who in turn(everybody, number):
                took = seconds(partial(who.connection.execute, statement, used, prepare=True))
                if number >= warm_up:
                    spent[what][who.name].append(took)
        for who in everybody:
            who.drain()
    medians = {
        what: {name: statistics.median(values) for name, values in by_name.items()}
        for what, by_name in spent.items()
    }
    return {
        what: {
            name: {
                "microseconds": round(value * 1e6, 1),
                "ratio": round(value / by_name["plain"], 3),
            }
            for name, value in by_name.items()
        }
        for what, by_name in medians.items()
    }


def show(figures: Figures) -> None:
    """Print the figures for people."""
    rows = figures["rows"]
    print(f"\n{rows} rows of 2 kB in one statement; ratio to a table without triggers")
    for what, by_name in figures["bulk"].items():
        for name, cell in by_name.items():
            if name != "plain":
                note = f", {cell['queued']} rows queued" if what == "metadata update" else ""
                print(
                    f"  {what + ',':<17} {name + ':':<12} {cell['ratio']:6.2f} x  "
                    f"({cell['seconds']:.2f} s, plain {by_name['plain']['seconds']:.2f} s{note})"
                )
    print("\none row, prepared, each a durable transaction")
    for what, by_name in figures["one_row"].items():
        for name, cell in by_name.items():
            if name != "plain":
                print(
                    f"  {what + ',':<17} {name + ':':<12} {cell['ratio']:6.2f} x  "
                    f"({cell['microseconds']:.0f} us, plain "
                    f"{by_name['plain']['microseconds']:.0f} us)"
                )
    for name, reason in figures["missing"].items():
        print(f"\nmissing: {name} ({reason})")
    print()


def main() -> None:
    """Measure everything in a server of its own and print it."""
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, help="rows of the table (default: 100000)")
    parser.add_argument("--rounds", type=int, help="rounds of each bulk statement (default: 5)")
    parser.add_argument(
        "--statements", type=int, help="statements of each kind on one row (default: 2000)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="10000 rows, 3 rounds, 300 statements: rough figures"
    )
    options = parser.parse_args()
    rows = options.rows or (10_000 if options.quick else 100_000)
    rounds = options.rounds or (3 if options.quick else 5)
    statements = options.statements or (300 if options.quick else 2000)
    figures: Figures = {"bench": "write", "rows": rows, "rounds": rounds, "missing": {}}
    provision(15)
    with Cluster.ephemeral(15, DURABLE | {"autovacuum": "off"}) as cluster:
        figures["postgresql"] = cluster.postgres.major
        everybody = contenders(cluster, rows, figures["missing"])
        figures["bulk"] = measure_bulk(everybody, rows, rounds)
        figures["one_row"] = measure_one_row(everybody, rows, statements)
        for who in everybody:
            who.connection.close()
    show(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    run_bench(main)
