#!/usr/bin/env python3
"""Measure how fast work is claimed and completed, alone, beside others, and in bad times.

    make bench-queue                             some minutes
    make bench-queue ARGS='--quick'              less than a minute
    make bench-queue ARGS='--rows 50000'         a longer queue
    make bench-queue ARGS='--rows-deep 1000000'  also with a million rows queued

1. Throughput with a model that takes no time, by 1, 2 and 4 workers, beside queues that do nothing
   but queue: procrastinate, graphile-worker, and PgQ as the ceiling. Ours does real work in that
   time: it finds out what changed, reads the rows, cuts, compares and stores vectors.
2. A steady stream of edits, once alone and once while another session holds an old transaction
   open, which keeps vacuum from removing anything.
3. What a row costs when few and when many are queued.

Cells take turns, and figures are medians. The last line has all figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench_command import parser_of, run_bench
from bench_peers import (
    DURABLE,
    GRAPHILE_WORKER,
    PROCRASTINATE_FILL,
    PROCRASTINATE_WORKER,
    Missing,
    Run,
    Workers,
    connect,
    create_graphile,
    create_pgq,
    create_procrastinate,
    create_steward,
    generated_tables,
    node_peers,
    python_peers,
    run_together,
)
from pgenv import Cluster, Problem, provision

DIMENSIONS = 8
BATCH = 100
VECTOR = f"[{','.join(['1'] * DIMENSIONS)}]"
WORKERS = (1, 2, 4)
# how many jobs a process of theirs has at a time; the best one is used
PROCRASTINATE_CONCURRENCY = (1, 4, 16)
GRAPHILE_CONCURRENCY = (8, 24)
# how many batches are measured with many rows queued
BATCHES = 40
# how many sessions edit
WRITERS = 8
# the first and the last seconds that are compared
EDGE = 10.0

Connection = psycopg.Connection[Any]
Figures = dict[str, Any]

CLAIM = "select token, cardinality(texts) from steward.claim(%s, batch => %s)"
PROBLEMS = "select problem from steward_private.space where problem is not null"
COMPLETE = "select token, outcome from steward.complete(%s::bigint[], %s::text[])"


# Workers: what runs in a process of its own -----------------------------------------------------


@dataclass
class Batch:
    """One claim and what became of it."""

    at: float
    claim: float
    complete: float
    rows: int
    done: int
    busy: int = 0


def work_one(session: Connection, worker: str, batch: int = BATCH) -> Batch:
    """Claim a batch, commit, and complete it as a provider without latency would."""
    at = time.time()
    start = time.perf_counter()
    claimed = session.execute(CLAIM, [worker, batch]).fetchall()
    took = time.perf_counter() - start
    if not claimed:
        problems = session.execute(PROBLEMS).fetchall()
        if problems:
            raise Problem(f"claim() has set a space aside: {problems[0][0]}")
        return Batch(at, took, 0.0, 0, 0)
    # a claim with some texts has its token as many times
    tokens = [token for token, count in claimed for _ in range(count)]
    done = busy = 0
    start = time.perf_counter()
    while tokens:
        outcomes = dict(session.execute(COMPLETE, [tokens, [VECTOR] * len(tokens)]).fetchall())
        if unexpected := {"failed", "refused"} & set(outcomes.values()):
            raise Problem(f"complete() answered {', '.join(sorted(unexpected))}")
        done += sum(outcome in ("embedded", "reused") for outcome in outcomes.values())
        # somebody had the row or its job just then
        tokens = [token for token in tokens if outcomes[token] == "busy"]
        busy += len(tokens)
        if tokens:
            time.sleep(0.005)
    return Batch(at, took, time.perf_counter() - start, len(claimed), done, busy)


def is_empty(session: Connection, tables: list[str]) -> bool:
    """Whether nothing waits any more, not even with another worker."""
    return all(
        not session.execute(sql.SQL("select from {} limit 1").format(sql.SQL(table))).fetchall()
        for table in tables
    )


def warm_up(session: Connection) -> None:
    """Start Python in this session before the time counts."""
    session.execute("select steward.embed(array['x'])")


def drain(dsn: str, name: str) -> None:
    """A worker of ours: until nothing is left."""
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=1) as session:
        tables = generated_tables(session, "(mark_[01]|gone|job)")
        warm_up(session)
        print("ready", flush=True)
        sys.stdin.readline()
        start = time.time()
        end, done = start, 0
        while True:
            batch = work_one(session, name)
            if batch.rows:
                end = time.time()
                done += batch.done
            elif is_empty(session, tables):
                break
            else:
                time.sleep(0.005)
    print(json.dumps({"start": start, "end": end, "done": done}))


def keep_up(dsn: str, name: str) -> None:
    """A worker of ours: until it is told to stop. Prints every batch."""
    batches: list[Batch] = []
    told = threading.Event()
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=1) as session:
        warm_up(session)
        print("ready", flush=True)
        sys.stdin.readline()

        def listen() -> None:
            sys.stdin.read()
            told.set()

        threading.Thread(target=listen, daemon=True).start()
        while not told.is_set():
            batches.append(batch := work_one(session, name))
            if batch.rows < BATCH:
                time.sleep(0.02)
    print(json.dumps([astuple(b) for b in batches]))


def consume(dsn: str, _name: str) -> None:
    """A consumer of PgQ: until there are no more batches."""
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=1) as session:
        session.execute("select pgq.version()")
        print("ready", flush=True)
        sys.stdin.readline()
        start = time.time()
        end, done = start, 0
        while True:
            ((batch,),) = session.execute("select pgq.next_batch('bench', 'bench')").fetchall()
            if batch is None:
                break
            done += len(
                session.execute(
                    "select ev_id, ev_data from pgq.get_batch_events(%s)", [batch]
                ).fetchall()
            )
            session.execute("select pgq.finish_batch(%s)", [batch])
            end = time.time()
    print(json.dumps({"start": start, "end": end, "done": done}))


ROLES: dict[str, Callable[[str, str], None]] = {
    "drain": drain,
    "keep_up": keep_up,
    "consume": consume,
}


def command(role: str, dsn: str, number: int) -> list[str]:
    """How to start a worker of this file."""
    return [sys.executable, str(Path(__file__).resolve()), "--role", role, dsn, f"worker {number}"]


# 1. Throughput ----------------------------------------------------------------------------------


@dataclass
class Contender:
    """A queue: how to fill it, and how its workers empty it."""

    name: str
    fill: Callable[[int], None]
    run: Callable[[int], Run]
    workers: tuple[int, ...] = WORKERS
    settings: dict[str, Any] = field(default_factory=dict)
    # a slow one gets fewer jobs, so that nobody waits for it; what is measured is a rate
    divisor: int = 1


def steward(cluster: Cluster) -> Contender:
    """Ours: rows inserted into a tracked table, and the vectors stored."""
    create_steward(cluster, "steward", DIMENSIONS)
    connection = connect(cluster, "steward")
    connection.execute("create table document (id bigint primary key, body text not null)")
    connection.execute(
        "select steward.track('document', content => 'body', model => 'bench@1')"
    ).fetchall()
    dsn = cluster.dsn("steward")
    # the table is empty: this ends its backfill, which is not measured
    work_one(connection, "first")

    def fill(rows: int) -> None:
        connection.execute("truncate document")
        vacuum(connection)
        connection.execute(
            "insert into document select n, md5(n::text) from generate_series(1, %s) as n", [rows]
        )

    def run(workers: int) -> Run:
        commands = [command("drain", dsn, number) for number in range(workers)]
        return run_together(commands, cluster.env("steward"))

    return Contender("pg_steward", fill, run)


def vacuum(connection: Connection) -> None:
    """Begin without the past."""
    connection.execute("vacuum analyze")
    connection.execute("checkpoint")


def procrastinate(cluster: Cluster) -> Contender:
    """procrastinate: jobs that do nothing, in as many tasks at a time as suits it best."""
    create_procrastinate(cluster, "procrastinate")
    connection = connect(cluster, "procrastinate")
    python = python_peers() / "python"
    dsn = cluster.dsn("procrastinate")
    settings = {"concurrency": PROCRASTINATE_CONCURRENCY[0]}

    def fill(rows: int) -> None:
        connection.execute("truncate procrastinate_jobs cascade")
        vacuum(connection)
        command: list[str | Path] = [python, "-c", PROCRASTINATE_FILL, dsn, str(rows)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)

    def run(workers: int) -> Run:
        worker: list[str | Path] = [
            python,
            "-c",
            PROCRASTINATE_WORKER,
            dsn,
            str(settings["concurrency"]),
        ]
        return run_together([worker] * workers, cluster.env("procrastinate"))

    contender = Contender("procrastinate", fill, run, settings=settings, divisor=4)
    tune(contender, "concurrency", PROCRASTINATE_CONCURRENCY, 400)
    return contender


def graphile(cluster: Cluster) -> Contender:
    """graphile-worker: jobs that do nothing, fetched and completed in batches."""
    create_graphile(cluster, "graphile")
    connection = connect(cluster, "graphile")
    folder = node_peers()
    settings = {"concurrency": GRAPHILE_CONCURRENCY[0]}

    def fill(rows: int) -> None:
        connection.execute("truncate graphile_worker._private_jobs")
        vacuum(connection)
        connection.execute(
            "select count(*) from graphile_worker.add_jobs(array(select row("
            "'noop', json_build_object('n', n), null, null, null, null, null, null"
            ")::graphile_worker.job_spec from generate_series(1, %s) as n))",
            [rows],
        )

    def run(workers: int) -> Run:
        worker = ["node", "-e", GRAPHILE_WORKER, "--", str(settings["concurrency"])]
        return run_together([worker] * workers, cluster.env("graphile"), cwd=folder)

    contender = Contender("graphile-worker", fill, run, settings=settings)
    tune(contender, "concurrency", GRAPHILE_CONCURRENCY, 5000)
    return contender


def pgq(cluster: Cluster) -> Contender:
    """PgQ: events that a consumer reads in batches and forgets. One consumer, by its design."""
    create_pgq(cluster, "pgq")
    connection = connect(cluster, "pgq")

    def fill(rows: int) -> None:
        connection.execute("select pgq.drop_queue('bench', true) from pgq.queue").fetchall()
        connection.execute("select pgq.create_queue('bench')")
        connection.execute("update pgq.queue set queue_ticker_max_count = 1")
        connection.execute("select pgq.register_consumer('bench', 'bench')")
        for first in range(0, rows, BATCH):
            connection.execute(
                "select count(pgq.insert_event('bench', 'row', n::text)) "
                "from generate_series(%s::integer, %s) as n",
                [first + 1, min(first + BATCH, rows)],
            )
            connection.execute("select pgq.ticker('bench')")
        vacuum(connection)

    def run(_workers: int) -> Run:
        commands = [command("consume", cluster.dsn("pgq"), 0)]
        return run_together(commands, cluster.env("pgq"))

    return Contender("PgQ", fill, run, workers=(1,))


def tune(contender: Contender, setting: str, values: tuple[int, ...], jobs: int) -> None:
    """Let a contender have the setting that suits it best."""
    rates = {}
    for value in values:
        contender.settings[setting] = value
        contender.fill(jobs)
        rates[value] = contender.run(1).rate
    contender.settings[setting] = max(rates, key=lambda value: rates[value])


def measure_throughput(
    cluster: Cluster, ours: Contender, rows: int, rounds: int, missing: dict[str, str]
) -> Figures:
    """Rows or jobs a second, by workers."""
    everybody = [ours]
    for name, create in (
        ("procrastinate", procrastinate),
        ("graphile-worker", graphile),
        ("PgQ", pgq),
    ):
        try:
            everybody.append(create(cluster))
        except (Missing, Problem, subprocess.CalledProcessError) as reason:
            missing[name] = str(reason)
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for workers in WORKERS:
            for who in everybody:
                if workers in who.workers:
                    share = rows // who.divisor
                    who.fill(share)
                    run = who.run(workers)
                    if run.done != share:
                        raise Problem(f"{who.name} did {run.done} of {share}")
                    rates.setdefault((who.name, workers), []).append(run.rate)
    return {
        who.name: {
            "rows_per_second": {
                str(workers): round(statistics.median(rates[who.name, workers]), 1)
                for workers in who.workers
            },
            **who.settings,
        }
        for who in everybody
    }


# 2. An old transaction --------------------------------------------------------------------------


@dataclass(frozen=True)
class Stream:
    """Edits at a steady pace, spread over the rows of the table."""

    seconds: int
    edits: int
    rows: int


def measure_stream(cluster: Cluster, connection: Connection, stream: Stream, held: bool) -> Figures:
    """Edits at a steady pace and two workers, with or without a transaction that stays open."""
    dead_before, seconds = dead_tuples(connection), stream.seconds
    script = (
        f"\\set id random(1, {stream.rows})\n"
        "update document set body = md5(random()::text) where id = :id;\n"
    )
    pgbench = [
        *(cluster.bin("pgbench"), "-n", "-M", "prepared", "-f", "/dev/stdin"),
        *("-c", str(WRITERS), "-j", "1", "-R", str(stream.edits), "-T", str(seconds)),
    ]
    dsn = cluster.dsn("steward")
    commands = [command("keep_up", dsn, number) for number in range(2)]
    workers = Workers(commands, cluster.env("steward"))
    with psycopg.connect(dsn, autocommit=True) as holder:
        if held:
            holder.execute("begin isolation level repeatable read")
            holder.execute("select pg_current_xact_id(), (select count(*) from document)")
        ((position,),) = connection.execute("select pg_current_wal_lsn()").fetchall()
        start = time.time()
        workers.go()
        written = subprocess.run(
            pgbench,
            input=script,
            env=cluster.env("steward"),
            capture_output=True,
            text=True,
            check=False,
        )
        end = time.time()
        workers.stop()
        batches = [Batch(*batch) for result in workers.results() for batch in result]
        ((wal,),) = connection.execute(
            "select pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", [position]
        ).fetchall()
        time.sleep(1.5)  # until the sessions have told what they did
        dead = {
            kind: count - dead_before.get(kind, 0)
            for kind, count in dead_tuples(connection).items()
        }
        pending = pending_rows(connection)
        if held:
            holder.execute("rollback")
    found = re.search(r"number of transactions actually processed: (\d+)", written.stdout)
    if written.returncode or not found:
        raise Problem(f"pgbench failed: {written.stderr.strip()}")
    edge = min(EDGE, seconds / 4)
    first = claim_time(batches, start, start + edge)
    last = claim_time(batches, end - edge, end)
    return {
        "edits_per_second": round(int(found[1]) / seconds, 1),
        "rows_per_second": round(sum(b.done for b in batches if b.at < end) / seconds, 1),
        "busy": sum(b.busy for b in batches),
        "claim_ms_first": round(first, 3),
        "claim_ms_last": round(last, 3),
        "claim_growth": round(last / first, 2) if first else None,
        "wal_bytes_per_edit": round(int(wal) / int(found[1])),
        "dead_tuples": dead,
        "pending": pending,
    }


def claim_time(batches: list[Batch], start: float, end: float) -> float:
    """Milliseconds that a claim which found something took, between two moments."""
    times = [b.claim for b in batches if start <= b.at < end and b.rows]
    return statistics.median(times) * 1000 if times else 0.0


def dead_tuples(connection: Connection) -> dict[str, int]:
    """Row versions in our tables that are dead, by kind of table."""
    return dict(
        connection.execute(
            "select "
            "coalesce(substring(relname from '_(mark|gone|job|doc|chunk)(?:_[01])?$'), relname), "
            "sum(n_dead_tup)::bigint from pg_stat_all_tables "
            "where schemaname in ('steward_data', 'steward_private') group by 1 "
            "having sum(n_dead_tup) > 0 order by 1"
        ).fetchall()
    )


def pending_rows(connection: Connection) -> int:
    """How many marks and jobs wait."""
    return sum(
        connection.execute(sql.SQL("select count(*) from {}").format(sql.SQL(table))).fetchall()[0][
            0
        ]
        for table in generated_tables(connection, "(mark_[01]|gone|job)")
    )


def measure_held(cluster: Cluster, ours: Contender, stream: Stream) -> Figures:
    """The same stream, undisturbed and with an old transaction."""
    figures: Figures = asdict(stream)
    with connect(cluster, "steward") as connection:
        for name, held in (("clean", False), ("held", True)):
            ours.fill(stream.rows)
            ours.run(2)
            vacuum(connection)
            figures[name] = measure_stream(cluster, connection, stream, held)
        vacuum(connection)
    done = figures["clean"]["rows_per_second"]
    kept = figures["held"]["rows_per_second"] / done if done else 0.0
    figures["throughput_kept"] = round(kept, 3)
    return figures


# 3. Depth ---------------------------------------------------------------------------------------


def measure_depth(cluster: Cluster, ours: Contender, depths: list[int]) -> Figures:
    """Milliseconds a row, by how many rows are queued: to find the changes, claim and complete."""
    figures: Figures = {}
    with connect(cluster, "steward") as session:
        warm_up(session)
        marks = generated_tables(session, "mark_[01]")
        for depth in depths:
            ours.fill(depth)
            # a claim of one row costs next to nothing but the changes that it finds
            start = time.perf_counter()
            while not is_empty(session, marks):
                work_one(session, "bench", 1)
            fold = (time.perf_counter() - start) / depth
            measured = [work_one(session, "bench") for _ in range(BATCHES)]
            rows = sum(batch.rows for batch in measured)
            claim = sum(batch.claim for batch in measured) / rows
            complete = sum(batch.complete for batch in measured) / rows
            figures[str(depth)] = {
                "fold_ms_per_row": round(fold * 1000, 4),
                "claim_ms_per_row": round(claim * 1000, 4),
                "complete_ms_per_row": round(complete * 1000, 4),
                "ms_per_row": round((fold + claim + complete) * 1000, 4),
            }
    least, most = str(min(depths)), str(max(depths))
    figures["growth"] = round(figures[most]["ms_per_row"] / figures[least]["ms_per_row"], 2)
    return figures


# All --------------------------------------------------------------------------------------------


def show(figures: Figures) -> None:
    """Print the figures for people."""
    print(f"\nclaim to complete, {figures['rows']} rows or jobs, a second:")
    for name, cell in figures["throughput"].items():
        rates = cell["rows_per_second"].items()
        text = ", ".join(f"{workers} w: {rate:.0f}" for workers, rate in rates)
        print(f"  {name + ':':<17}{text}")
    print(
        "  Ours does real work in that time: it finds changes, reads rows, cuts, compares and\n"
        "  stores vectors. The jobs of the others do nothing."
    )
    if held := figures.get("held"):
        print(
            f"\n{held['edits']} edits/s for {held['seconds']} s, without and with an old "
            f"transaction; throughput kept: {held['throughput_kept']:.2f}"
        )
        for name in ("clean", "held"):
            print(
                "  {name:<6}{edits_per_second:.0f} edits/s, {rows_per_second:.0f} rows/s, claim "
                "{claim_ms_first:.1f} ms at first, {claim_ms_last:.1f} ms at last, "
                "{wal_bytes_per_edit} bytes of WAL an edit, {dead} dead tuples".format(
                    name=name, dead=sum(held[name]["dead_tuples"].values()), **held[name]
                )
            )
    if depth := figures.get("depth"):
        print("\nmilliseconds a row, by rows queued")
        for rows, cell in depth.items():
            if rows != "growth":
                print(
                    f"  {rows:>8}: {cell['ms_per_row']:.3f} (find the change "
                    f"{cell['fold_ms_per_row']:.3f}, claim {cell['claim_ms_per_row']:.3f}, "
                    f"complete {cell['complete_ms_per_row']:.3f})"
                )
    for name, reason in figures["missing"].items():
        print(f"\nmissing: {name} ({reason})")
    print()


def main() -> None:
    """Measure everything in a server of its own and print it."""
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, help="rows and jobs queued (default: 20000)")
    parser.add_argument("--rounds", type=int, help="rounds of the first part (default: 3)")
    parser.add_argument("--hold-seconds", type=int, help="of the second part (default: 75; 0: not)")
    parser.add_argument("--edits", type=int, default=2000, help="edits a second (default: 2000)")
    parser.add_argument(
        "--deep",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="measure with 10000 and 100000 rows queued (default: yes)",
    )
    parser.add_argument("--rows-deep", type=int, help="measure with that many rows queued as well")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="2000 rows, 1 round, 5 seconds, 5000 and 20000 queued: rough figures",
    )
    parser.add_argument("--role", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        role, dsn, name = options.role
        ROLES[role](dsn, name)
        return
    quick = options.quick
    rows = options.rows or (2000 if quick else 20_000)
    rounds = options.rounds or (1 if quick else 3)
    seconds = options.hold_seconds
    if seconds is None:
        seconds = 5 if quick else 75
    stream = Stream(seconds, options.edits, 4000 if quick else 20_000)
    depths = ([5000, 20_000] if quick else [10_000, 100_000]) if options.deep else []
    depths += [options.rows_deep] if options.rows_deep else []
    figures: Figures = {"bench": "queue", "rows": rows, "rounds": rounds, "missing": {}}
    provision(15)
    with Cluster.ephemeral(15, DURABLE) as cluster:
        figures["postgresql"] = cluster.postgres.major
        ours = steward(cluster)
        figures["throughput"] = measure_throughput(cluster, ours, rows, rounds, figures["missing"])
        if seconds:
            figures["held"] = measure_held(cluster, ours, stream)
        if depths:
            figures["depth"] = measure_depth(cluster, ours, depths)
    show(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    run_bench(main)
