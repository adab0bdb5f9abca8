"""What would have become of the recorded changes of a document under another policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from steward_py.chunking import Chunk
from steward_py.planning import KnownChunk, Plan, plan_chunks, text_hash
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
    """A chunk as it is recorded: its vector is of another text than is shown, if that differs."""

    chunk_id: int
    heading: str | None
    prefix: str | None
    vector_of: str
    text: str

    def below_prefix(self, text: str) -> str:
        return text if self.prefix is None else f"{self.prefix}\n\n{text}"


def replay(
    states: Sequence[Mapping[str, Any]], policy: Policy, pulse: Pulse = None
) -> Iterator[Replayed]:
    """Each state but the first as it followed from the one before.

    Of states whose chunks are not all kept any more, nothing can be said, nor of the state that
    follows on them.  The policy goes on from its own decisions: a vector that it would have kept
    is still of the text that it was made from.
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
                _known(ordinal, each.below_prefix(each.vector_of))
                for ordinal, each in enumerate(chunks)
            ]
        else:
            plan = _plan(chunks, known, policy, pulse)
            texts = {row.chunk_id: row.text for row in known}
            yield _compared(state["revision"], chunks, seen, plan)
            known = [
                _known(
                    each.chunk.ordinal,
                    each.text if each.chunk_id is None else texts[each.chunk_id],
                )
                for each in plan.chunks
            ]
        seen.update(each.chunk_id for each in chunks)
        ended = state["ends"]


def _known(ordinal: int, text: str) -> KnownChunk:
    return KnownChunk(ordinal, ordinal, text_hash(text), text)


def _plan(
    chunks: Sequence[_Recorded], known: Sequence[KnownChunk], policy: Policy, pulse: Pulse
) -> Plan:
    pieces = []
    end = 0
    for ordinal, each in enumerate(chunks):
        start, end = end, end + len(each.text)
        pieces.append(Chunk(ordinal, start, end, each.text, each.heading))
    embedded = [each.below_prefix(each.text) for each in chunks]
    return plan_chunks(pieces, embedded, known, policy, pulse)


def _compared(revision: int, chunks: Sequence[_Recorded], seen: set[int], plan: Plan) -> Replayed:
    fresh = [each for each in chunks if each.chunk_id not in seen]
    return Replayed(
        revision,
        _outcome(len(chunks), len(fresh), any(each.text != each.vector_of for each in chunks)),
        len(fresh),
        sum(len(each.below_prefix(each.vector_of)) for each in fresh),
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
