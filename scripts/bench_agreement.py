#!/usr/bin/env python3
"""Measure whether what texts say of a change is what the vectors of a real model say.

    make bench-agreement OLD=manual-15.jsonl.gz NEW=manual-17.jsonl.gz
    make bench-agreement OLD=... NEW=... ARGS='--pairs 0 --list misses.txt'     all of them

OLD and NEW are two versions of a corpus: lines such as {"path": "a/page", "content": "its text"}.
The pairs are the changed chunks of the documents in both, each with the chunk that it came from,
as the planner aligns them, however little the two have in common; what came from none, because
nothing is 0.3 like it, is in no pair. Of a pair the text stages say "keep the vector" or "embed",
with default settings; the model says "the same" when the cosine of the two vectors is 0.95 or more.

A pair that is kept and not the same is a miss: search goes on with a vector that is no longer
right. All of them are listed. A pair that is embedded and the same was sent in vain, as far as this
model can tell: guards and structure do so on purpose, for what a model does not see, such as 10 mg
that has become 1000 mg.

The model, all-MiniLM-L6-v2 with PyTorch, is installed in an environment of its own, some GB.
The last line has all figures as JSON, shares from 0 to 1.
"""

from __future__ import annotations

import difflib
import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_command import parser_of, run_bench
from bench_corpus import Corpora, read_corpora
from bench_peers import ROOT, real_model
from pgenv import Problem
from pgenv.home import say
from steward_py.planning import KnownChunk, plan

SAME = 0.95
THRESHOLDS = (0.8, 0.85, 0.88, 0.9, 0.92, 0.95, 0.97)
BANDS = (0.0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99, 1.0)


@dataclass(frozen=True)
class Pair:
    """A changed chunk, what it came from, and what the text stages say."""

    path: str
    old: str
    new: str
    stage: str
    similarity: float
    kept: bool


@dataclass(frozen=True)
class Judged:
    """A pair, and what the model says."""

    pair: Pair
    cosine: float

    @property
    def same(self) -> bool:
        return self.cosine >= SAME


def changed_pairs(corpora: Corpora) -> list[Pair]:
    """The changed chunks, each with the one it came from; a new chunk came from none."""
    pairs = []
    for change in corpora.changes:
        before = plan(change.old, [])
        known = [
            KnownChunk(each.chunk.ordinal, each.chunk.ordinal, each.chunk_hash, each.text)
            for each in before.chunks
        ]
        for each in plan(change.new, known).chunks:
            if each.near is not None and each.similarity is not None:
                kept = each.chunk_id is not None
                pairs.append(
                    Pair(change.path, each.near.text, each.text, each.stage, each.similarity, kept)
                )
    if not pairs:
        raise Problem("no changed chunk has one that it came from: nothing to measure")
    return pairs


