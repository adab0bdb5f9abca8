#!/usr/bin/env python3
"""Measure how fast texts are cut, and how much of them an edit makes embed again.

    make bench-chunking                              the documents of this repository
    make bench-chunking TEXT=pages.jsonl.gz          lines of JSON with path and content
    make bench-chunking ARGS='--rounds 50'

pg_steward cuts inside PostgreSQL: steward.chunk() over a table of texts, everything that it returns
included. langchain-text-splitters, semantic-text-splitter and chonkie cut the same texts in plain
Python, without a database. They take turns. The texts are timed in batches of some milliseconds,
and the best round of each batch counts, so that other work on the machine does not. Then one
sentence of 61 characters is inserted in the first fifth of each longer text, and the chunks that
were not there before are counted: the floor is 1. The last line has all figures as JSON.
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from bench_command import parser_of, run_bench
from bench_peers import ROOT, Missing, connect, create_steward, splitters
from pgenv import Cluster, Problem, provision
from steward_py.chunking import DEFAULT

# what nobody has to ask for
SIZE = DEFAULT.size
INSERTED = "Somebody put this sentence of sixty-one characters in today. "
# characters that are timed together
BATCH = 200_000
# a text that is edited has room for this many chunks
LONG = 5
STRATEGIES = ("stable", "recursive", "fixed", "sentence", "markdown")
BASELINE = "langchain"

Figures = dict[str, Any]

# Reads the texts, then answers: seconds and chunks of each batch, or new chunks of each edit.
PEERS = """
import json, sys, time

def langchain(size):
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    return RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0).split_text

def semantic(size):
    from semantic_text_splitter import TextSplitter
    return TextSplitter(size).chunks

def chonkie(size):
    from chonkie import RecursiveChunker
    chunker = RecursiveChunker(tokenizer="character", chunk_size=size)
    return lambda text: [chunk.text for chunk in chunker.chunk(text)]

given = json.load(open(sys.argv[1], encoding="utf-8"))
cut = {f.__name__: f(given["size"]) for f in (langchain, semantic, chonkie)}
print(json.dumps(list(cut)), flush=True)
for line in sys.stdin:
    name, what = line.split()
    split = cut[name]
    if what == "time":
        answer = []
        for batch in given["batches"]:
            start = time.perf_counter()
            chunks = sum(len(split(text)) for text in batch)
            answer.append([time.perf_counter() - start, chunks])
        print(json.dumps(answer), flush=True)
    else:
        changed = []
        for before, after in given["edits"]:
            known = set(split(before))
            changed.append(sum(chunk not in known for chunk in split(after)))
        print(json.dumps(changed), flush=True)
