#!/usr/bin/env python3
"""Measure what is sent to a model when documents change, and whether what changed is in it.

    make bench-changes OLD=manual-15.jsonl.gz NEW=manual-17.jsonl.gz
    make bench-changes OLD=... NEW=... CURVE=docs/changes.svg   draws the trade-offs as well

OLD and NEW are two versions of a corpus: lines such as {"path": "a/page", "content": "its text"}.
Measured are the documents that are in both with different texts; a new document is sent whole by
every method, so it tells nothing.

Three figures belong together. sent: characters sent, of the characters of the changed documents.
coverage: of the paragraphs that really changed (no paragraph of the old document is as much as
0.95 similar), the share that lies wholly in freshly embedded chunks. moved: the share of chunks
that now stand elsewhere in their document, and keep their vector. The last line has all figures
as JSON, shares from 0 to 1.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_text_splitters import RecursiveCharacterTextSplitter

from bench_command import parser_of, run_bench
from bench_corpus import Change, Corpora, Span, covered, read_corpora
from bench_peers import ROOT, python_environment
from pgenv import Problem
from pgenv.home import say
from steward_py.chunking import parse_chunking
from steward_py.planning import KnownChunk, plan
from steward_py.significance import parse_policy

PLOT_PACKAGES = ("matplotlib==3.10.8",)
PEER_CHUNK_SIZE = 1000

# What the curve is drawn of.
CURVE_SIZES = (300, 450, 600, 800, 1200)
CURVE_SIMILARITIES = (0.90, 0.95, 1.0)
CURVE_RULES: dict[str, dict[str, object]] = {
    "guards": {},
    "no guards": {"guards": []},
    "similarity only": {"guards": [], "structure": False},
}


@dataclass(frozen=True)
class Result:
    """What a method does about one changed document."""

    sent: int  # characters
    chunks: int
    moved: int
    kept: int
    fresh: Sequence[Span]
    stages: Mapping[str, int] = field(default_factory=dict)


# Takes a change; what it needs to know of the old text is not part of its time.
Method = Callable[[Change], tuple[Result, float]]


def per_row(change: Change) -> tuple[Result, float]:
    """The whole document is cut and sent again."""
    start = time.perf_counter()
    pieces = _cut_recursively(change.new)
    seconds = time.perf_counter() - start
    characters = sum(len(text) for _, text in pieces)
    return Result(characters, len(pieces), 0, 0, [_span(piece) for piece in pieces]), seconds


def exact(change: Change) -> tuple[Result, float]:
    """A chunk with the very text of an old one keeps its vector."""
    stored: defaultdict[str, list[int]] = defaultdict(list)
    for ordinal, (_, text) in enumerate(_cut_recursively(change.old)):
        stored[text].append(ordinal)
    start = time.perf_counter()
    pieces = _cut_recursively(change.new)
    fresh: dict[str, Span] = {}
    spans: list[Span] = []
    moved = 0
    for ordinal, (place, text) in enumerate(pieces):
        if stored.get(text):
            row = ordinal if ordinal in stored[text] else stored[text][0]
            stored[text].remove(row)
            moved += row != ordinal
        else:
            spans.append(_span((place, text)))
            fresh[text] = spans[-1]
    seconds = time.perf_counter() - start
    characters = sum(len(text) for text in fresh)
    return Result(characters, len(pieces), moved, len(pieces) - len(spans), spans), seconds


_SPLITTER = RecursiveCharacterTextSplitter(
    chunk_size=PEER_CHUNK_SIZE, chunk_overlap=0, add_start_index=True
)


def _cut_recursively(text: str) -> list[tuple[int, str]]:
    return [
        (piece.metadata["start_index"], piece.page_content)
        for piece in _SPLITTER.create_documents([text])
    ]


def _span(piece: tuple[int, str]) -> Span:
    return piece[0], piece[0] + len(piece[1])


def ours(
    chunking_options: Mapping[str, object] | None = None,
    policy_options: Mapping[str, object] | None = None,
) -> Method:
    """What pg_steward plans with some settings."""
    chunking = parse_chunking(chunking_options)
    policy = parse_policy(policy_options)

    def method(change: Change) -> tuple[Result, float]:
        before = plan(change.old, [], chunking, policy).as_dict()
        known = [
            KnownChunk(ordinal, ordinal, piece["chunk_hash"], before["texts"][piece["vector"]])
            for ordinal, piece in enumerate(before["chunks"])
        ]
        start = time.perf_counter()
        after = plan(change.new, known, chunking, policy).as_dict()
        seconds = time.perf_counter() - start
        chunks = after["chunks"]
        same_text = {row.chunk_id: row.chunk_hash for row in known}
        return Result(
            sent=sum(map(len, after["texts"])),
            chunks=len(chunks),
            moved=sum(
                "chunk_id" in piece
                and piece["chunk_id"] != piece["ordinal"]
                and same_text[piece["chunk_id"]] == piece["chunk_hash"]
                for piece in chunks
            ),
            kept=sum("chunk_id" in piece for piece in chunks),
            fresh=[(piece["start"], piece["end"]) for piece in chunks if "vector" in piece],
            stages=after.get("details", {}).get("stages", {}),
        ), seconds

    return method


METHODS: dict[str, Callable[[], Method]] = {
    "per_row": lambda: per_row,
    "exact": lambda: exact,
    "ours": ours,
    "ours_no_guards": lambda: ours(None, {"guards": []}),
    "similarity_only": lambda: ours(None, {"guards": [], "structure": False}),
}


def measure(corpora: Corpora, method: Method) -> dict[str, Any]:
    """The figures of a method."""
    sent = chunks = moved = kept = fresh = hit = 0
    seconds = 0.0
    stages: Counter[str] = Counter()
    for change in corpora.changes:
        result, spent = method(change)
        sent += result.sent
        chunks += result.chunks
        moved += result.moved
        kept += result.kept
        fresh += len(result.fresh)
        stages.update(result.stages)
        hit += covered(change.new, change.really_changed, result.fresh)
        seconds += spent
    figures: dict[str, Any] = {
        "sent": sent / corpora.characters,
        # of nothing, nothing is missing
        "coverage": hit / corpora.really_changed if corpora.really_changed else 1.0,
        "moved": moved / chunks,
        "kept": kept / chunks,
        "seconds": seconds,
        "characters": sent,
        "chunks": chunks,
        "chunks_sent": fresh,
    }
    if stages:
        figures["stages"] = dict(stages)
    return figures


def table(methods: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """The figures in Markdown."""
    yield "| | sent | coverage | chunks sent | moved | kept | seconds |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, figures in methods.items():
        yield (
            "| {name} | {sent:.1%} | {coverage:.2%} | {chunks_sent:,} of {chunks:,}"
            " | {moved:.1%} | {kept:.1%} | {seconds:.1f} |"
        ).format(name=name, **figures)


def measure_curve(corpora: Corpora) -> list[dict[str, Any]]:
    """What chunk size, similarity and rules make of it."""
    points = []
    for rules, policy in CURVE_RULES.items():
        for similarity in CURVE_SIMILARITIES:
            # What is equal is accepted under all rules, and at 1 nothing else.
            if similarity == 1.0 and policy:
                continue
            say(f"curve: {rules}, similarity {similarity}")
            for size in CURVE_SIZES:
                method = ours({"size": size}, {"similarity": similarity, **policy})
                figures = measure(corpora, method)
                points.append(
                    {
                        "rules": rules,
                        "similarity": similarity,
                        "size": size,
                        "sent": figures["sent"],
                        "coverage": figures["coverage"],
                    }
                )
    return points


def draw(points: Sequence[Mapping[str, Any]], default: Mapping[str, Any], file: Path) -> None:
    """Draw the curve with a plotting library, which is installed for that alone."""
    python = python_environment("plot", PLOT_PACKAGES) / "python"
    done = subprocess.run(
        [python, ROOT / "scripts" / "draw_changes.py", file],
        input=json.dumps({"points": points, "default": default}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Problem(f"the curve could not be drawn: {last}")


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("old", type=Path, help="the corpus as it was")
    parser.add_argument("new", type=Path, help="the corpus as it is")
    parser.add_argument("--curve", type=Path, metavar="FILE", help="draw the trade-offs as SVG")
    arguments = parser.parse_args()
    corpora = read_corpora(arguments.old, arguments.new)
    print(
        f"{len(corpora.changes):,} of {corpora.documents:,} documents changed;"
        f" {corpora.characters:,} characters, {corpora.really_changed:,} paragraphs"
        " really changed\n"
    )
    methods = {name: measure(corpora, make()) for name, make in METHODS.items()}
    print("\n".join(table(methods)))
    figures: dict[str, Any] = {"corpora": corpora.as_dict(), "methods": methods}
    if arguments.curve:
        figures["curve"] = measure_curve(corpora)
        draw(figures["curve"], methods["ours"], arguments.curve)
        print(f"\ndrawn: {arguments.curve}")
    print(json.dumps(figures))


if __name__ == "__main__":
    run_bench(main)
