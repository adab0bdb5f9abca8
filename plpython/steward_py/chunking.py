"""Cut a text into chunks, as the options of a source say.

White space around a chunk belongs to no chunk: ``text[chunk.start:chunk.end] == chunk.text``, both
ends of it are visible characters, and only white space lies between two chunks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from steward_py import stable
from steward_py.errors import INVALID_PARAMETER_VALUE, StewardError
from steward_py.headings import Headings

# Between the parts of a content that has several.  All of it is white space, and a blank line.
PART_SEPARATOR = "\n\x1d\n"

SIZE = 1000
SMALLEST_SIZE = 50
LARGEST_SIZE = 100_000

_STRATEGIES = ("stable",)
_OPTIONS = ("strategy", "size", "minimum", "maximum", "headings")


@dataclass(frozen=True)
class Chunking:
    """How to cut.

    ``size`` is what a chunk should have, ``minimum`` and ``maximum`` are what it may have; left
    out they are a half and three halves of it.  ``headings`` puts the headings above a chunk
    before the text that is embedded.
    """

    strategy: str = "stable"
    size: int = SIZE
    minimum: int = 0
    maximum: int = 0
    headings: bool = False

    def __post_init__(self) -> None:
        # A frozen dataclass has no other way to compute a field.
        object.__setattr__(self, "minimum", self.minimum or max(1, self.size // 2))
        object.__setattr__(self, "maximum", self.maximum or self.size * 3 // 2)
        if not 1 <= self.minimum <= self.size <= self.maximum:
            raise StewardError(
                "chunk sizes are out of order",
                sqlstate=INVALID_PARAMETER_VALUE,
                detail=f"They are minimum {self.minimum}, size {self.size}, "
                f"maximum {self.maximum}.",
                hint="Use 1 <= minimum <= size <= maximum.",
            )


DEFAULT = Chunking()


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


def chunk(text: str, chunking: Chunking = DEFAULT) -> list[Chunk]:
    """Cut ``text``.  A blank one has no chunk."""
    headings = Headings(text)
    spans = stable.spans(text, headings, chunking.size, chunking.minimum, chunking.maximum)
    return [
        Chunk(ordinal, start, end, text[start:end], headings.path_at(start))
        for ordinal, (start, end) in enumerate(spans)
    ]


def embedded_text(piece: Chunk, chunking: Chunking) -> str:
    """What is sent to the model for a chunk."""
    if chunking.headings and piece.heading is not None:
        return f"{piece.heading}\n\n{piece.text}"
    return piece.text


def parse_chunking(options: Mapping[str, object] | None) -> Chunking:
    """The options as somebody wrote them, checked.  What is left out has its default."""
    given = options or {}
    for name, value in given.items():
        if name not in _OPTIONS:
            raise _refusal({name: value}, f"The options are {', '.join(_OPTIONS)}.")
    strategy = given.get("strategy", "stable")
    if strategy not in _STRATEGIES:
        raise _refusal({"strategy": strategy}, f"strategy is one of {', '.join(_STRATEGIES)}.")
    headings = given.get("headings", False)
    if not isinstance(headings, bool):
        raise _refusal({"headings": headings}, "headings is true or false.")
    size = _number(given, "size", SIZE, SMALLEST_SIZE, LARGEST_SIZE)
    return Chunking(
        strategy=str(strategy),
        size=size,
        minimum=_number(given, "minimum", 0, 1, LARGEST_SIZE),
        maximum=_number(given, "maximum", 0, 1, LARGEST_SIZE * 3 // 2),
        headings=headings,
    )


def chunking_as_dict(chunking: Chunking) -> dict[str, Any]:
    """The normal form of the options: with every default, so that it means the same for ever."""
    return {
        "strategy": chunking.strategy,
        "size": chunking.size,
        "minimum": chunking.minimum,
        "maximum": chunking.maximum,
        "headings": chunking.headings,
    }


def _number(
    options: Mapping[str, object], name: str, default: int, smallest: int, largest: int
) -> int:
    if name not in options:
        return default
    value = options[name]
    # bool is a kind of int in Python, not in JSON.
    if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= largest:
        raise _refusal({name: value}, f"{name} is a whole number between {smallest} and {largest}.")
    return value


def _refusal(option: Mapping[str, object], hint: str) -> StewardError:
    return StewardError(
        "a chunking option is not valid",
        sqlstate=INVALID_PARAMETER_VALUE,
        detail=f"The option is {json.dumps(option, ensure_ascii=False)[:200]}.",
        hint=hint,
    )
