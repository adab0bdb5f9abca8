"""Stored chunks are matched with new ones as a multiset; only what is new costs a vector."""

from __future__ import annotations

import json
import time
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from python.documents import article, seeded
from steward_py import chunking
from steward_py.chunking import PART_SEPARATOR, Chunking
from steward_py.errors import StewardError
from steward_py.planning import STAGES, KnownChunk, Plan, plan, rounded, text_hash
from steward_py.significance import parse_policy
from steward_py.similarity import similarity

Texts = tuple[str, ...]

SMALL = Chunking(size=600, minimum=300, maximum=900)

# beside which any small change is 0.95 alike and more
LONG = " ".join(["Whatever else is said here stays as it was, letter by letter, to the end."] * 6)


def document(letters: str) -> str:
    """A text whose chunks are one line of equal letters each."""
    return "\n".join(letter * 10 for letter in letters)


def planned(letters: str, known: list[tuple[int, int, str]]) -> Plan:
    rows = [
        KnownChunk(row, ordinal, text_hash(letter * 10), letter * 10)
        for row, ordinal, letter in known
    ]
    return plan(document(letters), rows, Chunking(size=12, minimum=8, maximum=16))


def known_of(result: Plan) -> list[KnownChunk]:
    """The chunks as they are stored once all of them have vectors."""
    return [
        KnownChunk(
            100 + each.chunk.ordinal, each.chunk.ordinal, each.chunk_hash, each.text, each.prefix
        )
        for each in result.chunks
    ]


def after(old: str, new: str, parts: tuple[str, ...] = (), **policy: Any) -> Plan:
    return plan(new, known_of(plan(old, [], SMALL)), SMALL, parse_policy(policy), parts)


def stages(result: Plan) -> dict[str, int]:
    assert result.details is not None
    assert list(result.details["stages"]) == list(STAGES)
    return {stage: count for stage, count in result.details["stages"].items() if count}


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
    known = known_of(before)
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
    assert (result.content_hash, result.chunks, result.texts) == (sha256(b"").hexdigest(), [], [])
    assert stages(result) == {"removed": 2}


def test_longest_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chunking.LONGEST_TEXT == 10_000_000
    monkeypatch.setattr(chunking, "LONGEST_TEXT", 100)
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
        "details": {
            "stages": {**dict.fromkeys(STAGES, 0), "same": 1, "new": 1, "removed": 1},
            "characters": 21,
            "characters_embedded": 10,
        },
    }
    assert plan("# Title", []).as_dict()["chunks"][0]["heading"] == "Title"
    assert "details" not in plan("# Title", []).as_dict()


def test_accepted_change_shows_the_new_text() -> None:
    old, new = f"It recieves. {LONG}", f"It receives. {LONG}"
    result = after(old, new)
    assert result.as_dict()["chunks"] == [
        {
            "ordinal": 0,
            "start": 0,
            "end": len(new),
            "chunk_hash": text_hash(new),
            "chunk_id": 100,
            "shown": new,
            "similarity": rounded(similarity(old, new)),
        }
    ]
    assert result.texts == []
    assert stages(result) == {"similar": 1}
    assert "shown" not in after(old, old).as_dict()["chunks"][0]


def test_change_that_counts_names_the_chunk_it_came_from() -> None:
    result = after(f"Take 10 mg. {LONG}", f"Take 1000 mg. {LONG}")
    assert result.as_dict()["chunks"][0]["near"] == 100
    assert result.as_dict()["chunks"][0]["vector"] == 0
    assert result.details is not None
    assert result.details["guards"] == [
        {"guard": "numbers", "ordinal": 0, "gone": ["10 mg"], "came": ["1000 mg"]}
    ]
    least = result.details["least_similar"]
    assert least["ordinal"] == 0
    assert least["similarity"] == result.as_dict()["chunks"][0]["similarity"] > 0.98


def test_details_are_bounded() -> None:
    names = [f"name_{number}" for number in range(40)]
    names[0] += "x" * 100
    result = after(f"so {LONG[:300]}", f"so {' '.join(names)} {LONG[:300]}")
    assert result.details is not None
    (guard,) = result.details["guards"]
    assert len(guard["came"]) == 20
    assert max(map(len, guard["came"])) == 80
    old = "\n\n".join(f"{LONG} in 1{number}" for number in range(50))
    new = "\n\n".join(f"{LONG} in 2{number}" for number in range(50))
    result = after(old, new)
    assert result.details is not None
    assert len(result.details["guards"]) == 20


def test_what_is_below_a_threshold_is_not_shown_as_if_it_were_not() -> None:
    assert rounded(0.94999) == 0.9499
    assert rounded(0.95) == 0.95


