"""The indel ratio: what it is, that both ways of counting agree, and that it ends in time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import LCSseq

from python.documents import article, seeded
from steward_py import similarity as module
from steward_py.similarity import common_prefix, common_suffix, longest_ascent, similarity

# of few letters, so that there is something in common
texts = st.text("ab \n\u00e9\U0001f600", max_size=60) | st.text(max_size=30)


def naive(a: str, b: str) -> float:
    """Wagner and Fischer's table, cell by cell."""
    if not a and not b:
        return 1.0
    row = [0] * (len(b) + 1)
    for character in a:
        above_left = 0
        for place, other in enumerate(b, 1):
            above = row[place]
            row[place] = above_left + 1 if character == other else max(above, row[place - 1])
            above_left = above
    return 2 * row[-1] / (len(a) + len(b))


@pytest.fixture(params=["bits", "rapidfuzz"])
def counting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    library = None if request.param == "bits" else LCSseq.similarity
    monkeypatch.setattr(module, "_library", lambda: library)
    return str(request.param)


def with_bits(call: Callable[[], float]) -> float:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_library", lambda: None)
        return call()


def test_rapidfuzz_is_used_where_it_is_there() -> None:
    assert module._library() is not None


@given(texts, texts)
def test_equals_a_naive_reference(a: str, b: str) -> None:
    assert with_bits(lambda: similarity(a, b)) == naive(a, b)
    assert similarity(a, b) == naive(a, b)


@given(st.text(max_size=400), st.text(max_size=400))
def test_bits_equal_the_library(a: str, b: str) -> None:
    assert module._count_with_bits(a, b, 0, None) == LCSseq.similarity(a, b)


@given(texts, texts, st.floats(0, 1))
def test_symmetric_and_within_bounds(a: str, b: str, cutoff: float) -> None:
    assert 0 <= similarity(a, b, cutoff) <= 1
    assert similarity(a, b, cutoff) == similarity(b, a, cutoff)
    assert similarity(a, a, cutoff) == 1.0
    assert (similarity(a, b) == 1.0) == (a == b)


@given(texts, texts, st.floats(0, 1))
def test_cutoff_takes_away_only_what_is_below(a: str, b: str, cutoff: float) -> None:
    exact = naive(a, b)
    for value in (similarity(a, b, cutoff), with_bits(lambda: similarity(a, b, cutoff))):
        assert value == (exact if exact >= cutoff else 0.0)


@given(texts, texts)
def test_cutoff_at_the_very_value(a: str, b: str) -> None:
    exact = naive(a, b)
    assert similarity(a, b, exact) == exact
    if exact < 1:
        assert similarity(a, b, math.nextafter(exact, 1)) == 0.0


def test_empty_texts() -> None:
    assert similarity("", "") == 1.0
    assert similarity("", "a") == similarity("a", "") == 0.0


def test_known_values() -> None:
    assert similarity("kitten", "sitting") == 8 / 13
    assert similarity("abcd", "abd") == 6 / 7
    assert similarity("10 mg", "1000 mg") == 10 / 12


@given(texts, texts, st.integers(0, 400))
def test_long_texts_are_never_called_more_alike_than_they_are(a: str, b: str, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EXACT", limit)
        patch.setattr(module, "_BLOCK", 3)
        value = similarity(a, b)
        assert value == similarity(b, a)
        assert value <= naive(a, b)


@pytest.mark.parametrize("seed", range(20))
def test_long_texts_that_are_alike_are_found_to_be(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = seeded(seed)
    old = article(random, 40)
    new = old
    for _ in range(10):
        place = random.randrange(len(new))
        new = new[:place] + random.choice(["", "inserted ", "x"]) + new[place + 3 :]
    exact = similarity(old, new)
    monkeypatch.setattr(module, "EXACT", 10_000)
    assert exact - 0.01 <= similarity(old, new) <= exact


def long_pairs() -> list[tuple[str, str, str]]:
    random = seeded(7)
    long = "".join(article(random, 100) for _ in range(60))[:1_000_000]
    assert len(long) == 1_000_000
    edited = long
    for _ in range(100):
        place = random.randrange(len(edited))
        edited = edited[:place] + "an edit " + edited[place + 20 :]
    other = "".join(article(random, 100) for _ in range(60))[:1_000_000]
    return [
        ("edited", long, edited),
        ("another text of the same words", long, other),
        ("reversed", long, long[::-1]),
        ("of two letters", "ab" * 500_000, "ba" * 500_000),
        ("of one letter", "a" * 1_000_000, "a" * 900_000 + "b" * 100_000),
    ]


@pytest.mark.parametrize("name, a, b", long_pairs(), ids=lambda value: value[:30])
@pytest.mark.parametrize("cutoff", [0.0, 0.95])
def test_a_million_characters_end_in_time(
    name: str, a: str, b: str, cutoff: float, counting: str
) -> None:
    began = time.perf_counter()
    value = similarity(a, b, cutoff)
    # some 0.3 s; a table would take a quarter of an hour
    assert time.perf_counter() - began < 10, counting
    if name == "edited":
        assert value >= 0.99
    elif name == "of one letter":
        assert value == (0.9 if cutoff == 0 else 0.0)
    else:
        assert value < 0.95


def test_pulse_is_called_in_long_computations(counting: str) -> None:
    calls = []
    random = seeded(3)
    a, b = ("".join(random.choices("abcdefgh", k=10_000)) for _ in range(2))
    similarity(a, b, 0.0, lambda: calls.append(1))
    assert len(calls) >= (30 if counting == "bits" else 1)
    calls.clear()
    similarity(a * 40, b * 40, 0.0, lambda: calls.append(1))
    assert len(calls) >= 20


def test_what_a_pulse_raises_ends_the_computation() -> None:
    def pulse() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        similarity("abc" * 100, "cab" * 100, 0.0, pulse)


def test_a_cutoff_stops_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_library", lambda: None)
    calls = []
    # the same characters, so that only the order tells
    a = "".join(sorted("abcdefghijklmnop" * 1000))
    similarity(a, a[::-1], 0.95, lambda: calls.append(1))
    assert len(calls) < 16_000 / 256 / 2


@given(texts, texts)
def test_common_ends(a: str, b: str) -> None:
    prefix = common_prefix(a, b)
    assert a[:prefix] == b[:prefix]
    assert a[prefix : prefix + 1] != b[prefix : prefix + 1] or prefix == min(len(a), len(b))
    limit = min(len(a), len(b)) - prefix
    suffix = common_suffix(a, b, limit)
    assert a[len(a) - suffix :] == b[len(b) - suffix :]
    assert suffix == limit or a[-suffix - 1] != b[-suffix - 1]


@given(st.lists(st.integers(0, 20), max_size=12))
def test_longest_ascent(numbers: list[int]) -> None:
    ascent = longest_ascent(numbers)
    assert ascent == sorted(set(ascent))
    picked = [numbers[index] for index in ascent]
    assert picked == sorted(set(picked))
    best = [1] * len(numbers)
    for index, number in enumerate(numbers):
        before = [best[i] for i in range(index) if numbers[i] < number]
        best[index] = 1 + max(before, default=0)
    assert len(ascent) == max(best, default=0)
