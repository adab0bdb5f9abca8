"""Compare a text with the chunks stored of it: what stays, what moves, what needs a vector."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from math import floor
from typing import Any, NamedTuple

from steward_py import chunking as cutting
from steward_py import significance
from steward_py.alignment import align
from steward_py.chunking import PART_SEPARATOR, Chunk, Chunking, chunk, embedded_text
from steward_py.pulse import Pulse
from steward_py.significance import Finding, Policy, Reading, Verdict, judge_readings
from steward_py.similarity import longest_ascent, similarity

STAGES = (
    "same", "moved", "accepted", "normalised", "similar", "guarded", "structure", "different",
    "new", "removed",
)  # fmt: skip

_MOST_FINDINGS = 20
_LONGEST_FINDING = 80


class KnownChunk(NamedTuple):
    """A stored chunk, as far as it matters here: ``text`` is what its vector was made from.

    ``prefix`` is the part of it that the headings are, ``accepted`` the text that this very policy
    has accepted in its place.
    """

    chunk_id: int
    ordinal: int
    chunk_hash: str
    text: str
    prefix: str | None = None
    accepted: str | None = None

    @property
    def own_text(self) -> str:
        """The text without the headings."""
        return self.text if self.prefix is None else self.text[len(self.prefix) + 2 :]


class PlannedChunk(NamedTuple):
    """A chunk of the new text: either the stored row that it keeps, or the vector that it needs.

    ``stage`` says what decided.  ``near`` is the stored chunk that it came from, with their
    similarity, where it is not the same.
    """

    chunk: Chunk
    text: str  # to embed
    chunk_hash: str
    stage: str
    chunk_id: int | None
    vector: int | None  # index into Plan.texts
    near: KnownChunk | None = None
    similarity: float | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def prefix(self) -> str | None:
        """The headings that are embedded before the chunk."""
        return self.chunk.heading if len(self.text) > len(self.chunk.text) else None

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
        if self.prefix is not None:
            fields["prefix"] = self.prefix
        if self.chunk_id is not None:
            fields["chunk_id"] = self.chunk_id
            if self.near is not None:
                fields["shown"] = piece.text
        if self.vector is not None:
            fields["vector"] = self.vector
            if self.near is not None:
                fields["near"] = self.near.chunk_id
                # what a guard has found is not asked of the vectors again
                fields["stage"] = self.stage
        if self.similarity is not None:
            fields["similarity"] = rounded(self.similarity)
        return fields


class Plan(NamedTuple):
    """What to do so that the stored chunks are those of the text.

    Stored rows that no chunk keeps are to be removed.  ``texts`` has every text that needs a
    vector, once.
    """

    content_hash: str
    chunks: list[PlannedChunk]
    texts: list[str]
    details: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "content_hash": self.content_hash,
            "chunks": [planned.as_dict() for planned in self.chunks],
            "texts": self.texts,
        }
        if self.details is not None:
            fields["details"] = self.details
        return fields


class _Choice(NamedTuple):
    """What became of a chunk of the new text."""

    stage: str
    row: KnownChunk | None = None
    verdict: Verdict | None = None  # absent if the row is the same

    @property
    def keeps(self) -> bool:
        return self.row is not None and (self.verdict is None or self.verdict.keeps)


def text_hash(text: str) -> str:
    """SHA-256, in hexadecimal, of the text in UTF-8."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def rounded(similarity: float) -> float:
    """To four digits, and down: what is below a threshold is not shown as if it were not."""
    return floor(similarity * 10_000) / 10_000


def plan(
    content: str,
    known: Sequence[KnownChunk],
    chunking: Chunking = cutting.DEFAULT,
    policy: Policy = significance.DEFAULT,
    parts: Sequence[str] = (),
    *,
    pulse: Pulse = None,
) -> Plan:
    """Chunk ``content`` and find for each chunk the ``known`` one whose vector it may keep.

    First by the hash of what is embedded, wherever it stands; what is left is aligned with the
    stored chunks that are left, and the policy judges.  A stored row serves one chunk, so of equal
    chunks as many are kept as are stored.

    ``parts`` are the names of what the content is put together from.
    """
    chunks = chunk(content, chunking, pulse)
    embedded = [embedded_text(piece, chunking) for piece in chunks]
    content_hash = text_hash(content)
    # A text that is one chunk has, more often than not, no white space around it.
    hashes = [
        content_hash if len(text) == len(content) and text == content else text_hash(text)
        for text in embedded
    ]
    division = _Parts(content, parts)
    rows = sorted(known, key=lambda row: (row.ordinal, row.chunk_id))
    comparison = _Comparison(chunks, embedded, hashes, rows, policy, division)
    return _plan(content_hash, comparison, pulse)