def test_small_edits_add_up() -> None:
    """Against the text of the vector, and not against the edit before."""
    text = " ".join(["some words of a text that is edited again and again in small steps"] * 8)
    rows = known_of(plan(text, [], SMALL))
    kept = 0
    for step in range(100):
        text = text[: 4 * step] + "zz" + text[4 * step + 2 :]
        result = plan(text, rows, SMALL)
        if result.texts:
            break
        kept += 1
        assert ids(result) == [100]
    assert 3 <= kept <= 20
    assert result.chunks[0].similarity is not None
    assert result.chunks[0].similarity < 0.95
    assert similarity(rows[0].text, text) < 0.95


def test_moved_chunks_are_told_from_those_that_stayed() -> None:
    result = planned("bcda", [(7, 0, "a"), (8, 1, "b"), (9, 2, "c"), (10, 3, "d")])
    assert ids(result) == [8, 9, 10, 7]
    assert stages(result) == {"same": 3, "moved": 1}
    backwards = planned("dcba", [(7, 0, "a"), (8, 1, "b"), (9, 2, "c"), (10, 3, "d")])
    assert stages(backwards) == {"same": 1, "moved": 3}


def test_a_row_is_accepted_for_one_chunk_only() -> None:
    old = f"It is so. {LONG}"
    typo, other = old.replace("letter", "leter"), old.replace("said", "sayed")
    result = after(old, f"{typo}\n\n{other}", structure=False, guards=[])
    accepted = [each for each in result.chunks if each.chunk_id is not None]
    assert len(accepted) == 1
    assert {each.near.chunk_id for each in result.chunks if each.near is not None} == {100}
    assert len(result.texts) == 1


def test_nothing_is_accepted_without_a_threshold() -> None:
    result = after(f"a  b {LONG}", f"a b {LONG}", similarity=None)
    assert stages(result) == {"different": 1}
    assert len(result.texts) == 1
    assert stages(after(f"a  b {LONG}", f"a b {LONG}", similarity=1)) == {"normalised": 1}


WITH_HEADINGS = Chunking(size=600, minimum=200, maximum=950, headings=True)


def test_embedded_headings_are_of_the_text_and_not_shown() -> None:
    old = f"# One\n\n{LONG}\n\n{LONG} So."
    first = plan(old, [], Chunking(size=500, minimum=400, maximum=550, headings=True))
    assert first.as_dict()["chunks"][1]["prefix"] == "One"
    assert first.chunks[1].text == f"One\n\n{LONG} So."


@pytest.mark.parametrize(
    "old, new, guards, stage, shown",
    [
        ("One", "One", ["headings"], "similar", True),
        ("1.1. One", "1.2. One", ["headings"], "similar", True),
        ("One", "Two", ["headings"], "guarded", False),
        ("One", "Two", [], "similar", True),
    ],
)
def test_change_below_an_embedded_heading(
    old: str, new: str, guards: list[str], stage: str, shown: bool
) -> None:
    def text(heading: str, word: str) -> str:
        return f"# {heading}\n\n{LONG} {LONG}\n\nIt {word}. {LONG} {LONG}"

    rows = known_of(plan(text(old, "recieves"), [], WITH_HEADINGS))
    result = plan(text(new, "receives"), rows, WITH_HEADINGS, parse_policy({"guards": guards}))
    (last,) = (planned for planned in result.chunks if "It receives" in planned.text)
    assert last.chunk.ordinal > 0
    assert last.stage == stage
    assert ("shown" in last.as_dict()) == shown


def parts_of(result: Plan) -> list[str]:
    assert result.details is not None
    names: list[str] = result.details.get("parts", [])
    return names


def joined(*texts: str) -> str:
    return PART_SEPARATOR.join(texts)


PARTS = ("title", "body", "notes")


@pytest.mark.parametrize(
    "old, new, changed",
    [
        (("A", LONG, "n"), ("A", LONG, "n"), []),
        (("A", LONG, "n"), ("B", LONG, "n"), ["title"]),
        (("A", LONG, "n"), ("A", LONG + " More.", "n"), ["body"]),
        (("A", LONG, "n"), ("B", LONG, "m"), ["title", "notes"]),
        (("A", LONG, "n"), ("A", LONG, ""), ["notes"]),
        (("A", LONG, "n"), ("", LONG, "n"), ["title"]),
        (("", LONG, ""), ("A", LONG, "n"), ["title", "body", "notes"]),
        (("A", LONG, ""), ("A", LONG, ""), []),
        (("A", LONG * 9, LONG * 9), ("A", LONG * 9, LONG * 9 + " More."), ["notes"]),
        (("A", LONG * 9, LONG * 9), ("B", LONG * 9, LONG * 9), ["title"]),
    ],
)
def test_parts_that_changed(old: Texts, new: Texts, changed: list[str]) -> None:
    assert parts_of(after(joined(*old), joined(*new), PARTS)) == changed
    assert parts_of(after(joined(*old), joined(*new))) == []
    assert parts_of(after(joined(*old), joined(*new), PARTS[:2])) == []


