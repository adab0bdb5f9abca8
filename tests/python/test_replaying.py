"""What a replay makes of a history."""

from __future__ import annotations

from typing import Any

from steward_py.replaying import replay
from steward_py.significance import DEFAULT

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
