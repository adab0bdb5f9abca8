"""How alike two texts are: the indel ratio, ``2 * LCS / (len(a) + len(b))``.

The longest common subsequence is counted by rapidfuzz where it can be imported, otherwise with bits
in Python's long integers (Hyyrö 2004): the same numbers either way.

Two long texts would take minutes.  From a product of lengths on that takes some 50 ms with the
bits, what is counted is the subsequence that runs through blocks which both texts have: never more
than the longest.  So two long texts may be called less alike than they are, and never more; and
what is less alike is embedded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from functools import cache
from math import ceil

from steward_py.pulse import Pulse

# The product of lengths up to which the ratio is exact; what a pair of longer texts may cost.
EXACT = 400_000_000

_BLOCK = 16
_ROWS_BETWEEN_PULSES = 256
_STEPS_BETWEEN_PULSES = 16_384


def similarity(a: str, b: str, cutoff: float = 0.0, pulse: Pulse = None) -> float:
    """The indel ratio of two texts, from 0 to 1; 0 as soon as it is known to be below ``cutoff``.

    Two empty texts are equal.
    """
    if a == b:
        return 1.0
    total = len(a) + len(b)
    needed = _needed(cutoff, total)
    if min(len(a), len(b)) < needed:
        return 0.0
    if (len(a), a) > (len(b), b):
        a, b = b, a

    start = common_prefix(a, b)
    end = common_suffix(a, b, min(len(a), len(b)) - start)
    outside = start + end
    a = a[start : len(a) - end]
    b = b[start : len(b) - end]

    if needed > outside and _common_characters(a, b) < needed - outside:
        return 0.0
    if len(a) * len(b) <= EXACT:
        common = _common_subsequence(a, b, needed - outside, pulse)
    else:
        common = _common_through_blocks(a, b, pulse)
    common += outside
    return 2 * common / total if common >= needed else 0.0


def common_prefix(a: str, b: str) -> int:
    """How many characters the two texts begin with in common."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_suffix(a: str, b: str, limit: int) -> int:
    """How many characters the two texts end with in common, up to a limit."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if a[len(a) - middle : len(a) - low] == b[len(b) - middle : len(b) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def _needed(cutoff: float, total: int) -> int:
    """The fewest common characters whose ratio is not below the cutoff."""
    needed = max(0, ceil(cutoff * total / 2))
    # rounding may be off by one, and the ratio is what decides
    while needed > 0 and 2 * (needed - 1) / total >= cutoff:
        needed -= 1
    while 2 * needed / total < cutoff:
        needed += 1
    return needed


def _common_characters(a: str, b: str) -> int:
    counts = Counter(b)
    return sum(min(count, counts[character]) for character, count in Counter(a).items())


def _common_subsequence(a: str, b: str, needed: int, pulse: Pulse) -> int:
    """The length of the longest common subsequence; anything less once it is below ``needed``."""
    if not a or not b:
        return 0
    library = _library()
    if library is not None:
        if pulse is not None:
            pulse()
        return library(a, b)
    return _count_with_bits(a, b, needed, pulse)


@cache
def _library() -> Callable[[str, str], int] | None:
    """What rapidfuzz counts with.  Imported late: it takes a while, and few sessions compare."""
    try:
        from rapidfuzz.distance.LCSseq import similarity as library  # noqa: PLC0415
    except ImportError:
        return None
    return library


def _count_with_bits(a: str, b: str, needed: int, pulse: Pulse) -> int:
    """As ``_common_subsequence``, a row of the table at a time: each bit is a place in ``b``.

    A bit that is 0 says that the length grows at its place.
    """
    masks: dict[str, int] = {}
    bit = 1
    for character in b:
        masks[character] = masks.get(character, 0) | bit
        bit <<= 1
    full = bit - 1
    row = full
    common = 0
    for first in range(0, len(a), _ROWS_BETWEEN_PULSES):
        if pulse is not None:
            pulse()
        for character in a[first : first + _ROWS_BETWEEN_PULSES]:
            mask = masks.get(character)
            if mask is not None:
                matches = row & mask
                row = (row + matches) | (row - matches)
        row &= full
        common = len(b) - bin(row).count("1")
        if common + max(0, len(a) - first - _ROWS_BETWEEN_PULSES) < needed:
            break
    return common


def _common_through_blocks(a: str, b: str, pulse: Pulse) -> int:
    """The length of a common subsequence that is found in a time that grows as the texts do."""
    common = 0
    budget = EXACT
    end_a = end_b = 0
    for start_a, start_b in [*_common_blocks(a, b, pulse), (len(a), len(b))]:
        gap_a, gap_b = a[end_a:start_a], b[end_b:start_b]
        start = common_prefix(gap_a, gap_b)
        end = common_suffix(gap_a, gap_b, min(len(gap_a), len(gap_b)) - start)
        common += start + end
        gap_a = gap_a[start : len(gap_a) - end]
        gap_b = gap_b[start : len(gap_b) - end]
        # a gap of nothing but one character costs more than its product says
        cost = (len(gap_a) + 1) * (len(gap_b) + 1)
        if cost <= budget:
            budget -= cost
            common += _common_subsequence(gap_a, gap_b, 0, pulse)
        if start_a < len(a):
            common += _BLOCK
        end_a, end_b = start_a + _BLOCK, start_b + _BLOCK
    return common


def _common_blocks(a: str, b: str, pulse: Pulse) -> list[tuple[int, int]]:
    """Where blocks that occur but once in both texts begin: as many as stand in one order.

    The blocks of ``a`` begin at multiples of their length, those of ``b`` anywhere.
    """
    places: dict[str, int] = {}
    for place in range(0, len(a) - _BLOCK + 1, _BLOCK):
        block = a[place : place + _BLOCK]
        places[block] = -1 if block in places else place
    once: dict[int, int] = {}
    place = 0
    steps = 0
    while place <= len(b) - _BLOCK:
        steps += 1
        if pulse is not None and steps % _STEPS_BETWEEN_PULSES == 0:
            pulse()
        found = places.get(b[place : place + _BLOCK], -1)
        if found < 0:
            place += 1
        else:
            once[found] = -1 if found in once else place
            place += _BLOCK
    pairs = sorted((found, place) for found, place in once.items() if place >= 0)
    return [pairs[index] for index in longest_ascent([place for _, place in pairs])]


def longest_ascent(numbers: list[int]) -> list[int]:
    """The indexes of as many numbers as possible of which each is more than the one before."""
    tails: list[int] = []
    tail_indexes: list[int] = []
    before: list[int] = []
    for index, number in enumerate(numbers):
        place = bisect_left(tails, number)
        before.append(tail_indexes[place - 1] if place else -1)
        tails[place : place + 1] = [number]
        tail_indexes[place : place + 1] = [index]
    ascent = []
    index = tail_indexes[-1] if tail_indexes else -1
    while index >= 0:
        ascent.append(index)
        index = before[index]
    return ascent[::-1]
