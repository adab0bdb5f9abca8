"""Cut a text into chunks whose boundaries stay where they are when the text is edited.

A chunk ends at the best natural boundary between ``minimum`` and ``maximum`` characters after its
start.  Boundaries are ranked by kind: the start of a Markdown heading, a blank line, the end of a
line, the end of a sentence, a space, and only then any other place.  Among boundaries of one kind
the characters around them decide, by a checksum, and not their distance.  So two versions of a
text choose the same boundary as soon as it lies in the window of both, and the chunks after an
edit are the chunks from before it.

White space around a chunk belongs to no chunk: ``text[chunk.start:chunk.end] == chunk.text``, both
ends of it are visible characters, and only white space lies between two chunks.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple
from unicodedata import category
from zlib import crc32

from steward_py.errors import INVALID_PARAMETER_VALUE, StewardError

TARGET = 1000
MINIMUM = 500
MAXIMUM = 1500

# How far the characters that decide about a boundary reach to either side of it.
_REACH = 24

_TITLE_LIMIT = 200

_VISIBLE = re.compile(r"\S")

# Each pattern ends where the next chunk's text would begin: the cut is the end of the match.
# None of them can match a character twice, so a window costs time linear in its size.
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n\s*")
_LINE_END = re.compile(r"\n\s*")
_SENTENCE_END = re.compile(
    r"""[.!?\u2026]["'\u201d\u2019\u00bb)\]]*\s+"""
    # Chinese and Japanese put no space after a sentence.
    r"""|[\u3002\uff01\uff1f\uff61]["'\u201d\u2019\u300d\u300f\uff09)]*\s*"""
)
_SPACE = re.compile(r"\s+")

_LINE_MARK = r" {0,3}(?:(#{1,6})(?=\s|\Z)|(`{3,}|~{3,})([^\n]*))"
_FIRST_LINE_MARK = re.compile(_LINE_MARK)
# Beginning with a literal character is what makes the search fast.
_NEXT_LINE_MARK = re.compile("\n" + _LINE_MARK)


class Chunk(NamedTuple):
    """A piece of a text.

    ``ordinal``, and the character offsets ``start`` and ``end``, count from 0; end is exclusive.
    ``heading`` is the path of Markdown headings in effect where the chunk starts, as in
    ``Title > Section``, or None above the first heading.
    """

    ordinal: int
    start: int
    end: int
    text: str
    heading: str | None


def chunk(
    text: str, *, target: int = TARGET, minimum: int = MINIMUM, maximum: int = MAXIMUM
) -> list[Chunk]:
    """Cut ``text`` into chunks of ``minimum`` to ``maximum`` characters.

    A shorter text is one chunk, a blank one none.  Near the end the window is narrowed so that
    what remains is no crumb shorter than ``minimum`` (possible when ``2 * minimum <= maximum``);
    white space that is trimmed away still counts.  ``target`` decides where nothing else does,
    in text that repeats itself.
    """
    check_sizes(target=target, minimum=minimum, maximum=maximum)
    headings = _Headings(text)
    chunks: list[Chunk] = []
    start = _next_visible(text, 0)
    stop = len(text.rstrip())
    while start < stop:
        cut = stop
        remaining = stop - start
        if remaining > maximum:
            furthest = min(maximum, remaining - minimum)
            if furthest < minimum:
                furthest = maximum
            cut = _best_boundary(text, headings, start + minimum, start + furthest, start + target)
        piece = text[start:cut].rstrip()
        heading = headings.path_at(start)
        chunks.append(Chunk(len(chunks), start, start + len(piece), piece, heading))
        start = _next_visible(text, cut)
    return chunks


def check_sizes(*, target: int, minimum: int, maximum: int) -> None:
    """Raise an error unless the sizes are in order."""
    if not 1 <= minimum <= target <= maximum:
        raise StewardError(
            "chunk sizes are out of order",
            sqlstate=INVALID_PARAMETER_VALUE,
            detail=f"The sizes are minimum {minimum}, target {target}, maximum {maximum}.",
            hint="Use 1 <= minimum <= target <= maximum.",
        )


def _next_visible(text: str, position: int) -> int:
    found = _VISIBLE.search(text, position)
    return found.start() if found else len(text)


def _best_boundary(text: str, headings: _Headings, low: int, high: int, ideal: int) -> int:
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
        if (best is None or key < best) and not _joined(text[place - 1], text[place]):
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
        if not _joined(text[place - 1], text[place]):
            return place
    return ideal


def _joined(before: str, after: str) -> bool:
    """Whether two neighbours are shown as one character, as far as a look at the two can tell."""
    if after < "\u0300":
        return False
    return (
        category(after) in ("Mn", "Mc", "Me")
        or after == "\u200d"  # zero width joiner
        or before == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= after <= "\U000e007f"  # tags, as in the flag of Scotland
        or "\u1160" <= after <= "\u11ff"  # vowel or final consonant of a decomposed Hangul syllable
        or ("\U0001f1e6" <= after <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff")
        or "\udc00" <= after <= "\udfff"
    )


class _Headings:
    """The Markdown headings of a text, outside of fenced code, and the path in effect.

    Held as plain numbers and titles read only when needed: a text may consist of nothing else.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = array("q")
        self._levels = bytearray()
        self._passed = 0
        self._open: list[tuple[int, int]] = []  # (level, position after the number signs)
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

    def starts_within(self, low: int, high: int) -> array[int]:
        return self._starts[bisect_left(self._starts, low) : bisect_right(self._starts, high)]

    def path_at(self, position: int) -> str | None:
        """The headings in effect at ``position``.  Ask in ascending order of positions."""
        while self._passed < len(self._starts) and self._starts[self._passed] <= position:
            level = self._levels[self._passed]
            while self._open and self._open[-1][0] >= level:
                self._open.pop()
            self._open.append((level, self._starts[self._passed] + level))
            self._passed += 1
        if not self._open:
            return None
        titles = (self._title(after_signs) for _, after_signs in self._open)
        return " > ".join(title for title in titles if title) or None

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
