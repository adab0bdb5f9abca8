"""The Markdown headings of a text, and which of them are in effect at a place."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import compress

_TITLE_LIMIT = 200

_LINE_MARK = r" {0,3}(?:(#{1,6})(?=\s|\Z)|(`{3,}|~{3,})([^\n]*))"
_FIRST_LINE_MARK = re.compile(_LINE_MARK)
# Beginning with a literal character is what makes the search fast.
_NEXT_LINE_MARK = re.compile("\n" + _LINE_MARK)


class Headings:
    """The Markdown headings of a text, outside of fenced code, and the path in effect.

    Held as plain numbers and titles read only when needed: a text may consist of nothing else.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = array("q")
        self._levels = bytearray()
        self._passed = 0
        self._open: list[tuple[int, int]] = []  # (level, position after the number signs)
        self._path: str | None = None
        # Nothing else makes a heading, and fences only hide some.
        if "#" in text:
            self._scan()

    def _scan(self) -> None:
        fence = ""
        for mark in _line_marks(self._text):
            signs, ticks, rest = mark.groups()
            if signs is not None:
                if not fence:
                    # The cut goes before the number signs: indentation is white space between.
                    self._starts.append(mark.start(1))
                    self._levels.append(len(signs))
            elif not fence:
                # What a fence of backticks is labelled with holds no backtick: else it is `code`.
                if ticks[0] == "~" or "`" not in rest:
                    fence = ticks
            elif ticks.startswith(fence) and not rest.strip():
                fence = ""

    def all(self) -> Iterator[tuple[int, int]]:
        """Position and level of each, in order."""
        return zip(self._starts, self._levels)

    def of_level(self, level: int, low: int, high: int) -> Iterator[int]:
        """Where those of a level begin that begin in ``low … high``."""
        first, last = bisect_left(self._starts, low), bisect_right(self._starts, high)
        return compress(self._starts[first:last], map(level.__eq__, self._levels[first:last]))

    def path_at(self, position: int) -> str | None:
        """The headings in effect at ``position``.  Ask in ascending order of positions."""
        first_passed = self._passed
        while self._passed < len(self._starts) and self._starts[self._passed] <= position:
            level = self._levels[self._passed]
            while self._open and self._open[-1][0] >= level:
                self._open.pop()
            self._open.append((level, self._starts[self._passed] + level))
            self._passed += 1
        if self._passed > first_passed:
            titles = [self._title(after_signs) for _, after_signs in self._open]
            self._path = " > ".join(title for title in titles if title) or None
        return self._path

    def _title(self, start: int) -> str:
        end = self._text.find("\n", start, start + _TITLE_LIMIT)
        line = self._text[start : start + _TITLE_LIMIT if end < 0 else end].strip()
        # "## Title ##" is closed, "# C#" is not.
        without_close = line.rstrip("#")
        if without_close == "" or without_close[-1].isspace():
            line = without_close.rstrip()
        return line


def _line_marks(text: str) -> Iterator[re.Match[str]]:
    first = _FIRST_LINE_MARK.match(text)
    if first:
        yield first
    yield from _NEXT_LINE_MARK.finditer(text)
