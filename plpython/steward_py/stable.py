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
from typing import NamedTuple, Union
from zlib import crc32

from steward_py.characters import joined, next_visible
from steward_py.headings import Headings
from steward_py.measures import Window
from steward_py.pulse import Pulse, pulsing

# How many letters after a boundary decide about it, and how far they are looked for.
_LETTERS = 16
_LETTERS_WITHIN = 48

# How far the characters that decide about a place within a word reach to either side of it.
_REACH = 24

_WORD = re.compile(r"[^\W\d_]+")
# What it finds in ASCII, as a table that also makes capitals small, and what it leaves out.
_LOWERED = bytes(range(256)).lower()
_NO_LETTERS = bytes(octet for octet in range(128) if not chr(octet).isalpha())

# A boundary as a number to sort by: its rank, of 64 bits, and its place.
_PLACE_BITS = 32
# Of more than that, first the lower eighth.
_MANY = 20_000
_FIRST_KEYS = 1 << 96 - 3

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

# What a text is divided by: first by headings of level 1 to 6.
_Kind = Union[int, "re.Pattern[str]"]
_KINDS: tuple[_Kind, ...] = (1, 2, 3, 4, 5, 6, _BLANK_LINE, _LINE_END, _SENTENCE_END, _SPACE)


def spans(
    text: str, headings: Headings, window: Window, pulse: Pulse = None
) -> Iterator[tuple[int, int]]:
    """Cut ``text`` into pieces of ``minimum`` to ``maximum``.

    A shorter text is one piece, a blank one none.  No piece is shorter than ``minimum`` if
    ``2 * minimum <= maximum``; white space that is trimmed away still counts.  ``size`` decides
    where nothing else does, in text that repeats itself.
    """
    start, stop = next_visible(text, 0), len(text.rstrip())
    if start < stop:
        yield from _Divider(text, headings, window, pulse).pieces(_Part(start, stop, -1), 0)


class _Part(NamedTuple):
    """A piece that may be too long, and the rank of the boundary that it starts at."""

    start: int
    end: int
    rank: int


class _Divider:
    def __init__(self, text: str, headings: Headings, window: Window, pulse: Pulse) -> None:
        self._text = text
        self._headings = headings
        self._window = window
        self._pulse = pulse
        self._octets = _octets(text) if text.isascii() else b""

    def pieces(self, part: _Part, kind: int) -> Iterator[tuple[int, int]]:
        """The pieces of a part, which is divided by boundaries of a kind and those after it."""
        start, end, _ = part
        if self._window.measure.after(start, self._window.maximum) >= end:
            yield start, end
        elif kind == len(_KINDS):
            yield from _cut_anywhere(self._text, start, end, self._window)
        else:
            for smaller in self._divided(part, _KINDS[kind]):
                yield from self.pieces(smaller, kind + 1)

    def _divided(self, part: _Part, kind: _Kind) -> Iterator[_Part]:
        measure, size, _, maximum = self._window
        text, after = self._text, measure.after
        starts, ranks = [part.start], [part.rank]
        # Parts that are too long.  In a long text of short words the first few boundaries of a
        # hundred leave none.
        too_long = 1
        for rank, place in pulsing(self._by_rank(part, kind), self._pulse):
            index = bisect_right(starts, place)
            start = starts[index - 1]
            end = starts[index] if index < len(starts) else part.end
            if after(start, maximum) >= end:
                continue
            low, high = self._limits(start, end)
            if rank == ranks[index - 1]:
                # The same text again.
                low = max(low, after(start, size))
            if start < place and low <= place <= high and not joined(text[place - 1], text[place]):
                starts.insert(index, place)
                ranks.insert(index, rank)
                too_long += (after(start, maximum) < place) + (after(place, maximum) < end) - 1
                if too_long == 0:
                    break
        return map(_Part, starts, [*starts[1:], part.end], ranks)

    def _limits(self, start: int, end: int) -> tuple[int, int]:
        """Between which places to divide a part that is too long."""
        measure, _, minimum, maximum = self._window
        low, high = measure.after(start, minimum), measure.before(end, minimum)
        if high < low:
            # Too long for one piece, too short for two: what must hold is the maximum.
            low, high = measure.before(end, maximum), measure.after(start, maximum)
        return low, high

    def _by_rank(self, part: _Part, kind: _Kind) -> Iterator[tuple[int, int]]:
        """The boundaries of a kind that could divide the part, the lowest rank first."""
        text = self._text
        measure, _, minimum, maximum = self._window
        # If the minimum may have to give way any place could be the best.
        least = minimum if 2 * minimum <= maximum else 1
        low, high = measure.after(part.start, least), measure.before(part.end, least)
        if isinstance(kind, int):
            places: Iterable[int] = self._headings.of_level(kind, low, high)
        else:
            ends = (match.end() for match in kind.finditer(text, part.start, part.end))
            places = (end for end in ends if low <= end <= high)
        # A number has a third of the size of a tuple, and there may be millions.
        rank = self._rank
        keys = [rank(place) << _PLACE_BITS | place for place in pulsing(places, self._pulse)]
        return map(_rank_and_place, _ascending(keys))

    def _rank(self, place: int) -> int:
        end = place + _LETTERS_WITHIN
        if self._octets:
            following = self._octets[place:end]
        else:
            piece = self._text[place:end]
            following = _octets(piece)
            if len(following) > len(piece):
                letters = "".join(_WORD.findall(piece))[:_LETTERS].lower()
                return crc32(_octets(letters)) << 32 | crc32(following)
        # the same of ASCII, in a fraction of the time
        letters_of = following.translate(_LOWERED, _NO_LETTERS)[:_LETTERS]
        # All that follows decides among the same letters: paragraphs may differ in a number only.
        return crc32(letters_of) << 32 | crc32(following)


def _ascending(keys: list[int]) -> Iterator[int]:
    """The keys in order.  Most often the first of them are enough, so that no more are sorted."""
    if len(keys) > _MANY:
        yield from sorted(key for key in keys if key < _FIRST_KEYS)
        keys = [key for key in keys if key >= _FIRST_KEYS]
    keys.sort()
    yield from keys


def _rank_and_place(key: int) -> tuple[int, int]:
    return key >> _PLACE_BITS, key & (1 << _PLACE_BITS) - 1


def _octets(text: str) -> bytes:
    # Nothing that a Python string can hold may fail here, so lone surrogates are let through.
    return text.encode("utf-8", "surrogatepass")


def _cut_anywhere(text: str, start: int, end: int, window: Window) -> Iterator[tuple[int, int]]:
    """Cut what has no boundary where it may be cut, from its start on, and by its characters."""
    measure, size, minimum, maximum = window
    while (furthest := measure.after(start, maximum)) < end:
        # A single character may have more tokens than the minimum.
        low = max(start + 1, measure.after(start, minimum))
        high = min(furthest, measure.before(end, minimum))
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
        rank = crc32(_octets(around))
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
