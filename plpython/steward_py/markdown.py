"""Cut a text between the blocks that Markdown makes of it.

A block is a paragraph, a list, a table, or fenced code, or headings with the block below them.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from steward_py.characters import joined, next_visible
from steward_py.headings import Headings
from steward_py.measures import Window
from steward_py.pulse import Pulse, pulsing
from steward_py.sentences import between_words, sentence_ends

# The rank of a place to cut at; a heading has its level, 1 to 6.
_BLOCK = 7
_ITEM = 8
_LINE = 9

_LINE_OF = re.compile(r"[^\n]*\n?")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})([^\n]*)")
_ITEM_START = re.compile(r"[ \t]*(?:([-*+])|\d{1,9}[.)])(?:\s|\Z)")
_ROW = re.compile(r" {0,3}\|")


def spans(
    text: str, headings: Headings, window: Window, pulse: Pulse = None
) -> Iterator[tuple[int, int]]:
    """Pieces of whole blocks, of the length that is wanted where the blocks allow it.

    Of the places in reach the highest heading is taken, else the end of a block as near to ``size``
    as there is.  A piece may be shorter than ``minimum`` when the block that follows is whole in
    the next one.  A block that has more than ``maximum`` is cut between items, rows or lines,
    else between sentences or words.
    """
    measure, size, minimum, maximum = window
    boundaries = _Boundaries(text, headings, pulse)
    sentences: array[int] | None = None
    start = next_visible(text, 0)
    stop = len(text.rstrip())
    while start < stop:
        ideal = measure.after(start, size)
        if ideal >= stop:
            yield start, stop
            return
        # A single character may have more tokens than the minimum.
        low, high = max(start + 1, measure.after(start, minimum)), measure.after(start, maximum)
        cut = boundaries.best(low, min(high, stop), ideal, _BLOCK)
        if cut < 0 and high >= stop:
            cut = stop
        if cut < 0:
            cut = boundaries.before_whole_block(start, low, window)
        if cut < 0:
            cut = boundaries.best(low, high, ideal, _LINE)
        if cut < 0:
            sentences = sentence_ends(text, pulse) if sentences is None else sentences
            index = bisect_right(sentences, high) - 1
            cut = sentences[index] if index >= 0 and sentences[index] >= low else -1
        if cut < 0:
            cut = between_words(text, start, ideal)
        yield start, cut
        start = next_visible(text, cut)


class _Boundaries:
    """Where something begins that a piece could begin with, in order, and the rank of each."""

    def __init__(self, text: str, headings: Headings, pulse: Pulse) -> None:
        self._text = text
        self._places = array("q")
        self._ranks = bytearray()
        self._block = ""  # the kind of the block that the line before belongs to
        self._fence = ""  # what closes the code that it belongs to
        self._is_below_heading = False
        self._is_below_blank = True
        upcoming = headings.all()
        heading = next(upcoming, None)
        for match in pulsing(_LINE_OF.finditer(text), pulse):
            line, start = match[0], match.start()
            place = start + len(line) - len(line.lstrip())
            if not line or line.isspace():
                self._is_below_blank = True
                if "\x1d" in line:
                    self._block = ""
            elif heading and heading[0] == place:
                # A heading right below another one goes with it.
                self._add(place, _LINE if self._is_below_heading else heading[1])
                self._block, self._is_below_heading = "", True
                heading = next(upcoming, None)
            else:
                self._read(line, place)
                self._is_below_heading = self._is_below_blank = False

    def best(self, low: int, high: int, ideal: int, worst: int) -> int:
        """The place of the best rank in ``low … high``, of these the nearest to ideal, or -1."""
        places, ranks = self._places, self._ranks
        candidates = [
            (ranks[index], abs(places[index] - ideal), places[index])
            for index in range(bisect_left(places, low), bisect_right(places, high))
            if ranks[index] <= worst
        ]
        return min(candidates)[2] if candidates else -1

    def before_whole_block(self, start: int, low: int, window: Window) -> int:
        """The last end of a block before ``low``, if the block behind it fits into one piece."""
        places, ranks = self._places, self._ranks
        index = bisect_left(places, low) - 1
        while index >= 0 and places[index] > start and ranks[index] > _BLOCK:
            index -= 1
        if index < 0 or places[index] <= start:
            return -1
        furthest = window.measure.after(places[index], window.maximum)
        following = index + 1
        while following < len(places) and places[following] <= furthest:
            if ranks[following] <= _BLOCK:
                return places[index]
            following += 1
        return places[index] if furthest >= len(self._text) else -1

    def _read(self, line: str, place: int) -> None:
        """A line that is neither blank nor a heading."""
        mark = _FENCE.match(line)
        if self._fence:
            if mark and mark[1].startswith(self._fence) and not mark[2].strip():
                self._fence = ""
            self._add(place, _LINE)
            return
        is_indented = line[0] in " \t"
        was_list = self._block in ("list", "numbered list")
        kind = "paragraph"
        if mark and (mark[1][0] == "~" or "`" not in mark[2]):
            kind = "code"
            self._fence = mark[1]
        elif item := _ITEM_START.match(line):
            kind = "list" if item[1] else "numbered list"
        elif _ROW.match(line):
            kind = "table"
        if was_list and (is_indented or (kind == "paragraph" and not self._is_below_blank)):
            # inside of an item
            rank = _LINE
        elif kind == self._block and was_list:
            rank = _ITEM
        elif kind == self._block and kind != "code" and not self._is_below_blank:
            rank = _LINE
        else:
            rank = _BLOCK
            self._block = kind
        self._add(place, _LINE if self._is_below_heading else rank)

    def _add(self, place: int, rank: int) -> None:
        if place and not joined(self._text[place - 1], self._text[place]):
            self._places.append(place)
            self._ranks.append(rank)
