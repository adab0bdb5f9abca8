"""Which old text each new one came from, after edits, splits and merges.

What is known to be the same lies in between as anchors; only within the gaps that they leave are
texts compared, and there only those that share something.  So a long document with an edit costs a
comparison or two, and one that was rewritten a few for each of its chunks.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from steward_py.pulse import Pulse
from steward_py.similarity import longest_ascent, similarity

# Less alike texts did not come from each other.
FLOOR = 0.3

# In a gap of so few pairs all are compared.
_FEW = 9
# Of the old texts that share something with a new one, so many are compared.
_CANDIDATES = 2
# What more old texts than that have in common says nothing about any of them.
_COMMONPLACE = 8

# Pieces of long words too: not every script has spaces.
_PIECE = re.compile(r"\w{1,6}")


class Match(NamedTuple):
    """An old text, by its index, and how alike it is."""

    old: int
    similarity: float


class _Pair(NamedTuple):
    new: int
    old: int
    similarity: float


def align(
    old: Sequence[str],
    new: Sequence[str],
    anchors: Mapping[int, int],
    pulse: Pulse = None,
) -> dict[int, Match]:
    """For each new text that is no anchor the old one that it came from, if there is one.

    ``anchors`` has the index of an old text for that of a new one, where they are the same.  The
    order of the texts is preserved; several new texts may have come from one old text.  What has
    no match then may still have one elsewhere, if it was moved as well as edited.
    """
    anchored = set(anchors.values())
    matches: dict[int, Match] = {}
    for old_gap, new_gap in _gaps(len(old), len(new), anchors, anchored):
        matches.update(_chain(_pairs(old, new, old_gap, new_gap, pulse)))
    left = [index for index in range(len(new)) if index not in anchors and index not in matches]
    if left:
        taken = anchored.union(match.old for match in matches.values())
        spare = [index for index in range(len(old)) if index not in taken]
        for pair in sorted(
            _pairs(old, new, spare, left, pulse), key=lambda pair: (pair.similarity, -pair.old)
        ):
            # the last one stays, which is the most alike
            matches[pair.new] = Match(pair.old, pair.similarity)
    return matches


def _gaps(
    old_count: int, new_count: int, anchors: Mapping[int, int], anchored: set[int]
) -> list[tuple[list[int], list[int]]]:
    """What lies between the anchors that stand in one order: indexes of old and new texts."""
    in_new_order = sorted(anchors)
    in_order = [in_new_order[i] for i in longest_ascent([anchors[new] for new in in_new_order])]
    gaps = []
    old_start = new_start = 0
    for new_end, old_end in [*((new, anchors[new]) for new in in_order), (new_count, old_count)]:
        old_gap = [index for index in range(old_start, old_end) if index not in anchored]
        new_gap = [index for index in range(new_start, new_end) if index not in anchors]
        if old_gap and new_gap:
            gaps.append((old_gap, new_gap))
        old_start, new_start = old_end + 1, new_end + 1
    return gaps


def _pairs(
    old: Sequence[str],
    new: Sequence[str],
    old_indexes: Sequence[int],
    new_indexes: Sequence[int],
    pulse: Pulse,
) -> list[_Pair]:
    """The pairs that are worth a look, with their similarity."""
    if len(old_indexes) * len(new_indexes) <= _FEW:
        candidates = [(i, j) for i in new_indexes for j in old_indexes]
    else:
        candidates = _candidates(old, new, old_indexes, new_indexes, pulse)
    pairs = (_Pair(i, j, similarity(old[j], new[i], FLOOR, pulse)) for i, j in candidates)
    return [pair for pair in pairs if pair.similarity > 0]


def _candidates(
    old: Sequence[str],
    new: Sequence[str],
    old_indexes: Sequence[int],
    new_indexes: Sequence[int],
    pulse: Pulse,
) -> list[tuple[int, int]]:
    """Pairs of texts that share the most pairs of neighbouring words, and those in one place.

    The latter are for texts of which each is like all others.
    """
    homes: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for j in old_indexes:
        if pulse is not None:
            pulse()
        for shingle in _shingles(old[j]):
            homes[shingle].append(j)
    candidates = []
    for place, i in enumerate(new_indexes):
        if pulse is not None:
            pulse()
        shared: Counter[int] = Counter()
        for shingle in _shingles(new[i]):
            found = homes.get(shingle, ())
            if len(found) <= _COMMONPLACE:
                for j in found:
                    shared[j] += 1
        best = sorted(shared.items(), key=lambda item: (-item[1], item[0]))[:_CANDIDATES]
        chosen = {j for j, count in best if count * 2 > best[0][1]}
        chosen.add(old_indexes[place * len(old_indexes) // len(new_indexes)])
        candidates += [(i, j) for j in sorted(chosen)]
    return candidates


def _shingles(text: str) -> set[tuple[str, str]]:
    pieces = _PIECE.findall(text)
    return set(zip(pieces, pieces[1:]))


def _chain(pairs: Sequence[_Pair]) -> dict[int, Match]:
    """The pairs of the greatest similarity in sum whose old texts never go back in order.

    Of every new text one at most.  ``pairs`` are in the order of new texts.
    """
    # The best chains so far by the old text they end at: further on only with a greater sum.
    ends: list[int] = []
    sums: list[float] = []
    links: list[int] = []
    before: list[int] = []
    index = 0
    while index < len(pairs):
        first = index
        while index < len(pairs) and pairs[index].new == pairs[first].new:
            index += 1
        # against the chains without this new text
        extended = []
        for number in range(first, index):
            place = bisect_right(ends, pairs[number].old)
            before.append(links[place - 1] if place else -1)
            total = pairs[number].similarity + (sums[place - 1] if place else 0.0)
            extended.append((pairs[number].old, total, number))
        for end, total, number in extended:
            place = bisect_right(ends, end)
            if place and sums[place - 1] >= total:
                continue
            start = place - 1 if place and ends[place - 1] == end else place
            while place < len(ends) and sums[place] <= total:
                place += 1
            ends[start:place], sums[start:place], links[start:place] = [end], [total], [number]
    chain = {}
    number = links[-1] if links else -1
    while number >= 0:
        chain[pairs[number].new] = Match(pairs[number].old, pairs[number].similarity)
        number = before[number]
    return chain