def plan_chunks(
    content: str,
    chunks: Sequence[Chunk],
    embedded: Sequence[str],
    known: Sequence[KnownChunk],
    policy: Policy,
    *,
    parts: Sequence[str] = (),
    pulse: Pulse = None,
) -> Plan:
    """The plan for a text that has been cut already; its hash is left empty.

    Of ``content`` it matters only where the parts are, of which ``parts`` has the names.
    """
    hashes = [text_hash(text) for text in embedded]
    rows = sorted(known, key=lambda row: (row.ordinal, row.chunk_id))
    division = _Parts(content, parts)
    return _plan("", _Comparison(chunks, embedded, hashes, rows, policy, division), pulse)


def _plan(content_hash: str, comparison: _Comparison, pulse: Pulse) -> Plan:
    chunks, embedded, hashes, rows = comparison[:4]
    choices = comparison.choose(pulse) if rows else [_Choice("new")] * len(chunks)
    planned = []
    vector_of_hash: dict[str, int] = {}
    texts: list[str] = []
    for piece, text, piece_hash, choice in zip(chunks, embedded, hashes, choices):
        vector = None
        if not choice.keeps:
            vector = vector_of_hash.setdefault(piece_hash, len(texts))
            if vector == len(texts):
                texts.append(text)
        planned.append(_planned(piece, text, piece_hash, choice, vector))
    details = _details(planned, rows, texts, comparison.parts) if rows else None
    return Plan(content_hash, planned, texts, details)


def _planned(
    piece: Chunk, text: str, piece_hash: str, choice: _Choice, vector: int | None
) -> PlannedChunk:
    row, verdict = choice.row, choice.verdict
    chunk_id = row.chunk_id if row is not None and vector is None else None
    if verdict is None:
        return PlannedChunk(piece, text, piece_hash, choice.stage, chunk_id, vector)
    return PlannedChunk(
        piece,
        text,
        piece_hash,
        choice.stage,
        chunk_id,
        vector,
        row,
        verdict.similarity,
        verdict.findings,
    )


class _Parts:
    """What a content is put together from: by name, and where each begins."""

    def __init__(self, content: str, names: Sequence[str]) -> None:
        self.names: Sequence[str] = ()
        self._starts = [0]
        if names:
            place = content.find(PART_SEPARATOR)
            while place >= 0:
                self._starts.append(place + len(PART_SEPARATOR))
                place = content.find(PART_SEPARATOR, self._starts[-1])
            # Otherwise nobody knows which is which.
            if len(self._starts) == len(names):
                self.names = names

    def of(self, piece: Chunk) -> list[int]:
        """The numbers of the parts that a chunk has something of."""
        ends = [*self._starts[1:], piece.end]
        return [
            number
            for number, (start, end) in enumerate(zip(self._starts, ends))
            if start < piece.end and piece.start < end
        ]

    def changed(self, piece: Chunk, old_text: str) -> Iterable[int]:
        """The numbers of the parts in which a chunk differs from the text it came from."""
        numbers = self.of(piece)
        old_pieces = old_text.split(PART_SEPARATOR)
        new_pieces = piece.text.split(PART_SEPARATOR)
        if len(old_pieces) == len(new_pieces) == len(numbers):
            pieces = zip(numbers, old_pieces, new_pieces)
            return [number for number, old, new in pieces if old.strip() != new.strip()]
        # A part has become empty, or is so no longer: before or after those that are equal.
        reach = abs(len(old_pieces) - len(new_pieces))
        before = _equal(old_pieces, new_pieces)
        after = _equal(old_pieces[::-1], new_pieces[::-1])
        first = numbers[0] + before if before else numbers[0] - reach
        last = numbers[-1] - after if after else numbers[-1] + reach
        if first > last:
            first, last = numbers[0], numbers[-1]
        return range(max(0, first), min(len(self.names) - 1, last) + 1)

    def names_of(self, numbers: Iterable[int]) -> list[str]:
        return [name for number, name in enumerate(self.names) if number in set(numbers)]