"""


def read_texts(path: Path | None) -> list[str]:
    """The contents of a file of lines, or the documents of this repository."""
    if path is None:
        files = sorted([*ROOT.glob("*.md"), *ROOT.glob("sql/*.md"), *ROOT.glob("scripts/*.py")])
        return [file.read_text(encoding="utf-8") for file in files]
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["content"] for line in file]


def edited(texts: list[str]) -> list[tuple[str, str]]:
    """Each longer text, and with a sentence more in the first fifth of it."""
    dice = random.Random(1)  # noqa: S311  to repeat it is the point
    pairs = []
    for text in texts:
        if len(text) < LONG * SIZE:
            continue
        place = text.find(" ", dice.randrange(len(text) // 5)) + 1
        pairs.append((text, text[:place] + INSERTED + text[place:]))
    return pairs


def in_batches(texts: list[str]) -> list[list[str]]:
    """The texts in order, so many together that their time can be measured."""
    batches: list[list[str]] = [[]]
    for text in texts:
        if sum(map(len, batches[-1])) >= BATCH:
            batches.append([])
        batches[-1].append(text)
    return batches


class Ours:
    """steward.chunk() with one strategy."""

    def __init__(self, connection: psycopg.Connection[Any], strategy: str) -> None:
        self._connection = connection
        self._chunking = json.dumps({"strategy": strategy, "size": SIZE})

    def timed(self) -> list[tuple[float, int]]:
        """How long each batch takes, and how many chunks it has."""
        batches = self._connection.execute("select distinct batch from text_of").fetchall()
        return [self._timed(batch) for (batch,) in sorted(batches)]

    def _timed(self, batch: int) -> tuple[float, int]:
        start = time.perf_counter()
        ((chunks,),) = self._connection.execute(
            "select count(*) from text_of as t cross join lateral steward.chunk(t.body, %s) as c "
            "where t.batch = %s",
            [self._chunking, batch],
        ).fetchall()
        return time.perf_counter() - start, chunks

    def changed(self) -> list[int]:
        """How many chunks of each edited text are new."""
        return [
            count
            for (count,) in self._connection.execute(
                "select (select count(*) from steward.chunk(e.after, %(chunking)s) as a "
                "where a.chunk_hash not in (select b.chunk_hash "
                "from steward.chunk(e.before, %(chunking)s) as b)) from edit as e order by e.id",
                {"chunking": self._chunking},
            ).fetchall()
        ]


class Peers:
    """The other packages, in one process with a Python of its own."""

    def __init__(
        self, folder: Path, batches: list[list[str]], edits: list[tuple[str, str]]
    ) -> None:
        given = folder / "texts.json"
        given.write_text(json.dumps({"size": SIZE, "batches": batches, "edits": edits}))
        self._process = subprocess.Popen(
            [splitters() / "python", "-c", PEERS, given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.names: list[str] = self._answer()

    def ask(self, name: str, what: str) -> Any:  # noqa: ANN401  its answers have two forms
        """Have one of them do something."""
        assert self._process.stdin  # noqa: S101  it is a pipe
        self._process.stdin.write(f"{name} {what}\n")
        self._process.stdin.flush()
        return self._answer()

    def stop(self) -> None:
        """Let the process end."""
        self._process.communicate()

    def _answer(self) -> Any:  # noqa: ANN401
        assert self._process.stdout  # noqa: S101  it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise Problem("the process with the other packages ended")
        return json.loads(line)


def load(connection: psycopg.Connection[Any], batches: list[list[str]], edits: list[Any]) -> None:
    """Tables of the texts."""
    connection.execute("create table text_of (batch integer, body text not null)")
    connection.execute("create table edit (id integer, before text not null, after text not null)")
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into text_of values (%s, %s)",
            [[number, text] for number, batch in enumerate(batches) for text in batch],
        )
        cursor.executemany(
            "insert into edit values (%s, %s, %s)",
            [[number, before, after] for number, (before, after) in enumerate(edits)],
        )
    connection.execute("create index on text_of (batch)")
    connection.execute("vacuum analyze text_of")


def measure(
    timed: dict[str, Callable[[], Any]],
    changed: dict[str, Callable[[], list[int]]],
    figures: Figures,
) -> None:
    """Let everybody take turns, and note the best round of each."""
    rounds: dict[str, list[list[tuple[float, int]]]] = {name: [] for name in timed}
    for _ in range(figures["rounds"]):
        for name, call in timed.items():
            rounds[name].append(call())
    best = {
        name: sum(min(batch)[0] for batch in zip(*of, strict=True)) for name, of in rounds.items()
    }
    for name, seconds in best.items():
        chunks = sum(count for _, count in rounds[name][0])
        counts = changed[name]()
        figures["methods"][name] = {
            "characters_per_second": round(figures["characters"] / seconds),
            "chunks": chunks,
            "chunks_per_edit": round(sum(counts) / len(counts), 3),
            "most_chunks_per_edit": max(counts),
        }
    if BASELINE in best:
        for name, seconds in best.items():
            figures["methods"][name]["speed_to_langchain"] = round(best[BASELINE] / seconds, 2)


def show(figures: Figures) -> None:
    """Print it for people."""
    print(
        f"{figures['texts']} texts, {figures['characters']} characters, {figures['edits']} edits, "
        f"chunks of {SIZE}, PostgreSQL {figures['postgresql']}"
    )
    print(f"\n  {'':24}{'MB/s':>8}{'langchain':>12}{'chunks':>9}{'per edit':>10}{'most':>6}")
    for name, row in figures["methods"].items():
        ratio = row.get("speed_to_langchain")
        print(
            f"  {name:24}{row['characters_per_second'] / 1e6:>8.1f}"
            f"{'' if ratio is None else f'{ratio} x':>12}{row['chunks']:>9}"
            f"{row['chunks_per_edit']:>10}{row['most_chunks_per_edit']:>6}"
        )
    for name, reason in figures["missing"].items():
        print(f"  {name}: {reason}")
    print()


def main() -> None:
    """Measure everything in a server of its own and print it."""
    parser = parser_of(__doc__)
    parser.add_argument("--text", type=Path, help="lines of JSON with path and content, or .gz")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each (default: 15)")
    options = parser.parse_args()
    texts = read_texts(options.text)
    batches = in_batches(texts)
    edits = edited(texts)
    if not edits:
        raise Problem(f"no text has {LONG * SIZE} characters")
    figures: Figures = {
        "bench": "chunking",
        "texts": len(texts),
        "characters": sum(map(len, texts)),
        "edits": len(edits),
        "size": SIZE,
        "rounds": options.rounds,
        "methods": {},
        "missing": {},
    }
    provision(15)
    with Cluster.ephemeral(15) as cluster, tempfile.TemporaryDirectory() as folder:
        figures["postgresql"] = cluster.postgres.major
        create_steward(cluster, "steward", 8)
        with connect(cluster, "steward") as connection:
            load(connection, batches, edits)
            timed: dict[str, Callable[[], Any]] = {}
            changed: dict[str, Callable[[], list[int]]] = {}
            for strategy in STRATEGIES:
                ours = Ours(connection, strategy)
                timed[f"pg_steward {strategy}"] = ours.timed
                changed[f"pg_steward {strategy}"] = ours.changed
            peers = None
            try:
                peers = Peers(Path(folder), batches, edits)
            except Missing as reason:
                figures["missing"]["other packages"] = str(reason)
            else:
                for name in peers.names:
                    timed[name] = partial(peers.ask, name, "time")
                    changed[name] = partial(peers.ask, name, "edits")
            measure(timed, changed, figures)
            if peers:
                peers.stop()
    show(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    run_bench(main)
