"""Cut a text every so many characters or tokens."""

from __future__ import annotations

from collections.abc import Iterator

from steward_py.characters import whole
from steward_py.measures import Measure


def spans(text: str, measure: Measure, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """The pieces of ``text``, white space around them included; some may be nothing else.

    Shown characters stay whole: a piece that would end in one ends before it.
    """
    start = 0
    while True:
        end = measure.after(start, size)
        if end >= len(text):
            yield start, len(text)
            return
        end = whole(text, start + 1, end)
        yield start, end
        following = whole(text, start + 1, measure.before(end, overlap)) if overlap else end
        start = max(following, start + 1)
