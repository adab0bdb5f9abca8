"""Cut a text into chunks, as the options of a source say.

White space around a chunk belongs to no chunk: ``text[chunk.start:chunk.end] == chunk.text``, both
ends of it are visible characters, and only white space lies between two chunks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from steward_py import fixed, markdown, recursive, sentences, stable
from steward_py.characters import next_visible, whole
from steward_py.errors import INVALID_PARAMETER_VALUE, PROGRAM_LIMIT_EXCEEDED, StewardError
from steward_py.headings import Headings
from steward_py.measures import (
    ESTIMATE,
    TOKENIZER_HINT,
    Characters,
    Measure,
    Window,
    check_tokenizer,
    counter,
    tokens_of,
)
from steward_py.pulse import Pulse, pulsing

# Between the parts of a content that has several.  All of it is white space, and a blank line.
PART_SEPARATOR = "\n\x1d\n"

# A plan is passed on and stored as JSON, which PostgreSQL limits; and whoever plans holds locks.
LONGEST_TEXT = 10_000_000

CHARACTERS = "characters"
TOKENS = "tokens"

# For each unit the default size, and the least and the most that it may be.
_SIZES = {CHARACTERS: (600, 50, 100_000), TOKENS: (150, 10, 25_000)}
_MOST_SEPARATORS = 50

_COMMON = ("strategy", "size", "unit", "tokenizer", "headings")
_WINDOW = ("minimum", "maximum")
# What each strategy can be told beyond that.
_STRATEGIES: dict[str, tuple[str, ...]] = {
    "stable": _WINDOW,
    "recursive": ("overlap", "separators"),
    "fixed": ("overlap",),
    "sentence": _WINDOW,
    "markdown": _WINDOW,
}


@dataclass(frozen=True)
class Chunking:
    """How to cut.

    ``size`` is what a chunk should have, in ``unit``; ``minimum`` and ``maximum`` are what it may
    have: left out, a third and five quarters of ``size``.  Where a strategy has no such window
    ``size`` is the most.  ``headings`` puts the headings above a chunk before the text that is
    embedded.
    """

    strategy: str = "stable"
    size: int = _SIZES[CHARACTERS][0]
    minimum: int = 0
    maximum: int = 0
    overlap: int = 0
    separators: tuple[str, ...] = recursive.DEFAULT_SEPARATORS
    unit: str = CHARACTERS
    tokenizer: str = ESTIMATE
    headings: bool = False

    def __post_init__(self) -> None:
        has_window = "minimum" in _STRATEGIES[self.strategy]
        least, most = (max(1, self.size // 3), self.size * 5 // 4) if has_window else (1, self.size)
        # A frozen dataclass has no other way to compute a field.
        object.__setattr__(self, "minimum", self.minimum or least)
        object.__setattr__(self, "maximum", self.maximum or most)
        if not 1 <= self.minimum <= self.size <= self.maximum:
            raise StewardError(
                "chunk sizes are out of order",
                sqlstate=INVALID_PARAMETER_VALUE,
                detail=f"They are minimum {self.minimum}, size {self.size}, "
                f"maximum {self.maximum}.",
                hint="Use 1 <= minimum <= size <= maximum.",
            )
        if not 0 <= self.overlap < self.size:
            raise StewardError(
                "the overlap of chunks must be less than their size",
                sqlstate=INVALID_PARAMETER_VALUE,
                detail=f"They are {self.overlap} and {self.size}.",
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


def chunk(text: str, chunking: Chunking = DEFAULT, pulse: Pulse = None) -> list[Chunk]:
    """Cut ``text``.  A blank one has no chunk."""
    if len(text) > LONGEST_TEXT:
        raise StewardError(
            "the text is too long",
            sqlstate=PROGRAM_LIMIT_EXCEEDED,
            detail=f"It has {len(text)} characters, more than {LONGEST_TEXT}.",
            hint="Divide the text among several rows.",
        )
    if text.isspace():
        return []
    headings = Headings(text)
    measure: Measure = (
        Characters() if chunking.unit == CHARACTERS else tokens_of(text, chunking.tokenizer)
    )
    spans = _spans(text, headings, measure, chunking, pulse)
    kept = _kept_small(text, spans, measure, chunking.maximum)
    path_at = headings.path_at
    return [
        Chunk(ordinal, start, end, piece, path_at(start))
        for ordinal, (start, end, piece) in enumerate(pulsing(kept, pulse))
    ]


def _spans(
    text: str, headings: Headings, measure: Measure, chunking: Chunking, pulse: Pulse
) -> Iterable[tuple[int, int]]:
    window = Window(measure, chunking.size, chunking.minimum, chunking.maximum)
    if chunking.strategy == "stable":
        return stable.spans(text, headings, window, pulse)
    if chunking.strategy == "markdown":
        return markdown.spans(text, headings, window, pulse)
    if chunking.strategy == "sentence":
        return sentences.spans(text, window, pulse)
    if chunking.strategy == "fixed":
        return fixed.spans(text, measure, chunking.size, chunking.overlap)
    separators = chunking.separators
    # The rarest character of it is found, or not, in no time.
    if "\x1d" in text:
        separators = (PART_SEPARATOR, *separators)
    return recursive.spans(text, measure, chunking.size, chunking.overlap, separators)


def _kept_small(
    text: str, spans: Iterable[tuple[int, int]], measure: Measure, maximum: int
) -> Iterator[tuple[int, int, str]]:
    """The spans, with their texts, without white space around them.

    Those that say nothing new are left out.
    """
    covered = 0
    fits = measure.fits
    for span_start, span_end in spans:
        # Only what has white space is copied again, and no character is looked at in Python.
        piece = text[span_start:span_end].lstrip()
        start = span_end - len(piece)
        piece = piece.rstrip()
        end = start + len(piece)
        # Only an overlap and white space, or only white space.
        if end <= covered or start == end:
            continue
        covered = end
        while not fits(start, end, maximum):
            # The tokens of a piece are not quite those it has in the whole text.
            shorter = _shortened(text, start, end, measure, maximum)
            yield _without_space_behind(text, start, shorter)
            start = next_visible(text, shorter)
            piece = text[start:end]
        yield start, end, piece


def _without_space_behind(text: str, start: int, end: int) -> tuple[int, int, str]:
    piece = text[start:end].rstrip()
    return start, start + len(piece), piece


def _shortened(text: str, start: int, end: int, measure: Measure, maximum: int) -> int:
    """An end up to which a piece that is too long fits, or one character."""
    for length in range(maximum, 0, -1):
        shorter = whole(text, start + 1, min(end - 1, measure.after(start, length)))
        if measure.fits(start, shorter, maximum):
            return shorter
    return start + 1


def embedded_text(piece: Chunk, chunking: Chunking) -> str:
    """What is sent to the model for a chunk."""
    if chunking.headings and piece.heading is not None:
        return f"{piece.heading}\n\n{piece.text}"
    return piece.text


def parse_chunking(options: Mapping[str, object] | None) -> Chunking:
    """The options as somebody wrote them, checked.  What is left out has its default."""
    given = options or {}
    strategy = _one_of(given, "strategy", tuple(_STRATEGIES))
    names = (*_COMMON, *_STRATEGIES[strategy])
    for name, value in given.items():
        if name not in names:
            raise _refusal({name: value}, f"The options of {strategy} are {', '.join(names)}.")
    unit = _one_of(given, "unit", tuple(_SIZES))
    tokenizer = given.get("tokenizer", ESTIMATE)
    if not isinstance(tokenizer, str):
        raise _refusal({"tokenizer": tokenizer}, TOKENIZER_HINT)
    check_tokenizer(tokenizer)
    headings = given.get("headings", False)
    if not isinstance(headings, bool):
        raise _refusal({"headings": headings}, "headings is true or false.")
    size, smallest, largest = _SIZES[unit]
    return Chunking(
        strategy=strategy,
        size=_number(given, "size", size, smallest, largest),
        minimum=_number(given, "minimum", 0, 1, largest),
        maximum=_number(given, "maximum", 0, smallest, largest * 3 // 2),
        overlap=_number(given, "overlap", 0, 0, largest),
        separators=_separators(given.get("separators", list(recursive.DEFAULT_SEPARATORS))),
        unit=unit,
        tokenizer=tokenizer,
        headings=headings,
    )


def chunking_as_dict(chunking: Chunking) -> dict[str, Any]:
    """The normal form of the options: with every default, so that it means the same for ever."""
    return {
        name: list(value) if isinstance(value := getattr(chunking, name), tuple) else value
        for name in (*_COMMON, *_STRATEGIES[chunking.strategy])
    }


def token_counter(chunking: Chunking) -> Callable[[str], int]:
    """What counts the tokens of a chunk."""
    return counter(chunking.tokenizer)


def _one_of(options: Mapping[str, object], name: str, values: Sequence[str]) -> str:
    value = options.get(name, values[0])
    if not isinstance(value, str) or value not in values:
        raise _refusal({name: value}, f"{name} is one of {', '.join(values)}.")
    return value


def _separators(value: object) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or not 1 <= len(value) <= _MOST_SEPARATORS
        or not all(isinstance(each, str) for each in value)
    ):
        raise _refusal(
            {"separators": value}, f"separators is an array of 1 to {_MOST_SEPARATORS} texts."
        )
    # The empty one is everywhere: none behind it is looked for, and without it a chunk could have
    # any length.
    return (*value[: value.index("")], "") if "" in value else (*value, "")


def _number(
    options: Mapping[str, object], name: str, default: int, smallest: int, largest: int
) -> int:
    if name not in options:
        return default
    value = options[name]
    # bool is a kind of int in Python, not in JSON.
    if isinstance(value, int) and not isinstance(value, bool) and smallest <= value <= largest:
        return value
    raise _refusal({name: value}, f"{name} is a whole number from {smallest} to {largest}.")


def _refusal(option: Mapping[str, object], hint: str) -> StewardError:
    return StewardError(
        "a chunking option is not valid",
        sqlstate=INVALID_PARAMETER_VALUE,
        detail=f"The option is {json.dumps(option, ensure_ascii=False)[:200]}.",
        hint=hint,
    )
