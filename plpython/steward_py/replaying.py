"""What would have become of the recorded changes of a document under another policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from steward_py.chunking import PART_SEPARATOR, Chunk
from steward_py.planning import KnownChunk, Plan, PlannedChunk, plan_chunks, text_hash
from steward_py.pulse import Pulse
from steward_py.significance import Policy


class Replayed(NamedTuple):
    """A change: what became of it, and what would have.

    ``outcome`` is None where nothing precedes it, so that there was nothing to compare with.
    """

    revision: int
    outcome: str | None
    chunks_embedded: int = 0
    characters_embedded: int = 0
    simulated_outcome: str | None = None
    simulated_chunks: int = 0
    simulated_characters: int = 0
    details: dict[str, Any] | None = None


# when a state ended that nothing can follow
_NEVER = object()


class _Recorded(NamedTuple):
    """A chunk as it is recorded: its vector is of another text than is shown, if that differs.

    ``heading`` stands above the text that is shown, ``prefix`` was embedded before the other.
    """

    chunk_id: int
    heading: str | None
    prefix: str | None
    vector_of: str
    text: str
    start: int = 0

    @property
    def was_sent(self) -> str:
        return _below(self.prefix, self.vector_of)


def replay(
    states: Sequence[Mapping[str, Any]], policy: Policy, pulse: Pulse = None
) -> Iterator[Replayed]:
    """Each state but the first as it followed from the one before.

    Of states whose chunks are not all kept any more, nothing can be said, nor of the state that
    follows on them.  The policy goes on from its own decisions: a vector that it would have kept
    is still of the text that it was made from.

    What the cosine of the vectors would have said nobody knows; where the policy asks for it the
    details say of how many chunks, which here count as embedded, as they are.
    """
    ended: object = None
    seen: set[int] = set()
    known: list[KnownChunk] = []
    for number, state in enumerate(states):
        if any(chunk["vector_of"] is None for chunk in state["chunks"]):
            if number > 0:
                yield Replayed(state["revision"], None)
            seen.update(chunk["chunk_id"] for chunk in state["chunks"])
            ended = _NEVER
            continue
        chunks = [_Recorded(**chunk) for chunk in state["chunks"]]
        if number == 0 or ended != state["begins"]:
            # the first of all, or after a time without the document or its chunks
            if number > 0:
                yield Replayed(state["revision"], None)
            known = [
                _known(ordinal, each.was_sent, each.prefix) for ordinal, each in enumerate(chunks)
            ]
        else:
            plan, parts_unknown = _plan(state, chunks, known, policy, pulse)
            rows = {row.chunk_id: row for row in known}
            compared = _compared(state["revision"], chunks, seen, plan)
            yield _annotated(compared, plan, policy, parts_unknown=parts_unknown)
            known = [_followed(each, rows) for each in plan.chunks]
        seen.update(each.chunk_id for each in chunks)
        ended = state["ends"]


def _below(heading: str | None, text: str) -> str:
    return text if heading is None else f"{heading}\n\n{text}"


def _known(ordinal: int, text: str, prefix: str | None) -> KnownChunk:
    return KnownChunk(ordinal, ordinal, text_hash(text), text, prefix)


def _followed(planned: PlannedChunk, rows: Mapping[int, KnownChunk]) -> KnownChunk:
    """What is known of a chunk after the plan was carried out."""
    ordinal = planned.chunk.ordinal
    if planned.chunk_id is None:
        return _known(ordinal, planned.text, planned.prefix)
    row = rows[planned.chunk_id]
    accepted = None if planned.near is None else planned.chunk.text
    return row._replace(chunk_id=ordinal, ordinal=ordinal, accepted=accepted)


def _plan(
    state: Mapping[str, Any],
    chunks: Sequence[_Recorded],
    known: Sequence[KnownChunk],
    policy: Policy,
    pulse: Pulse,
) -> tuple[Plan, bool]:
    """The plan, and whether nobody knows which chunk is of which part."""
    parts = state.get("parts") or []
    content = _content(chunks, len(parts))
    pieces = [
        Chunk(ordinal, each.start, each.start + len(each.text), each.text, each.heading)
        for ordinal, each in enumerate(chunks)
    ]
    embedded = [
        _below(each.heading if state.get("headings") else None, each.text) for each in chunks
    ]
    if content is None:
        return plan_chunks("", pieces, embedded, known, policy, pulse=pulse), True
    return plan_chunks(content, pieces, embedded, known, policy, parts=parts, pulse=pulse), False


def _content(chunks: Sequence[_Recorded], parts: int) -> str | None:
    """The text that the chunks were cut from, as far as it tells where its parts are.

    Only white space lay between them, which is not recorded; what separates parts may be in it.
    None if that can be in more than one way.
    """
    if parts == 0:
        return ""
    gaps = []
    end = 0
    for each in chunks:
        gaps.append(each.start - end)
        end = each.start + len(each.text)
    missing = parts - 1 - sum(each.text.count(PART_SEPARATOR) for each in chunks)
    wide = [index for index, gap in enumerate(gaps) if gap >= len(PART_SEPARATOR)]
    # chunks that overlap have a separator twice
    if missing not in (0, len(wide)) or min(gaps, default=0) < 0:
        return None
    separator = PART_SEPARATOR if missing else ""
    return "".join(
        (separator if index in wide else "").ljust(gap) + each.text
        for index, (gap, each) in enumerate(zip(gaps, chunks))
    )


def _annotated(compared: Replayed, plan: Plan, policy: Policy, *, parts_unknown: bool) -> Replayed:
    """With what the texts alone could not say."""
    details = dict(plan.details or {})
    if policy.cosine is not None:
        stages = ("different", "new") if policy.cosine_by == "pairwise" else ("different",)
        asked = sum(each.vector is not None and each.stage in stages for each in plan.chunks)
        if asked:
            details["asked_after_embedding"] = asked
    if policy.always and parts_unknown:
        details["parts_unknown"] = True
    return compared._replace(details=details or None)


def _compared(revision: int, chunks: Sequence[_Recorded], seen: set[int], plan: Plan) -> Replayed:
    fresh = [each for each in chunks if each.chunk_id not in seen]
    return Replayed(
        revision,
        _outcome(len(chunks), len(fresh), any(each.text != each.vector_of for each in chunks)),
        len(fresh),
        sum(len(each.was_sent) for each in fresh),
        _outcome(
            len(chunks),
            len(plan.texts),
            any(each.chunk_id is not None and each.near is not None for each in plan.chunks),
        ),
        sum(each.vector is not None for each in plan.chunks),
        sum(map(len, plan.texts)),
        plan.details,
    )


def _outcome(chunks: int, embedded: int, accepted: bool) -> str:
    if chunks == 0:
        return "retired"
    if embedded > 0:
        return "embedded"
    return "skipped" if accepted else "reused"