def ask_model(pairs: Sequence[Pair]) -> list[Judged]:
    """What the model says of each pair."""
    python = real_model() / "python"
    say(f"embedding {len(pairs):,} pairs ...")
    done = subprocess.run(
        [python, ROOT / "scripts" / "cosine_of_pairs.py"],
        input=json.dumps({"pairs": [(pair.old, pair.new) for pair in pairs]}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Problem(f"the model could not be asked: {last}")
    cosines = json.loads(done.stdout.splitlines()[-1])["cosines"]
    return [Judged(pair, cosine) for pair, cosine in zip(pairs, cosines, strict=True)]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def summarise(judged: Sequence[Judged]) -> dict[str, Any]:
    """Where text and model agree."""
    kept = [each for each in judged if each.pair.kept]
    same = [each for each in judged if each.same]
    both = sum(each.same for each in kept)
    alike = [each for each in judged if each.pair.similarity >= SAME]
    not_same = [each for each in alike if not each.same]
    stages: dict[str, Any] = {}
    for stage in sorted({each.pair.stage for each in judged}):
        of_stage = [each for each in judged if each.pair.stage == stage]
        stages[stage] = {
            "pairs": len(of_stage),
            "kept": any(each.pair.kept for each in of_stage),
            "same": sum(each.same for each in of_stage) / len(of_stage),
        }
    bands = []
    for low, high in zip(BANDS, (*BANDS[1:], 1.01), strict=True):
        of_band = [each for each in judged if low <= each.pair.similarity < high]
        if of_band:
            share = sum(each.same for each in of_band) / len(of_band)
            bands.append({"similarity": low, "pairs": len(of_band), "same": share})
    return {
        "pairs": len(judged),
        "agreement": sum(each.pair.kept == each.same for each in judged) / len(judged),
        "agreement_of_kept": _share(both, len(kept)),
        "agreement_of_similarity": sum(
            (each.pair.similarity >= SAME) == each.same for each in judged
        )
        / len(judged),
        "agreement_of_similar": _share(sum(each.same for each in alike), len(alike)),
        "agreement_by_threshold": {
            f"{threshold:.2f}": sum(
                (each.pair.similarity >= threshold) == each.same for each in judged
            )
            / len(judged)
            for threshold in THRESHOLDS
        },
        "similar_not_same": len(not_same),
        "similar_not_same_by_stage": dict(Counter(each.pair.stage for each in not_same)),
        "same_not_similar": len(same) - len(alike) + len(not_same),
        "kept": len(kept),
        "same": len(same),
        "misses": len(kept) - both,
        "in_vain": len(same) - both,
        "stages": stages,
        "bands": bands,
    }


def describe_miss(each: Judged) -> Iterable[str]:
    """A miss, for a person: where, how alike, and the words that changed."""
    pair = each.pair
    yield f"{pair.path}: cosine {each.cosine:.4f}, similarity {pair.similarity:.4f}, {pair.stage}"
    old, new = pair.old.split(), pair.new.split()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            gone, came = " ".join(old[start:end]), " ".join(new[new_start:new_end])
            yield f"    - {gone[:200]}"
            yield f"    + {came[:200]}"


def report(figures: Mapping[str, Any]) -> Iterable[str]:
    """The figures as tables."""
    yield "| stage | says | pairs | cosine >= 0.95 |"
    yield "| --- | --- | ---: | ---: |"
    for stage, of_stage in figures["stages"].items():
        says = "keep" if of_stage["kept"] else "embed"
        yield f"| {stage} | {says} | {of_stage['pairs']:,} | {of_stage['same']:.1%} |"
    yield ""
    yield "| text similarity from | pairs | cosine >= 0.95 |"
    yield "| ---: | ---: | ---: |"
    for band in figures["bands"]:
        yield f"| {band['similarity']:.2f} | {band['pairs']:,} | {band['same']:.1%} |"
    yield ""
    kept = figures["agreement_of_kept"]
    yield "of the kept pairs " + ("there is none" if kept is None else f"{kept:.2%} are the same")
    yield f"of all pairs {figures['agreement']:.2%} agree; by similarity alone, without guards and"
    yield f"structure, {figures['agreement_of_similarity']:.2%}: {figures['same_not_similar']:,}"
    yield f"the same and less alike, {figures['similar_not_same']:,} alike, not the same; of which"
    by_stage = figures["similar_not_same_by_stage"].items()
    yield "the stages say " + ", ".join(f"{stage} of {count}" for stage, count in by_stage)
    by_threshold = figures["agreement_by_threshold"].items()
    yield "by threshold: " + ", ".join(f"{each} {share:.1%}" for each, share in by_threshold)
    yield f"misses (kept, not the same) {figures['misses']:,}; sent in vain {figures['in_vain']:,}"


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("old", type=Path, help="the corpus as it was")
    parser.add_argument("new", type=Path, help="the corpus as it is")
    parser.add_argument(
        "--pairs", type=int, default=1000, help="how many, drawn by lot; 0: all (default 1000)"
    )
    parser.add_argument("--list", type=Path, metavar="FILE", help="write the misses to a file")
    arguments = parser.parse_args()
    pairs = changed_pairs(read_corpora(arguments.old, arguments.new))
    found = len(pairs)
    if 0 < arguments.pairs < found:
        pairs = random.Random(0).sample(pairs, arguments.pairs)  # noqa: S311
    judged = ask_model(pairs)
    figures = summarise(judged)
    print(f"{len(pairs):,} of {found:,} changed pairs\n")
    print("\n".join(report(figures)))
    misses = sorted(
        (each for each in judged if each.pair.kept and not each.same),
        key=lambda each: each.cosine,
    )
    lines = [line for each in misses for line in describe_miss(each)]
    if arguments.list:
        arguments.list.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        print(f"\nmisses: {arguments.list}")
    elif lines:
        print("\n" + "\n".join(lines))
    print(json.dumps({"found": found, **figures}))


if __name__ == "__main__":
    run_bench(main)
