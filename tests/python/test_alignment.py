"""Which old text a new one came from."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from python.documents import paragraph, seeded
from steward_py import alignment
from steward_py.alignment import align
from steward_py.pulse import Pulse
from steward_py.similarity import similarity


def texts_of(seed: int, count: int) -> list[str]:
    random = seeded(seed)
    return [f"{paragraph(random)} {paragraph(random)}" for _ in range(count)]


def edited(text: str) -> str:
    middle = len(text) // 2
    return f"{text[:middle]} edited {text[middle + 5 :]}"


def old_of(old: list[str], new: list[str], anchors: dict[int, int]) -> dict[int, int]:
    matches = align(old, new, anchors)
    for index, match in matches.items():
        assert match.similarity == similarity(old[match.old], new[index])
    return {index: match.old for index, match in matches.items()}


def test_nothing() -> None:
    assert align([], [], {}) == {}
    assert align(["a"], [], {}) == align([], ["a"], {}) == align(["a"], ["a"], {0: 0}) == {}


@pytest.mark.parametrize("count", [2, 40], ids=["all pairs", "candidates"])
def test_every_text_was_edited(count: int) -> None:
    old = texts_of(1, count)
    new = [edited(text) for text in old]
    assert old_of(old, new, {}) == {index: index for index in range(count)}


@pytest.mark.parametrize("count", [2, 40], ids=["all pairs", "candidates"])
def test_one_was_inserted_and_one_removed(count: int) -> None:
    old = texts_of(2, count)
    new = ["something unheard of, in other words", *(edited(text) for text in old[1:])]
    assert old_of(old, new, {}) == {index: index for index in range(1, count)}


@pytest.mark.parametrize("count", [1, 40], ids=["all pairs", "candidates"])
def test_splits_and_merges(count: int) -> None:
    old = texts_of(3, count)
    halves = [half for text in old for half in (text[: len(text) // 2], text[len(text) // 2 :])]
    assert old_of(old, halves, {}) == {index: index // 2 for index in range(2 * count)}
    merged = old_of(halves, old, {})
    assert sorted(merged) == list(range(count))
    assert all(half // 2 == index for index, half in merged.items())


def test_only_gaps_between_anchors_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    old = texts_of(4, 500)
    new = list(old)
    new[250] = edited(old[250])
    compared = []

    def counting(a: str, b: str, cutoff: float, pulse: Pulse) -> float:
        compared.append((a, b))
        return similarity(a, b, cutoff, pulse)

    monkeypatch.setattr(alignment, "similarity", counting)
    anchors = {index: index for index in range(500) if index != 250}
    assert list(align(old, new, anchors)) == [250]
    assert compared == [(old[250], new[250])]


def test_order_decides_between_equals() -> None:
    same = texts_of(5, 1)[0]
    old = [same + " one", "anchor", same + " two"]
    new = [same + " uno", "anchor", same + " due"]
    assert old_of(old, new, {1: 1}) == {0: 0, 2: 2}


def test_what_was_moved_and_edited_is_found() -> None:
    old = texts_of(6, 30)
    new = [edited(old[29]), *old[:29]]
    anchors = {index + 1: index for index in range(29)}
    assert old_of(old, new, anchors) == {0: 29}


def test_a_row_that_is_anchored_is_no_match() -> None:
    old = texts_of(7, 3)
    new = [*old, edited(old[1])]
    assert old_of(old, new, {0: 0, 1: 1, 2: 2}) == {}


def test_script_without_spaces() -> None:
    random = seeded(8)
    old = [
        "\u3002".join(
            "".join(chr(random.randint(0x4E00, 0x4F00)) for _ in range(12)) for _ in range(9)
        )
        for _ in range(30)
    ]
    new = [edited(text) for text in old]
    assert old_of(old, new, {}) == {index: index for index in range(30)}


letters = st.lists(st.sampled_from([f"{letter * 9} {letter}" for letter in "abcd"]), max_size=8)


@given(letters, letters)
def test_old_texts_never_go_back_within_a_chain(old: list[str], new: list[str]) -> None:
    pairs = alignment._pairs(old, new, range(len(old)), range(len(new)), None)
    chain = alignment._chain(pairs)
    assert all(chain[i].old <= chain[j].old for i, j in pairwise(sorted(chain)))
    # no chain is better: the sum is that of the longest common subsequence with repeats
    best = [0.0] * (len(old) + 1)
    for index in range(len(new)):
        mine = {pair.old: pair.similarity for pair in pairs if pair.new == index}
        following = list(best)
        for place in range(len(old)):
            reached = max(best[: place + 2]) + mine.get(place, 0.0) if place in mine else 0.0
            following[place + 1] = max(following[place + 1], reached)
        best = following
    assert sum(match.similarity for match in chain.values()) == pytest.approx(max(best))


@given(letters, letters)
def test_matches_are_of_what_is_left(old: list[str], new: list[str]) -> None:
    anchors: dict[int, int] = {}
    for index, text in enumerate(new):
        free = [i for i, other in enumerate(old) if other == text and i not in anchors.values()]
        if free:
            anchors[index] = free[0]
    matches = align(old, new, anchors)
    assert not set(matches) & set(anchors)
    assert not {match.old for match in matches.values()} & set(anchors.values())


def test_a_rewritten_long_document_ends_in_time() -> None:
    old, new = texts_of(9, 3000), texts_of(10, 3000)
    pulses = []
    began = time.process_time()
    align(old, new, {}, lambda: pulses.append(1))
    assert time.process_time() - began < 30
    assert len(pulses) >= 6000
