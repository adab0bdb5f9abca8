"""Stored chunks are matched with new ones as a multiset; only what is new costs a vector."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256

import pytest

from python.documents import article, seeded
from steward_py import planning
from steward_py.chunking import Chunking, chunk
from steward_py.errors import StewardError
from steward_py.planning import KnownChunk, Plan, plan, text_hash


def document(letters: str) -> str:
    """A text whose chunks are one line of equal letters each."""
    return "\n".join(letter * 10 for letter in letters)


def planned(letters: str, known: list[tuple[int, int, str]]) -> Plan:
    rows = [KnownChunk(row, ordinal, text_hash(letter * 10)) for row, ordinal, letter in known]
    return plan(document(letters), rows, Chunking(size=12, minimum=8, maximum=16))


def ids(result: Plan) -> list[int | None]:
    return [each.chunk_id for each in result.chunks]


def vectors(result: Plan) -> list[int | None]:
    return [each.vector for each in result.chunks]


def test_hash_is_of_the_text_alone() -> None:
    assert text_hash("grün") == sha256("grün".encode()).hexdigest()
    plain = plan("Same words.", [])
    below_heading = plan(
        "# A\n" + "x" * 600 + "\n\n# B\nSame words.", [], Chunking(size=1000, minimum=5)
    )
    assert below_heading.chunks[0].chunk.heading == "A"
    moved = plan("  \n\nSame words.\n", [])
    assert moved.chunks[0].chunk_hash == plain.chunks[0].chunk_hash
    assert moved.content_hash != plain.content_hash


def test_renamed_section_costs_only_the_chunk_with_its_title() -> None:
    body = "\n\n".join("word " * 150 for _ in range(4))
    before = plan("# Old\n\n" + "x" * 1000 + "\n\n" + body, [])
    known = [
        KnownChunk(number, each.chunk.ordinal, each.chunk_hash)
        for number, each in enumerate(before.chunks)
    ]
    after = plan("# New\n\n" + "x" * 1000 + "\n\n" + body, known)
    assert len(after.texts) == 1
    assert {each.chunk.heading for each in after.chunks} == {"New"}


def test_new_document() -> None:
    result = planned("abc", [])
    assert result.texts == ["a" * 10, "b" * 10, "c" * 10]
    assert vectors(result) == [0, 1, 2]
    assert ids(result) == [None] * 3


def test_unchanged_document_needs_nothing() -> None:
    result = planned("abc", [(7, 0, "a"), (8, 1, "b"), (9, 2, "c")])
    assert ids(result) == [7, 8, 9]
    assert result.texts == []
    assert vectors(result) == [None] * 3


def test_insertion_moves_what_follows() -> None:
    result = planned("anb", [(7, 0, "a"), (8, 1, "b")])
    assert ids(result) == [7, None, 8]
    assert vectors(result) == [None, 0, None]


def test_replacement_removes_the_old_row() -> None:
    result = planned("xb", [(7, 0, "a"), (8, 1, "b")])
    assert ids(result) == [None, 8]


def test_no_content_keeps_nothing() -> None:
    result = planned("", [(7, 0, "a"), (8, 1, "b")])
    assert result == Plan(sha256(b"").hexdigest(), [], [])


def test_longest_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert planning.LONGEST_TEXT == 10_000_000
    monkeypatch.setattr(planning, "LONGEST_TEXT", 100)
    assert plan("x" * 100, []).texts
    with pytest.raises(StewardError, match="too long") as caught:
        plan("x" * 101, [])
    assert caught.value.sqlstate == "54000"
    assert caught.value.detail == "It has 101 characters, more than 100."


def test_equal_chunks_are_kept_as_often_as_they_are_stored() -> None:
    result = planned("aaa", [(7, 0, "a"), (8, 1, "a")])
    assert ids(result) == [7, 8, None]
    assert result.texts == ["a" * 10]
    fewer = planned("a", [(7, 0, "a"), (8, 1, "a")])
    assert ids(fewer) == [7]


def test_equal_new_chunks_share_a_vector() -> None:
    result = planned("abab", [])
    assert result.texts == ["a" * 10, "b" * 10]
    assert vectors(result) == [0, 1, 0, 1]


def test_a_row_in_its_own_place_comes_first() -> None:
    # In order alone, the first "a" would take row 7 and the one at 2 would have to move.
    result = planned("aba", [(7, 2, "a"), (8, 1, "b")])
    assert ids(result) == [None, 8, 7]


def test_the_rest_is_matched_in_order_of_ordinals() -> None:
    result = planned("bcaa", [(9, 1, "a"), (7, 0, "a"), (5, 8, "a")])
    assert ids(result) == [None, None, 7, 9]


def test_damaged_ordinals_do_no_harm() -> None:
    result = planned("ab", [(7, 0, "a"), (8, 0, "a"), (9, 0, "b")])
    assert ids(result) == [7, 9]


@pytest.mark.parametrize("seed", range(50))
def test_rules_hold_for_any_edit(seed: int) -> None:
    random = seeded(seed)
    old = random.choices("abcdef", k=random.randint(0, 12))
    new = "".join(random.choices("abcdefgh", k=random.randint(0, 12)))
    known = [
        (100 + number, ordinal, letter) for number, (ordinal, letter) in enumerate(enumerate(old))
    ]
    random.shuffle(known)
    result = planned(new, known)
    letter_of_row = {row: letter for row, _, letter in known}
    ordinal_of_row = {row: ordinal for row, ordinal, _ in known}

    kept = [each for each in result.chunks if each.chunk_id is not None]
    assert len({each.chunk_id for each in kept}) == len(kept), "a row was used twice"
    for each in result.chunks:
        letter = each.chunk.text[0]
        if each.chunk_id is None:
            assert each.vector is not None
            assert result.texts[each.vector] == each.chunk.text
        else:
            assert each.vector is None
            assert letter_of_row[each.chunk_id] == letter
    both = Counter(old) & Counter(new)
    assert Counter(each.chunk.text[0] for each in kept) == both, "not as many kept as possible"
    assert len(set(result.texts)) == len(result.texts)
    for ordinal in range(min(len(old), len(new))):
        if old[ordinal] == new[ordinal]:
            row = result.chunks[ordinal].chunk_id
            assert row is not None
            assert ordinal_of_row[row] == ordinal, "did not prefer its own place"


def test_as_dict_is_what_the_sql_side_reads() -> None:
    result = planned("ax", [(7, 0, "a"), (8, 1, "b")])
    assert json.loads(json.dumps(result.as_dict())) == {
        "content_hash": text_hash(document("ax")),
        "chunks": [
            {"ordinal": 0, "start": 0, "end": 10, "chunk_hash": text_hash("a" * 10), "chunk_id": 7},
            {"ordinal": 1, "start": 11, "end": 21, "chunk_hash": text_hash("x" * 10), "vector": 0},
        ],
        "texts": ["x" * 10],
    }
    assert plan("# Title", []).as_dict()["chunks"][0]["heading"] == "Title"


def test_small_edit_of_a_long_document_needs_few_vectors() -> None:
    text = article(seeded(4), 205)
    known = [KnownChunk(each.ordinal, each.ordinal, text_hash(each.text)) for each in chunk(text)]
    result = plan(text.replace(" ", " word ", 1), known)
    assert len(known) > 40
    assert 1 <= len(result.texts) <= 2
    kept = [each for each in ids(result) if each is not None]
    assert len(kept) >= len(known) - 2
