"""What the characters of a text are: white space, or one with their neighbours."""

from __future__ import annotations

import re
from unicodedata import category

_VISIBLE = re.compile(r"\S")


def next_visible(text: str, position: int) -> int:
    found = _VISIBLE.search(text, position)
    return found.start() if found else len(text)


def joined(before: str, after: str) -> bool:
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


def whole(text: str, low: int, place: int) -> int:
    """The last place from ``low`` to ``place`` that splits no shown character.

    ``place`` itself, or ``low`` if that is behind it, where nothing else is there.
    """
    for each in range(place, low - 1, -1):
        if not joined(text[each - 1], text[each]):
            return each
    return max(place, low)
