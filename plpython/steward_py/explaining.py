"""A plan in words: what becomes of each chunk, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from steward_py.planning import KnownChunk, Plan, PlannedChunk, rounded
from steward_py.significance import Finding, Policy
from steward_py.similarity import common_prefix

_DECISIONS = {
    "same": "keep",
    "moved": "move",
    "normalised": "accept",
    "similar": "accept",
}

_REASONS = {
    "same": "unchanged",
    "moved": "unchanged, in another place",
    "normalised": "equal after normalisation of {normalise}",
    "similar": "at least {similarity} alike, and nothing guarded has changed",
    "different": "less than {similarity} alike",
    "new": "no stored chunk is like it",
}

_EXCERPT = 60
_BEFORE_DIFFERENCE = 20
_MOST_VALUES = 5


class Explanation(NamedTuple):
    """What becomes of a chunk.

    ``ordinal`` is that of the new text, or that of the old one if the chunk is removed.
    """

    ordinal: int
    decision: str  # keep, move, accept, embed, remove
    stage: str
    similarity: float | None
    reason: str
    old_excerpt: str | None
    new_excerpt: str | None


def explain(plan: Plan, known: Sequence[KnownChunk], policy: Policy) -> Iterator[Explanation]:
    """Each chunk of the new text in order, then what is removed without a successor."""
    rows = {row.chunk_id: row for row in known}
    used = set()
    for planned in plan.chunks:
        row = planned.near
        if row is None and planned.chunk_id is not None:
            row = rows[planned.chunk_id]
        if row is not None:
            used.add(row.chunk_id)
        # where a text has been changed is what is of interest
        place = common_prefix(row.text, planned.text) if planned.near is not None and row else 0
        yield Explanation(
            planned.chunk.ordinal,
            _DECISIONS.get(planned.stage, "embed"),
            planned.stage,
            None if planned.similarity is None else rounded(planned.similarity),
            _reason(planned, policy),
            None if row is None else _excerpt(row.text, place),
            _excerpt(planned.text, place),
        )
    for row in sorted(known, key=lambda row: (row.ordinal, row.chunk_id)):
        if row.chunk_id not in used:
            reason = "no chunk of the new text came from it"
            yield Explanation(
                row.ordinal, "remove", "removed", None, reason, _excerpt(row.text, 0), None
            )


def _reason(planned: PlannedChunk, policy: Policy) -> str:
    if planned.findings:
        return "; ".join(_in_words(finding) for finding in planned.findings)
    if planned.stage == "different" and policy.similarity is None:
        return "the policy accepts nothing but equal text"
    return _REASONS[planned.stage].format(
        normalise=", ".join(policy.normalise), similarity=policy.similarity
    )


def _in_words(finding: Finding) -> str:
    if finding.guard == "always":
        return f"every change counts in {', '.join(finding.came)}"
    name = "paragraphs" if finding.guard == "structure" else finding.guard
    gone, came = _list(finding.gone), _list(finding.came)
    if gone and came:
        return f"{name}: {gone} -> {came}"
    return f"{name}: {gone} gone" if gone else f"{name}: {came} new"


def _list(values: Sequence[str]) -> str:
    words = ", ".join(f'"{_excerpt(value, 0)}"' for value in values[:_MOST_VALUES])
    return words + (", ..." if len(values) > _MOST_VALUES else "")


def _excerpt(text: str, place: int) -> str:
    """Some characters of a text, on one line, from shortly before a place."""
    start = max(0, place - _BEFORE_DIFFERENCE)
    if len(text) - start < _EXCERPT:
        start = max(0, min(start, len(text) - _EXCERPT))
    words = " ".join(text[start : start + _EXCERPT].split())
    return ("..." if start else "") + words + ("..." if start + _EXCERPT < len(text) else "")
