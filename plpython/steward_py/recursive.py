"""Cut a text at the first of some separators that makes the pieces small enough.

The chunks are those of RecursiveCharacterTextSplitter in langchain-text-splitters, but nothing is
split and joined: it looks for the places to cut at, backwards from as far as a chunk may reach.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Protocol

from steward_py.measures import Measure

DEFAULT_SEPARATORS = ("\n\n", "\n", " ", "")


def spans(
    text: str, measure: Measure, size: int, overlap: int, separators: Sequence[str]
) -> list[tuple[int, int]]:
    """The pieces of ``text``, white space around them included; some may be nothing else.

    ``separators`` ends with the empty one, which is everywhere.
    """
    cutter = _Cutter(text, measure, size, overlap)
    cutter.cut(separators, 0, len(text))
    return cutter.found


class _Cutter:
    def __init__(self, text: str, measure: Measure, size: int, overlap: int) -> None:
        self.found: list[tuple[int, int]] = []
        self._text = text
        self._measure = measure
        self._size = size
        self._overlap = overlap

    def cut(self, separators: Sequence[str], low: int, high: int) -> None:
        """Find the pieces of a region, which is the whole text or no shorter than ``size``."""
        text, after, size = self._text, self._measure.after, self._size
        level = next(n for n, each in enumerate(separators) if text.find(each, low, high) >= 0)
        places = _places(text, separators[level], low, high)
        first, last, found = places.first, places.last, self.found.append
        start = low
        while start < high:
            reach = after(start, size)
            if reach >= high:
                found((start, high))
                return
            end = last(start + 1, reach)
            if end < 0 or (end == reach and first(start + 1, reach - 1) < 0):
                # What two separators enclose is cut further when it is no shorter than size.
                if end < 0:
                    end = first(reach, high)
                if end < 0:
                    end = high
                self.cut(separators[level + 1 :], start, end)
                start = end
            else:
                found((start, end))
                start = self._repeated_from(places, end, high) if self._overlap else end

    def _repeated_from(self, places: _Places, end: int, high: int) -> int:
        """Where the piece begins that follows the one to ``end``."""
        measure, size = self._measure, self._size
        reach = measure.after(end, size)
        following = places.first(end + 1, reach - 1)
        if following < 0:
            if high >= reach:
                # Nothing of what is cut further is in two pieces at its ends.
                return end
            following = high
        earliest = max(measure.before(end, self._overlap), measure.before(following, size))
        return places.first(earliest, end)


class _Places(Protocol):
    """The places in a region of a text where a separator begins."""

    def first(self, start: int, end: int) -> int:
        """The first of them in ``start … end``, or -1."""

    def last(self, start: int, end: int) -> int:
        """The last of them in ``start … end``, or -1."""


def _places(text: str, separator: str, low: int, high: int) -> _Places:
    if separator == "":
        return _Everywhere()
    for length in range(1, len(separator)):
        overlapping = separator[:length] + separator
        if overlapping.startswith(separator) and text.find(overlapping, low, high) >= 0:
            return _Listed(text, separator, low, high)
    return _Searched(text, separator, high)


class _Everywhere:
    """Of the empty separator."""

    def first(self, start: int, end: int) -> int:
        return start if start <= end else -1

    def last(self, start: int, end: int) -> int:
        return end if start <= end else -1


class _Searched:
    """Of a separator that nowhere overlaps itself: each occurrence is one."""

    def __init__(self, text: str, separator: str, high: int) -> None:
        self._text = text
        self._separator = separator
        self._length = len(separator)
        self._high = high

    def first(self, start: int, end: int) -> int:
        stop = end + self._length
        return self._text.find(self._separator, start, stop if stop < self._high else self._high)

    def last(self, start: int, end: int) -> int:
        # min() would take longer than the search
        stop = end + self._length
        return self._text.rfind(self._separator, start, stop if stop < self._high else self._high)


class _Listed:
    """Of a separator that overlaps itself: which ones count depends on what stands before."""

    def __init__(self, text: str, separator: str, low: int, high: int) -> None:
        matches = re.compile(re.escape(separator)).finditer(text, low, high)
        self._places = [match.start() for match in matches]

    def first(self, start: int, end: int) -> int:
        index = bisect_left(self._places, start)
        if index < len(self._places) and self._places[index] <= end:
            return self._places[index]
        return -1

    def last(self, start: int, end: int) -> int:
        index = bisect_right(self._places, end) - 1
        return self._places[index] if index >= 0 and self._places[index] >= start else -1
