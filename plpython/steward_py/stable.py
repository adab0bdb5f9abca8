"""Cut a text where its boundaries stay when it is edited.

The text is divided from the top down.  The boundary with the lowest rank divides it, the lowest
rank in each part divides that, and so on until every part has at most ``maximum``; a boundary that
would leave less than ``minimum`` on a side is passed over.  So an edit concerns the part that it is
in, and no boundary before or after it.

Boundaries are ranked by kind: the start of a Markdown heading, the higher ones first, a blank line,
the end of a line, the end of a sentence, a space.  Among boundaries of one kind a checksum decides,
of the letters that follow.  Of the letters alone: a section with another number is the same one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from zlib import crc32

from steward_py.characters import joined, next_visible
from steward_py.headings import Headings
from steward_py.measures import Window

# How many letters after a boundary decide about it, and how far they are looked for.
_LETTERS = 16
_LETTERS_WITHIN = 48

# How far the characters that decide about a place within a word reach to either side of it.
_REACH = 24

_NO_LETTERS = re.compile(r"[\W\d_]+")

# Each pattern ends where the next chunk's text would begin: the cut is the end of the match.
# None of them can match a character twice, so a window costs time linear in its size.
_BLANK_LINE = re.compile(r"\n[ \t\r\x1d]*\n\s*")
_LINE_END = re.compile(r"\n\s*")
_SENTENCE_END = re.compile(
    r"""[.!?\u2026]["'\u201d\u2019\u00bb)\]]*\s+"""
    # Chinese and Japanese put no space after a sentence.
    r"""|[\u3002\uff01\uff1f\uff61]["'\u201d\u2019\u300d\u300f\uff09)]*\s*"""
)
_SPACE = re.compile(r"\s+")


def spans(text: str, headings: Headings, window: Window) -> Iterator[tuple[int, int]]:
    """Cut ``text`` into pieces of ``minimum`` to ``maximum``.

    A shorter text is one piece, a blank one none.  No piece is shorter than ``minimum`` if
    ``2 * minimum <= maximum``; white space that is trimmed away still counts.  ``size`` decides
    where nothing else does, in text that repeats itself.
    """
    start, stop = next_visible(text, 0), len(text.rstrip())
    if start >= stop:
        return
    # Places and the ranks that they were chosen by.
    cuts: list[tuple[int, int]] = [(start, -1), (stop, -1)]
    by_level: dict[int, list[int]] = {}
    for place, level in headings.all():
        by_level.setdefault(level, []).append(place)
    for _, places in sorted(by_level.items()):
        _divide(text, cuts, window, places)
    for boundary in (_BLANK_LINE, _LINE_END, _SENTENCE_END, _SPACE):
        long = [part for part in _parts(cuts) if _is_long(part, window)]
        _divide(
            text, cuts, window, (place for part in long for place in _ends(boundary, text, part))
        )
    for part in _parts(cuts):
        yield from _cut_anywhere(text, part, window)


def _parts(cuts: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    return ((start, end) for (start, _), (end, _) in zip(cuts, cuts[1:]))


def _is_long(part: tuple[int, int], window: Window) -> bool:
    return window.measure.after(part[0], window.maximum) < part[1]


def _divide(text: str, cuts: list[tuple[int, int]], window: Window, places: Iterable[int]) -> None:
    """Add those of ``places`` to ``cuts`` that divide a part which is too long, by their rank."""
    measure, size, minimum, maximum = window
    for rank, place in sorted((_rank(text, place), place) for place in places):
        index = bisect_right(cuts, (place, -1))
        if not 0 < index < len(cuts):
            continue
        (start, rank_of_start), (end, _) = cuts[index - 1], cuts[index]
        if measure.after(start, maximum) >= end:
            continue
        low, high = measure.after(start, minimum), measure.before(end, minimum)
        if high < low:
            # Too long for one piece, too short for two: what must hold is the maximum.
            low, high = measure.before(end, maximum), measure.after(start, maximum)
        elif rank == rank_of_start:
            # The same text again.
            low = measure.after(start, size)
        if low <= place <= high and not joined(text[place - 1], text[place]):
            cuts.insert(index, (place, rank))


def _ends(boundary: re.Pattern[str], text: str, part: tuple[int, int]) -> Iterator[int]:
    start, end = part
    return (match.end() for match in boundary.finditer(text, start, end) if match.end() < end)


def _rank(text: str, place: int) -> int:
    following = text[place : place + _LETTERS_WITHIN]
    letters = _NO_LETTERS.sub("", following)[:_LETTERS].lower()
    # All that follows decides among the same letters: paragraphs may differ in a number only.
    return _checksum(letters) << 32 | _checksum(following)


def _checksum(text: str) -> int:
    # Nothing that a Python string can hold may fail here, so lone surrogates are let through.
    return crc32(text.encode("utf-8", "surrogatepass"))


def _cut_anywhere(text: str, part: tuple[int, int], window: Window) -> Iterator[tuple[int, int]]:
    """Cut what has no boundary where it may be cut, from its start on, and by its characters."""
    measure, size, minimum, maximum = window
    start, end = part
    while (furthest := measure.after(start, maximum)) < end:
        low, high = measure.after(start, minimum), min(furthest, measure.before(end, minimum))
        if high < low:
            high = furthest
        ideal = measure.after(start, size)
        cut = _most_anchored(text, _smallest_characters(text, low, high), ideal)
        if cut is None:
            cut = _nearest_whole(text, low, high, ideal)
        yield start, cut
        start = next_visible(text, cut)
    yield start, end


def _most_anchored(text: str, candidates: Iterable[int], ideal: int) -> int | None:
    """The candidate whose surroundings have the lowest checksum; the nearest to ideal of equals."""
    best: tuple[int, int, int] | None = None
    for place in candidates:
        around = text[max(0, place - _REACH) : place + _REACH]
        # Nothing that a Python string can hold may fail here, so lone surrogates are let through.
        rank = crc32(around.encode("utf-8", "surrogatepass"))
        key = (rank, abs(place - ideal), place)
        if (best is None or key < best) and not joined(text[place - 1], text[place]):
            best = key
    return None if best is None else best[2]


def _smallest_characters(text: str, low: int, high: int) -> Iterator[int]:
    """A few places that two overlapping windows are likely to agree on, found quickly."""
    window = text[low : high + 1]
    smallest = min(window)
    if window.count(smallest) < len(window):
        place = text.find(smallest, low, high + 1)
        while place >= 0:
            yield place
            place = text.find(smallest, place + 1, high + 1)


def _nearest_whole(text: str, low: int, high: int, ideal: int) -> int:
    """The place next to ideal that splits no shown character, or ideal if all of them do."""
    ideal = min(ideal, high)
    for place in chain(range(ideal, low - 1, -1), range(ideal + 1, high + 1)):
        if not joined(text[place - 1], text[place]):
            return place
    return ideal
