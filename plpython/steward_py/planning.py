"""Compare a text with the chunks stored of it: what stays, what moves, what needs a vector."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from steward_py.chunking import MAXIMUM, MINIMUM, TARGET, Chunk, chunk


@dataclass(frozen=True)
class KnownChunk:
    """A stored chunk, as far as it matters here."""

    chunk_id: int
    ordinal: int
    chunk_hash: str


@dataclass(frozen=True)
class PlannedChunk:
    """A chunk of the new text: either the stored row that it keeps, or the vector that it needs."""

    chunk: Chunk
    chunk_hash: str
    chunk_id: int | None
    vector: int | None  # index into Plan.texts

    def as_dict(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "ordinal": self.chunk.ordinal,
            "start": self.chunk.start,
            "end": self.chunk.end,
            "heading": self.chunk.heading,
            "chunk_hash": self.chunk_hash,
            "chunk_id": self.chunk_id,
            "vector": self.vector,
        }
        if self.chunk_id is None:
            fields["text"] = self.chunk.text
        return fields


@dataclass(frozen=True)
class Plan:
    """What to do so that the stored chunks are those of the text.

    ``kept`` counts the stored rows that stay, ``moved`` those among them whose ordinal changes,
    ``removed_ids`` names the rest.  ``texts`` has every text that needs a vector, once.
    """

    content_hash: str | None
    chunks: tuple[PlannedChunk, ...]
    texts: tuple[str, ...]
    kept: int
    moved: int
    removed_ids: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "content_hash": self.content_hash,
            "chunks": [planned.as_dict() for planned in self.chunks],
            "texts": list(self.texts),
            "kept": self.kept,
            "moved": self.moved,
            "removed": len(self.removed_ids),
            "removed_ids": list(self.removed_ids),
        }


def text_hash(text: str) -> str:
    """SHA-256, in hexadecimal, of the text in UTF-8."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plan(
    content: str | None,
    known: Sequence[KnownChunk],
    *,
    target: int = TARGET,
    minimum: int = MINIMUM,
    maximum: int = MAXIMUM,
) -> Plan:
    """Chunk ``content`` and match the chunks with the ``known`` ones by the hash of their text.

    A stored row serves one chunk, so of equal chunks as many are kept as are stored.  A heading
    above a chunk and its place in the text are not part of its hash: renaming a section or
    moving a paragraph costs no vector.
    """
    chunks = chunk(content or "", target=target, minimum=minimum, maximum=maximum)
    hashes = [text_hash(piece.text) for piece in chunks]
    stored_as = _match(chunks, hashes, known)

    planned = []
    vector_of_hash: dict[str, int] = {}
    texts: list[str] = []
    for piece, piece_hash, row in zip(chunks, hashes, stored_as):
        vector = None
        if row is None:
            vector = vector_of_hash.setdefault(piece_hash, len(texts))
            if vector == len(texts):
                texts.append(piece.text)
        planned.append(PlannedChunk(piece, piece_hash, row.chunk_id if row else None, vector))

    kept_ids = {row.chunk_id for row in stored_as if row}
    return Plan(
        content_hash=None if content is None else text_hash(content),
        chunks=tuple(planned),
        texts=tuple(texts),
        kept=len(kept_ids),
        moved=sum(
            1 for piece, row in zip(chunks, stored_as) if row and row.ordinal != piece.ordinal
        ),
        removed_ids=tuple(row.chunk_id for row in known if row.chunk_id not in kept_ids),
    )


def _match(
    chunks: Sequence[Chunk], hashes: Sequence[str], known: Sequence[KnownChunk]
) -> list[KnownChunk | None]:
    """For each chunk the stored row that it keeps: preferably one in its place, else in order."""
    in_order = sorted(known, key=lambda row: (row.ordinal, row.chunk_id))
    in_place: dict[tuple[int, str], KnownChunk] = {}
    for row in in_order:
        in_place.setdefault((row.ordinal, row.chunk_hash), row)
    matched = [
        in_place.get((piece.ordinal, piece_hash)) for piece, piece_hash in zip(chunks, hashes)
    ]

    taken = {row.chunk_id for row in matched if row}
    spare: defaultdict[str, deque[KnownChunk]] = defaultdict(deque)
    for row in in_order:
        if row.chunk_id not in taken:
            spare[row.chunk_hash].append(row)
    for index, piece_hash in enumerate(hashes):
        if matched[index] is None and spare[piece_hash]:
            matched[index] = spare[piece_hash].popleft()
    return matched
