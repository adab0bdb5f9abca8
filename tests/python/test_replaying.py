"""What a replay makes of a history."""

from __future__ import annotations

from typing import Any

import pytest

from steward_py.replaying import replay
from steward_py.significance import DEFAULT, parse_policy

TEXT = "Whatever is said here stays as it was, letter by letter, to the end. " * 6


def state(revision: int, chunk_id: int, text: str | None) -> dict[str, Any]:
    """One that lasts until the next one; its chunk is gone when it has no text."""
    chunk = {"chunk_id": chunk_id, "heading": None, "prefix": None}
    return {
        "revision": revision,
        "begins": revision,
        "ends": revision + 1,
        "chunks": [{**chunk, "vector_of": text, "text": text}],
    }


def outcomes(*states: dict[str, Any]) -> list[tuple[int, str | None, str | None]]:
    return [
        (each.revision, each.outcome, each.simulated_outcome) for each in replay(states, DEFAULT)
    ]


def test_each_state_follows_from_the_one_before() -> None:
    assert outcomes(state(1, 1, TEXT), state(2, 2, f"{TEXT}So.")) == [(2, "embedded", "skipped")]


def test_nothing_follows_from_what_is_not_kept() -> None:
    states = [
        state(1, 1, TEXT),
        state(2, 2, None),
        state(3, 3, f"{TEXT}5"),
        state(4, 4, f"{TEXT}6"),
    ]
    assert outcomes(*states) == [(2, None, None), (3, None, None), (4, "embedded", "embedded")]
    # nor from a first one
    assert outcomes(*states[1:]) == [(3, None, None), (4, "embedded", "embedded")]
    # one of several chunks is enough
    states[1]["chunks"] += states[0]["chunks"]
    assert outcomes(*states)[:2] == [(2, None, None), (3, None, None)]


def of_parts(revision: int, gaps: tuple[int, int], *texts: str) -> dict[str, Any]:
    """A state of a title and a body, of three chunks and what lies between them."""
    chunks: list[dict[str, Any]] = []
    end = 0
    for text, gap in zip(texts, (0, *gaps), strict=True):
        number = 10 * revision + len(chunks)
        chunk = {"chunk_id": number, "heading": None, "prefix": None, "start": end + gap}
        chunks.append({**chunk, "vector_of": text, "text": text})
        end += gap + len(text)
    return {**state(revision, 0, ""), "parts": ["title", "body"], "chunks": chunks}


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_the_gaps_say_which_part_a_chunk_is_of(changed: int) -> None:
    texts = [TEXT, TEXT.upper(), TEXT.swapcase()]
    others = [f"{text}So." if n == changed else text for n, text in enumerate(texts)]
    policy = parse_policy({"always": ["title"]})

    def outcome(gaps: tuple[int, int]) -> tuple[str | None, bool]:
        states = of_parts(1, gaps, *texts), of_parts(2, gaps, *others)
        (found,) = replay(states, policy)
        return found.simulated_outcome, "parts_unknown" in (found.details or {})

    assert outcome((3, 2)) == ("embedded" if changed == 0 else "skipped", False)
    assert outcome((2, 3)) == ("skipped" if changed == 2 else "embedded", False)
    # it may be either
    assert outcome((3, 3)) == ("skipped", True)