def _equal(old: Sequence[str], new: Sequence[str]) -> int:
    """How many of the texts are equal, from the first on."""
    pairs = enumerate(zip(old, new))
    return next(
        (number for number, (a, b) in pairs if a.strip() != b.strip()), min(len(old), len(new))
    )


class _Comparison(NamedTuple):
    """The chunks of the new text beside the stored ones, in the order of the document."""

    chunks: Sequence[Chunk]
    embedded: Sequence[str]
    hashes: Sequence[str]
    rows: Sequence[KnownChunk]
    policy: Policy
    parts: _Parts

    def choose(self, pulse: Pulse) -> list[_Choice]:
        """What becomes of each chunk."""
        anchors = _match(self.chunks, self.hashes, self.rows)
        numbers = sorted(anchors)
        in_order = longest_ascent([anchors[number] for number in numbers])
        stayed = {numbers[index] for index in in_order}
        choices = {
            number: _Choice("same" if number in stayed else "moved", self.rows[row])
            for number, row in anchors.items()
        }
        for number, row in self._accepted_before(anchors).items():
            known = self.rows[row]
            alike = similarity(known.text, self.embedded[number], 0.0, pulse)
            choices[number] = _Choice("accepted", known, Verdict("accepted", True, alike))
            anchors[number] = row
        if len(anchors) < min(len(self.rows), len(self.chunks)):
            choices.update(self._judge_others(anchors, pulse))
        return [choices.get(number, _Choice("new")) for number in range(len(self.chunks))]

    def _prefix(self, number: int) -> str | None:
        """The headings that are embedded before a chunk."""
        piece = self.chunks[number]
        return None if self.embedded[number] == piece.text else piece.heading

    def _accepted_before(self, anchors: Mapping[int, int]) -> dict[int, int]:
        """Chunks that are shown as they are now with the vector of a row, and stay with it.

        Otherwise what the cosine of the vectors has decided would be sent again.
        """
        anchored = set(anchors.values())
        rows_of: defaultdict[tuple[str, str | None], deque[int]] = defaultdict(deque)
        for index, row in enumerate(self.rows):
            if row.accepted is not None and index not in anchored:
                rows_of[row.accepted, row.prefix].append(index)
        if not rows_of:
            return {}
        found = {}
        for number, piece in enumerate(self.chunks):
            rows = rows_of.get((piece.text, self._prefix(number)))
            if number not in anchors and rows:
                found[number] = rows.popleft()
        return found

    def _judge_others(self, anchors: Mapping[int, int], pulse: Pulse) -> dict[int, _Choice]:
        anchored = set(anchors.values())
        old = [
            Reading("" if index in anchored else row.text, self.policy)
            for index, row in enumerate(self.rows)
        ]
        new = [
            Reading("" if number in anchors else text, self.policy)
            for number, text in enumerate(self.embedded)
        ]
        matches = align(
            [reading.normal for reading in old], [reading.normal for reading in new], anchors, pulse
        )
        choices = {}
        taken: set[int] = set()
        by_similarity = sorted(matches, key=lambda number: (-matches[number].similarity, number))
        for number in by_similarity:
            match = matches[number]
            row = self.rows[match.old]
            piece = self.chunks[number]
            prefix = self._prefix(number)
            if row.prefix is None and prefix is None:
                pair = old[match.old], new[number]
                alike: float | None = match.similarity
            else:
                pair = _below_headings(row.own_text, row.prefix, piece.text, prefix, self.policy)
                alike = None
            verdict = self._of_parts(piece, pair[0].text) or judge_readings(
                *pair, self.policy, pulse, alike
            )
            if verdict.keeps and match.old in taken:
                verdict = Verdict("different", False, verdict.similarity)
            if verdict.keeps:
                taken.add(match.old)
            choices[number] = _Choice(verdict.stage, row, verdict)
        return choices

    def _of_parts(self, piece: Chunk, old_text: str) -> Verdict | None:
        """What the policy says of parts whose every change counts."""
        if not self.policy.always or not self.parts.names:
            return None
        changed = self.parts.names_of(self.parts.changed(piece, old_text))
        counting = tuple(name for name in changed if name in self.policy.always)
        if not counting:
            return None
        alike = similarity(old_text, piece.text)
        return Verdict("guarded", False, alike, (Finding("always", (), counting),))


