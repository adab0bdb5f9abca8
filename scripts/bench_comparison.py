#!/usr/bin/env python3
"""Measure how long it takes to find out what an edit of a 20 KB document changed.

    make bench-comparison

The planner cuts the new text, finds the chunks that stayed, aligns the others and judges them. The
same two texts are compared as a whole by difflib (with its heuristic for long texts and without)
and by rapidfuzz, which is all that they do: they tell no chunk from another. All in turn, in one
process, the median of several rounds. The last line has all figures as JSON.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Any
from unittest.mock import patch

from rapidfuzz.distance import Indel

from bench_command import parser_of, run_bench
from bench_peers import ROOT
from pgenv import Problem
from steward_py import similarity
from steward_py.planning import KnownChunk, plan

SIZE = 20_000
PROSE = ("README.md", "ARCHITECTURE.md")
SENTENCE = "Whoever reads this far will find one sentence more than there was before. "


def edits(text: str) -> dict[str, str]:
    """The same text with a sentence more, with a number changed, and with ten small edits."""
    places = [place + 2 for place in range(len(text)) if text.startswith(". ", place)]
    middle = places[len(places) // 2]
    digit = next(place for place in range(middle, len(text)) if text[place].isdigit())
    other = "7" if text[digit] != "7" else "8"
    tenfold = text
    for place in reversed(places[:: max(1, len(places) // 10)][:10]):
        tenfold = tenfold[:place] + "And " + tenfold[place:]
    return {
        "sentence": text[:middle] + SENTENCE + text[middle:],
        "number": text[:digit] + other + text[digit + 1 :],
        "ten edits": tenfold,
    }


def milliseconds(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median of what each takes, measured in turn; what takes long is measured twice."""
    spent: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(rounds):
        for name, action in actions.items():
            if number < 2 or spent[name][0] < 0.1:
                start = time.perf_counter()
                action()
                spent[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) * 1000 for name, values in spent.items()}


def measure(old: str, new: str, rounds: int) -> dict[str, float]:
    """Milliseconds to compare two texts."""
    known = [
        KnownChunk(each.chunk.ordinal, each.chunk.ordinal, each.chunk_hash, each.text)
        for each in plan(old, []).chunks
    ]

    def without_library() -> None:
        with patch.object(similarity, "_library", lambda: None):
            plan(new, known)

    return milliseconds(
        {
            "planner": lambda: plan(new, known),
            "planner_without_rapidfuzz": without_library,
            "rapidfuzz": lambda: Indel.normalized_similarity(old, new),
            "difflib": lambda: SequenceMatcher(None, old, new).ratio(),
            "difflib_exact": lambda: SequenceMatcher(None, old, new, autojunk=False).ratio(),
        },
        rounds,
    )


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    text = "\n\n".join((ROOT / name).read_text(encoding="utf-8") for name in PROSE)
    if len(text) < SIZE:
        raise Problem(f"{' and '.join(PROSE)} have less than {SIZE} characters")
    old = text[:SIZE]
    figures: dict[str, Any] = {"characters": SIZE, "edits": {}}
    for name, new in edits(old).items():
        spent = measure(old, new, rounds)
        figures["edits"][name] = {
            "milliseconds": spent,
            "ratios": {other: spent[other] / spent["planner"] for other in spent},
        }
        print(f"{name}:")
        for other, took in spent.items():
            print(f"    {other:26} {took:10.2f} ms   {took / spent['planner']:8.2f} x")
    print(json.dumps(figures))


if __name__ == "__main__":
    run_bench(main)
