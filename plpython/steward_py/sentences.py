"""Cut a text between its sentences."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from steward_py.characters import joined, next_visible, whole
from steward_py.measures import Window
from steward_py.pulse import Pulse, pulsing

# After these a stop ends no sentence, unless a new paragraph begins.
_ENGLISH = """
approx cf ch co corp dept dr ed eds eg e.g eq est etc fig figs gen i.e ie inc jr lt
ltd mr mrs ms mt mx nos op p pp par prof pt ref rep rev sc sec sen sr st vol vols vs
"""
_GERMAN = """
abb abs allg aufl bd bspw bzgl bzw ca d.h dipl evtl ggf hr hrsg ing inkl m.e nr o.g
s.o s.u sog std str tab tel u.a u.u usw v.a verm vgl z.b z.t z.zt zzgl
"""
_FRENCH_AND_ITALIAN = "al av cap dott env ecc mlle mm mme ndr p.ex pag pagg sig sigg"
_ABBREVIATIONS = frozenset(f"{_ENGLISH} {_GERMAN} {_FRENCH_AND_ITALIAN}".split())

_WORD_BEFORE = re.compile(r"[^\W\d_](?:[^\W_]|[.\-](?=\w))*\Z")

_PARAGRAPH_OR_SENTENCE = re.compile(
    r"(?P<paragraph>\n[ \t\r\x1d]*\n\s*)"
    # The Armenian, Urdu, Devanagari, Burmese, Khmer and Ethiopic stop, the Arabic question mark.
    r"|(?P<stop>[.!?\u2026\u0589\u061f\u06d4\u0964\u0965\u104b\u17d4\u1362])"
    r"""["'\u201d\u2019\u00bb)\]]*\s+"""
    # Chinese and Japanese put no space after a sentence.
    r"|[\u3002\uff01\uff1f\uff61][\"'\u201d\u2019\u300d\u300f\uff09)]*\s*"
)
_SPACE = re.compile(r"\s+")


def spans(text: str, window: Window, pulse: Pulse = None) -> Iterator[tuple[int, int]]:
    """Pieces of as many whole sentences as ``size`` holds.

    A longer sentence may have ``maximum``; beyond that it is cut between words.  The last piece may
    have more than ``size`` when what is left over would have less than ``minimum``.
    """
    measure, size, minimum, maximum = window
    ends = sentence_ends(text, pulse)
    start = next_visible(text, 0)
    stop = len(text.rstrip())
    while start < stop:
        cut = _last_of(ends, start + 1, measure.after(start, size))
        if measure.after(start, size) >= stop or (
            measure.fits(start, stop, maximum) and cut > 0 and measure.fits(cut, stop, minimum - 1)
        ):
            cut = stop
        if cut < 0:
            cut = _first_of(ends, start + 1, measure.after(start, maximum))
        if cut < 0 and measure.fits(start, stop, maximum):
            cut = stop
        if cut < 0:
            cut = between_words(text, start, measure.after(start, size))
        yield start, cut
        start = next_visible(text, cut)


def sentence_ends(text: str, pulse: Pulse = None) -> array[int]:
    """Where sentences begin that are not the first."""
    ends = array("q")
    for match in pulsing(_PARAGRAPH_OR_SENTENCE.finditer(text), pulse):
        end = match.end()
        if end < len(text) and joined(text[end - 1], text[end]):
            continue
        if not (match["stop"] and _goes_on(text, match)):
            ends.append(end)
    return ends


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """Whether a sentence goes on after what looks like the end of it."""
    after = match.end()
    if "\n\n" in match[0] or "\x1d" in match[0]:
        return False
    if after < len(text) and text[after].islower():
        return True
    if match["stop"] != ".":
        return False
    word = _WORD_BEFORE.search(text, max(0, match.start() - 12), match.start())
    if word is None:
        return False
    found = word[0]
    if found.lower() in _ABBREVIATIONS:
        return True
    # initials, as in U.S. or J. Smith, but not the pronoun
    is_initial = found.isupper() and found != "I"
    return is_initial and all(len(part) == 1 for part in found.split("."))


def between_words(text: str, start: int, furthest: int) -> int:
    """The last place between two words in the second half of a piece; else any."""
    low = start + (furthest - start) // 2
    cut = -1
    for match in _SPACE.finditer(text, low, furthest):
        if not joined(text[match.end() - 1], text[match.end()]):
            cut = match.end()
    return cut if cut > start else whole(text, start + 1, furthest)


def _last_of(places: array[int], low: int, high: int) -> int:
    index = bisect_right(places, high) - 1
    return places[index] if index >= 0 and places[index] >= low else -1


def _first_of(places: array[int], low: int, high: int) -> int:
    index = bisect_left(places, low)
    return places[index] if index < len(places) and places[index] <= high else -1