def accepts(
    old: tuple[str, str | None], new: tuple[str, str | None], policy: Policy, pulse: Pulse = None
) -> bool:
    """Whether a chunk may keep the vector of another; each a text and the headings before it."""
    pair = _below_headings(*old, *new, policy)
    return judge_readings(*pair, policy, pulse).keeps


def _below_headings(
    old_text: str, old_prefix: str | None, text: str, prefix: str | None, policy: Policy
) -> tuple[Reading, Reading]:
    return Reading(old_text, policy, old_prefix), Reading(text, policy, prefix)


def _match(
    chunks: Sequence[Chunk], hashes: Sequence[str], rows: Sequence[KnownChunk]
) -> dict[int, int]:
    """The index of the row that a chunk keeps: preferably one in its place, else in order."""
    in_place: dict[tuple[int, str], int] = {}
    for index, row in enumerate(rows):
        in_place.setdefault((row.ordinal, row.chunk_hash), index)
    matched = {}
    for piece, piece_hash in zip(chunks, hashes):
        index_in_place = in_place.get((piece.ordinal, piece_hash))
        if index_in_place is not None:
            matched[piece.ordinal] = index_in_place

    taken = set(matched.values())
    spare: defaultdict[str, deque[int]] = defaultdict(deque)
    for index, row in enumerate(rows):
        if index not in taken:
            spare[row.chunk_hash].append(index)
    for piece, piece_hash in zip(chunks, hashes):
        if piece.ordinal not in matched and spare[piece_hash]:
            matched[piece.ordinal] = spare[piece_hash].popleft()
    return matched


def _details(
    planned: Sequence[PlannedChunk], rows: Sequence[KnownChunk], texts: Sequence[str], parts: _Parts
) -> dict[str, Any]:
    """What a person may want to know of a decision later."""
    stages = Counter(each.stage for each in planned)
    kept = {each.chunk_id for each in planned}
    near = {each.near.chunk_id for each in planned if each.near is not None}
    stages["removed"] = sum(row.chunk_id not in kept | near for row in rows)
    details: dict[str, Any] = {"stages": {stage: stages[stage] for stage in STAGES}}
    compared = [(each.similarity, each) for each in planned if each.similarity is not None]
    if compared:
        least, chunk_of_least = min(compared, key=lambda pair: pair[0])
        details["least_similar"] = {
            "ordinal": chunk_of_least.chunk.ordinal,
            "similarity": rounded(least),
        }
    guards = [
        {
            "guard": finding.guard,
            "ordinal": each.chunk.ordinal,
            "gone": _shortened(finding.gone),
            "came": _shortened(finding.came),
        }
        for each in planned
        if each.stage == "guarded"
        for finding in each.findings
    ]
    if guards:
        details["guards"] = guards[:_MOST_FINDINGS]
    changed = parts.names_of(_changed_parts(planned, rows, parts))
    if changed:
        details["parts"] = changed
    details["characters"] = planned[-1].chunk.end if planned else 0
    details["characters_embedded"] = sum(map(len, texts))
    return details


def _shortened(values: Sequence[str]) -> list[str]:
    return [value[:_LONGEST_FINDING] for value in values[:_MOST_FINDINGS]]


def _changed_parts(
    planned: Sequence[PlannedChunk], rows: Sequence[KnownChunk], parts: _Parts
) -> set[int]:
    """The numbers of the parts in which something changed."""
    changed: set[int] = set()
    if not parts.names:
        return changed
    heirs: dict[int, Chunk] = {}
    for each in planned:
        if each.near is not None:
            changed.update(parts.changed(each.chunk, each.near.text))
            heirs[each.near.chunk_id] = each.chunk
        elif each.chunk_id is None:
            changed.update(parts.of(each.chunk))
        else:
            heirs[each.chunk_id] = each.chunk
    # What was removed was of a part between those of its neighbours.
    last = 0
    removed = False
    for row in rows:
        heir = heirs.get(row.chunk_id)
        if heir is None:
            removed = True
            continue
        numbers = parts.of(heir)
        if removed:
            changed.update(range(min(last, numbers[0]), max(last, numbers[0]) + 1))
            removed = False
        last = numbers[-1]
    if removed:
        changed.update(range(last, len(parts.names)))
    return changed
