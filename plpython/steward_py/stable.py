"""Cut a text where its boundaries stay when it is edited.

A chunk ends at the best natural boundary between ``minimum`` and ``maximum`` after its start.
Boundaries are ranked by kind: the start of a Markdown heading, a blank line, the end of a line, the
end of a sentence, a space, and only then any other place.  Among boundaries of one kind the
characters around them decide, by a checksum, and not their distance.  So two versions of a text
choose the same boundary as soon as it lies in the window of both, and the chunks after an edit are
the chunks from before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from zlib import crc32

from steward_py.characters import joined, next_visible
from steward_py.headings import Headings
from steward_py.measures import Window

# How far the characters that decide about a boundary reach to either side of it.
_REACH = 24

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

    A shorter text is one piece, a blank one none.  Near the end the window is narrowed so that
    what remains is no crumb shorter than ``minimum`` (possible when ``2 * minimum <= maximum``);
    white space that is trimmed away still counts.  ``size`` decides where nothing else does, in
    text that repeats itself.
    """
    measure, size, minimum, maximum = window
    start = next_visible(text, 0)
    stop = len(text.rstrip())
    while start < stop:
        cut = stop
        furthest = measure.after(start, maximum)
        if furthest < stop:
            low = measure.after(start, minimum)
            high = min(furthest, measure.before(stop, minimum))
            if high < low:
                high = furthest
            cut = _best_boundary(text, headings, low, high, measure.after(start, size))
        yield start, cut
        start = next_visible(text, cut)


def _best_boundary(text: str, headings: Headings, low: int, high: int, ideal: int) -> int:
    """The place in ``low … high`` to cut at; by kind first, then by what surrounds it."""
    by_kind: tuple[Callable[[], Iterable[int]], ...] = (
        lambda: headings.starts_within(low, high),
        lambda: _ends(_BLANK_LINE, text, low, high),
        lambda: _ends(_LINE_END, text, low, high),
        lambda: _ends(_SENTENCE_END, text, low, high),
        lambda: _ends(_SPACE, text, low, high),
        lambda: _smallest_characters(text, low, high),
    )
    for candidates in by_kind:
        cut = _most_anchored(text, candidates(), ideal)
        if cut is not None:
            return cut
    return _nearest_whole(text, low, high, ideal)


def _ends(boundary: re.Pattern[str], text: str, low: int, high: int) -> Iterator[int]:
    # A boundary may begin shortly before the window that it ends in.
    for match in boundary.finditer(text, low - 1, high):
        if match.end() >= low:
            yield match.end()


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