def test_removed_chunk_was_of_a_part_between_its_neighbours() -> None:
    body = "\n\n".join(f"{LONG} {letter}" for letter in "abcdefgh")
    old = joined("A", body, LONG)
    shorter = joined("A", body[: body.index(f"{LONG} d")].rstrip(), LONG)
    assert "body" in parts_of(after(old, shorter, PARTS))


def test_every_change_of_some_parts_counts() -> None:
    old, new = joined("So it is", LONG), joined("So it  is", LONG)
    parts = ("title", "body")
    assert stages(after(old, new, parts)) == {"normalised": 1}
    counted = after(old, new, parts, always=["title"])
    assert stages(counted) == {"guarded": 1}
    assert counted.details is not None
    assert counted.details["guards"] == [
        {"guard": "always", "ordinal": 0, "gone": [], "came": ["title"]}
    ]
    assert stages(after(old, new, parts, always=["body"])) == {"normalised": 1}
    typo = joined("So it is", LONG.replace("letter", "leter"))
    assert stages(after(old, typo, parts, always=["title"])) == {"similar": 1}
    assert stages(after(old, typo, parts, always=["body"])) == {"guarded": 1}


def words(random: Random) -> str:
    return " ".join(random.choices(["so", "10 mg", "not", "Alice", LONG[:200], "\n\n", "x"], k=30))


@pytest.mark.parametrize("seed", range(40))
def test_a_lower_threshold_never_embeds_more(seed: int) -> None:
    random = seeded(seed)
    old = words(random)
    new = old
    for _ in range(random.randint(1, 6)):
        place = random.randrange(len(new))
        new = new[:place] + random.choice(["", "z", " so", "\n\n"]) + new[place + 2 :]
    embedded = [
        {each.chunk.ordinal for each in after(old, new, similarity=threshold).chunks
         if each.vector is not None}
        for threshold in (0.0, 0.5, 0.9, 0.95, 0.99, 1.0, None)
    ]  # fmt: skip
    for lenient, strict in pairwise(embedded):
        assert lenient <= strict


@pytest.mark.parametrize("seed", range(40))
def test_plans_are_consistent(seed: int) -> None:
    random = seeded(seed)
    old, new = article(random, 20), article(random, 20)
    paragraphs = old.split("\n\n")
    random.shuffle(paragraphs)
    new = "\n\n".join([*paragraphs[:10], *new.split("\n\n")[:5], old[500:900]])
    result = after(old, new, similarity=random.choice([0.5, 0.95, None]))
    assert result.details is not None
    rows = known_of(plan(old, [], SMALL))
    kept = [each.chunk_id for each in result.chunks if each.chunk_id is not None]
    assert len(set(kept)) == len(kept)
    assert set(kept) <= {row.chunk_id for row in rows}
    assert sum(result.details["stages"].values()) == len(result.chunks) + stages(result).get(
        "removed", 0
    )
    for each in result.chunks:
        assert (each.chunk_id is None) == (each.vector is not None)
        if each.vector is not None:
            assert result.texts[each.vector] == each.text
        row = next((row for row in rows if row.chunk_id == each.chunk_id), None)
        if row is not None and row.text != each.text:
            assert each.as_dict()["shown"] == each.chunk.text
    assert result.details["characters_embedded"] == sum(map(len, result.texts))
    assert plan(new, rows, SMALL).as_dict() == plan(new, rows[::-1], SMALL).as_dict()


def test_edit_of_twenty_thousand_characters_is_compared_in_milliseconds() -> None:
    text = article(seeded(6), 200)[:20_000]
    rows = known_of(plan(text, [], SMALL))
    new = text[:9_000] + "an edit of some words " + text[9_010:]
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        plan(new, rows, SMALL)
        seconds.append(time.perf_counter() - began)
    began = time.perf_counter()
    plan(new, [], SMALL)
    cut = time.perf_counter() - began
    # 1 ms here
    assert min(seconds) - cut < 0.005


def test_small_edit_of_a_long_document_needs_few_vectors() -> None:
    text = article(seeded(4), 205)
    known = known_of(plan(text, []))
    result = plan(text.replace(" ", " word ", 1), known)
    assert len(known) > 40
    assert 1 <= len(result.texts) <= 2
    kept = [each for each in ids(result) if each is not None]
    assert len(kept) >= len(known) - 2
