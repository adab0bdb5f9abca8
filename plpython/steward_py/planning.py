"""Compare a text with the chunks stored of it: what stays, what moves, what needs a vector."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from steward_py.chunking import DEFAULT, Chunk, Chunking, chunk, embedded_text
from steward_py.errors import PROGRAM_LIMIT_EXCEEDED, StewardError

# A plan is passed on and stored as JSON, which PostgreSQL limits; and whoever plans holds locks.
LONGEST_TEXT = 10_000_000


class KnownChunk(NamedTuple):
    """A stored chunk, as far as it matters here."""

    chunk_id: int
    ordinal: int
    chunk_hash: str


class PlannedChunk(NamedTuple):
    """A chunk of the new text: either the stored row that it keeps, or the vector that it needs."""

    chunk: Chunk
    chunk_hash: str
    chunk_id: int | None
    vector: int | None  # index into Plan.texts

    def as_dict(self) -> dict[str, Any]:
        """What is None is left out: in SQL an absent key is null as well."""
        piece = self.chunk
        fields: dict[str, Any] = {
            "ordinal": piece.ordinal,
            "start": piece.start,
            "end": piece.end,
            "chunk_hash": self.chunk_hash,
        }
        if piece.heading is not None:
            fields["heading"] = piece.heading
        if self.chunk_id is not None:
            fields["chunk_id"] = self.chunk_id
        if self.vector is not None:
            fields["vector"] = self.vector
        return fields


class Plan(NamedTuple):
    """What to do so that the stored chunks are those of the text.

    Stored rows that no chunk keeps are to be removed.  ``texts`` has every text that needs a
    vector, once.
    """

    content_hash: str
    chunks: list[PlannedChunk]
    texts: list[str]

    def as_dict(self) -> dict[str, Any]:
        return {
            "content_hash": self.content_hash,
            "chunks": [planned.as_dict() for planned in self.chunks],
            "texts": self.texts,
        }


def text_hash(text: str) -> str:
    """SHA-256, in hexadecimal, of the text in UTF-8."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plan(content: str, known: Sequence[KnownChunk], chunking: Chunking = DEFAULT) -> Plan:
    """Chunk ``content`` and match the chunks with the ``known`` ones by the hash of their text.

    A stored row serves one chunk, so of equal chunks as many are kept as are stored.  Its
    place in the text is not part of its hash, and a heading above it only where headings are
    embedded: moving a paragraph costs no vector.
    """
    if len(content) > LONGEST_TEXT:
        raise StewardError(
            "the text is too long",
            sqlstate=PROGRAM_LIMIT_EXCEEDED,
            detail=f"It has {len(content)} characters, more than {LONGEST_TEXT}.",
            hint="Divide the text among several rows.",
        )
    chunks = chunk(content, chunking)
    embedded = [embedded_text(piece, chunking) for piece in chunks]
    content_hash = text_hash(content)
    # A text that is one chunk has, more often than not, no white space around it.
    hashes = [
        content_hash if len(text) == len(content) and text == content else text_hash(text)
        for text in embedded
    ]
    stored_as = _match(chunks, hashes, known) if known else [None] * len(chunks)

    planned = []
    vector_of_hash: dict[str, int] = {}
    texts: list[str] = []
    for piece, text, piece_hash, row in zip(chunks, embedded, hashes, stored_as):
        if row is None:
            vector = vector_of_hash.setdefault(piece_hash, len(texts))
            if vector == len(texts):
                texts.append(text)
            planned.append(PlannedChunk(piece, piece_hash, None, vector))
        else:
            planned.append(PlannedChunk(piece, piece_hash, row.chunk_id, None))
    return Plan(content_hash, planned, texts)


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
