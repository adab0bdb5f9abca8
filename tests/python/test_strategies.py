"""What holds for every way of cutting, and what each of them promises."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_text_splitters import CharacterTextSplitter, RecursiveCharacterTextSplitter

from python.documents import article, jumble, seeded
from python.test_chunking import CLUSTERS, MONSTERS
from steward_py import chunking as module
from steward_py import measures, recursive, stable
from steward_py.chunking import (
    PART_SEPARATOR,
    Chunk,
    Chunking,
    chunk,
    chunking_as_dict,
    embedded_text,
    parse_chunking,
    token_counter,
)
from steward_py.errors import StewardError
from steward_py.measures import estimated_tokens
from steward_py.sentences import sentence_ends

ROOT = Path(__file__).resolve().parent.parent.parent
REAL = [
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "ARCHITECTURE.md", "sql/REFERENCE.md", "scripts/build.py")
]
STRATEGIES = ("stable", "recursive", "fixed", "sentence", "markdown")

PIECES = st.sampled_from(
    [
        *(" ", "\n", "\n\n", "\r\n", "\t", "\u3000", "\x1d", "\x00", PART_SEPARATOR),
        *("a", "word", "Word. ", "e.g. ", "No! ", "x" * 40, "3.14 ", "# Title\n", "\n## Two\n"),
        *("- item\n", "  - deeper\n", "1. one\n", "| a | b |\n", "```\n", "~~~\n", "    code\n"),
        *("\u4f60\u597d\u3002", "\u3042" * 30, "\u0645\u0631\u062d\u0628\u0627 ", "\u05e9\u05dc "),
        *("e\u0301", "\u0301", "\U0001f469\u200d\U0001f467", "\ud83d", "\ude00", "\U0001f1eb"),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=80).map("".join), st.text(max_size=300))


@st.composite
def chunkings(draw: st.DrawFn) -> Chunking:
    strategy = draw(st.sampled_from(STRATEGIES))
    size = draw(st.integers(8, 80))
    has_window = strategy in ("stable", "sentence", "markdown")
    return Chunking(
        strategy=strategy,
        size=size,
        minimum=draw(st.integers(1, size)) if has_window else 0,
        maximum=draw(st.integers(size, 2 * size)) if has_window else 0,
        overlap=0 if has_window else draw(st.integers(0, size - 1)),
        unit=draw(st.sampled_from(["characters", "tokens"])),
    )


def assert_sound(text: str, chunks: list[Chunk], chunking: Chunking) -> None:
    measure = estimated_tokens if chunking.unit == "tokens" else len
    covered = 0
    for number, each in enumerate(chunks):
        assert each.ordinal == number
        assert text[each.start : each.end] == each.text
        assert each.text, "an empty chunk"
        assert each.text == each.text.strip()
        assert measure(each.text) <= chunking.maximum
        if each.start < covered:
            assert chunking.overlap, "an overlap that nobody wanted"
            assert measure(text[each.start : covered]) <= chunking.overlap
        else:
            assert text[covered : each.start].strip() == "", "text that is in no chunk"
        assert each.end > covered, "a chunk that says nothing new"
        covered = each.end
    assert text[covered:].strip() == "", "text after the last chunk"


@given(TEXTS, chunkings())
def test_covers_any_text(text: str, chunking: Chunking) -> None:
    assert_sound(text, chunk(text, chunking), chunking)


@given(TEXTS, chunkings())
def test_cutting_again_changes_nothing(text: str, chunking: Chunking) -> None:
    chunks = chunk(text, chunking)
    assert chunk("".join(list(text)), chunking) == chunks
    for each in chunks:
        # A window may be wider than what was left of the text.
        if chunking.strategy in ("recursive", "fixed", "stable"):
            assert [again.text for again in chunk(each.text, chunking)] == [each.text]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("unit", ["characters", "tokens"])
@pytest.mark.parametrize("seed", range(6))
def test_covers_long_texts(strategy: str, unit: str, seed: int) -> None:
    chunking = parse_chunking({"strategy": strategy, "unit": unit, "size": 60})
    for text in (jumble(seeded(seed), 100), article(seeded(seed), 60), REAL[seed % len(REAL)]):
        chunks = chunk(text, chunking)
        assert len(chunks) > 3
        assert_sound(text, chunks, chunking)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("text", ["", " ", "\n\n", " \t\r\n\u3000\u2028\x1f\x85 ", PART_SEPARATOR])
def test_blank_text_has_no_chunk(strategy: str, text: str) -> None:
    assert chunk(text, Chunking(strategy=strategy)) == []


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("unit", ["characters", "tokens"])
@pytest.mark.parametrize("text", MONSTERS.values(), ids=MONSTERS.keys())
def test_time_is_linear(strategy: str, unit: str, text: str) -> None:
    """A megabyte takes about a second at most; were any step quadratic, it would take minutes."""
    chunking = parse_chunking({"strategy": strategy, "unit": unit})
    start = time.process_time()
    chunks = chunk(text, chunking)
    assert time.process_time() - start < 8
    assert_sound(text, chunks, chunking)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_ten_megabytes_without_a_space(strategy: str) -> None:
    chunking = Chunking(strategy=strategy)
    text = "".join(seeded(1).choices("abcdefghijkl\u4f60", k=10_000_000))
    start = time.process_time()
    chunks = chunk(text, chunking)
    assert time.process_time() - start < 30
    assert "".join(each.text for each in chunks) == text
    assert max(len(each.text) for each in chunks) <= chunking.maximum


@pytest.mark.parametrize("strategy", ["stable", "fixed", "sentence", "markdown"])
@pytest.mark.parametrize("unit", ["characters", "tokens"])
@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS.keys())
def test_shown_characters_stay_whole(strategy: str, unit: str, cluster: str) -> None:
    text = cluster * 300
    for size in range(50, 60):
        chunking = Chunking(strategy=strategy, size=size, unit=unit)
        chunks = chunk(text, chunking)
        assert_sound(text, chunks, chunking)
        assert len(chunks) > 3
        assert all(each.start % len(cluster) == 0 for each in chunks)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_crlf_is_one_line_end(strategy: str) -> None:
    text = "\r\n".join(f"Line number {number} of the text." for number in range(40))
    chunks = chunk(text, Chunking(strategy=strategy, size=100))
    assert len(chunks) > 8
    assert_sound(text, chunks, Chunking(strategy=strategy, size=100))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_part_begins_or_ends_with_the_separator(strategy: str) -> None:
    parts = ["A short title", "word " * 30 + "end.", "last " * 30 + "end."]
    text = PART_SEPARATOR.join(parts)
    chunking = Chunking(strategy=strategy, size=160, overlap=20 if strategy == "fixed" else 0)
    chunks = chunk(text, chunking)
    assert_sound(text, chunks, chunking)
    assert not any(each.text[0] == "\x1d" or each.text[-1] == "\x1d" for each in chunks)
    if strategy != "fixed":
        # It is the best place to cut at that there is.
        assert any(each.start == text.index("last") for each in chunks)


# ---- recursive and fixed, as others do it


@pytest.mark.parametrize("size, overlap", [(1000, 0), (1000, 200), (200, 50), (60, 20), (50, 0)])
@pytest.mark.parametrize("number", range(len(REAL)))
def test_recursive_cuts_real_text_as_langchain_does(number: int, size: int, overlap: int) -> None:
    text = REAL[number]
    theirs = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=overlap)
    ours = chunk(text, Chunking(strategy="recursive", size=size, overlap=overlap))
    assert [each.text for each in ours] == theirs.split_text(text)


SEPARATORS = st.sampled_from(
    [
        recursive.DEFAULT_SEPARATORS,
        ("aa", "a", ""),
        ("aba", "\n\n", ""),
        ("\n\n\n", "b ", ". ", ""),
        ("",),
    ]
)


@given(
    st.one_of(st.text("ab \n", max_size=80), st.text("a\n", max_size=80), TEXTS),
    st.integers(2, 20),
    st.integers(0, 19),
    SEPARATORS,
)
def test_recursive_cuts_as_langchain_does(
    text: str, size: int, overlap: int, separators: tuple[str, ...]
) -> None:
    if PART_SEPARATOR in text:
        text = text.replace(PART_SEPARATOR, "\n")
    overlap = min(overlap, size - 1)
    chunking = Chunking(strategy="recursive", size=size, overlap=overlap, separators=separators)
    spans = recursive.spans(text, measures.Characters(), size, overlap, separators)
    theirs = RecursiveCharacterTextSplitter(
        chunk_size=size, chunk_overlap=overlap, separators=list(separators)
    ).split_text(text)
    # before those are left out that say nothing new
    assert [text[start:end].strip() for start, end in spans if text[start:end].strip()] == theirs
    ours = [each.text for each in chunk(text, chunking)]
    assert ours == theirs if overlap == 0 else set(ours) <= set(theirs)


def test_recursive_has_no_tail_that_is_only_overlap() -> None:
    text = "here first here      "
    theirs = RecursiveCharacterTextSplitter(chunk_size=20, chunk_overlap=12).split_text(text)
    assert theirs == ["here first here", "here"]
    ours = chunk(text, Chunking(strategy="recursive", size=20, overlap=12))
    assert [each.text for each in ours] == ["here first here"]
    tail = chunk("x" * 100, Chunking(strategy="fixed", size=60, overlap=20))
    assert [len(each.text) for each in tail] == [60, 60]


def test_recursive_without_the_empty_separator_keeps_to_the_size() -> None:
    chunking = parse_chunking({"strategy": "recursive", "size": 50, "separators": ["\n", ", "]})
    assert chunking.separators == ("\n", ", ", "")
    assert [len(each.text) for each in chunk("x" * 120, chunking)] == [50, 50, 20]


@given(st.text("ab\n \u4f60", max_size=200), st.integers(2, 40), st.integers(0, 39))
def test_fixed_cuts_on_a_grid(text: str, size: int, overlap: int) -> None:
    overlap = min(overlap, size - 1)
    ours = [each.text for each in chunk(text, Chunking("fixed", size, overlap=overlap))]
    theirs = CharacterTextSplitter(separator="", chunk_size=size, chunk_overlap=overlap)
    if overlap == 0:
        assert ours == theirs.split_text(text)
    else:
        assert [each for each in theirs.split_text(text) if each in ours] >= ours[:1]
        assert set(ours) <= set(theirs.split_text(text))


# ---- sentences


@pytest.mark.parametrize(
    "text, count",
    [
        ("One. Two! Three? Four\u2026 Five.", 5),
        ("Dr. Smith met Mr. Jones, i.e. the U.S. Senator J. Doe, at 3.14 p.m. today.", 1),
        ("See Fig. 3 and No. 7. Done.", 3),
        ("Das ist z.B. so, d.h. u.a. gut. Und Schluss.", 2),
        ("Am I? So am I. She too.", 3),
        ("Really?! \u201cYes.\u201d He said no (twice). Why.", 4),
        ("Wait... what is it... Nothing.", 2),
        ("\u4f60\u597d\u3002\u518d\u89c1\uff01\u771f\u7684\uff1f\u662f\u3002", 4),
        ("\u300c\u306f\u3044\u3002\u300d\u3068\u8a00\u3063\u305f\u3002", 2),
        ("\u0645\u0631\u062d\u0628\u0627\u061f \u0646\u0639\u0645. \u0644\u0627.", 3),
        ("\u0928\u092e\u0938\u094d\u0924\u0947\u0964 \u0939\u093e\u0901\u0964", 2),
        ("A title\n\nText about etc.\n\nMore.", 3),
        ("www.example.org is version 1.2.3, e.g. here", 1),
    ],
)
def test_sentence_ends(text: str, count: int) -> None:
    inside = [end for end in sentence_ends(text) if end < len(text)]
    assert len(inside) + 1 == count, [text[end:] for end in inside]


def test_sentences_are_whole() -> None:
    text = " ".join(re.sub(r"\s+", " ", each) for each in (article(seeded(2), 40),))
    chunks = chunk(text, Chunking("sentence", 300))
    ends = set(sentence_ends(text)) | {0}
    assert len(chunks) > 10
    assert all(each.start in ends for each in chunks)
    # as many as fit
    for one, two in pairwise(chunks):
        following = min(end for end in [*ends, len(text)] if end > two.start)
        assert following - one.start > 300


def test_a_long_sentence_is_cut_between_words() -> None:
    text = "Short one. A " + "word " * 100 + "end. Short two."
    chunks = chunk(text, Chunking("sentence", 100))
    assert chunks[0].text == "Short one."
    assert all(
        re.fullmatch(r"(?:A )?(?:word ?)+|(?:word )*end\.|Short two\.", each.text)
        for each in chunks[1:]
    )


# ---- Markdown


BLOCKS = [
    "A paragraph of some words, which\ngoes on in another line.",
    "- first item\n- second item\n  with more\n\n  and a paragraph\n- third item",
    "1. one\n2. two\n3. three",
    "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |",
    "```python\n# no heading\n\nif x:\n\n    y()\n```",
    "~~~\n| no | table |\n\n- no list\n~~~",
]


@pytest.mark.parametrize("size", [60, 90, 130, 400])
@pytest.mark.parametrize("seed", range(10))
def test_blocks_stay_whole_where_they_fit(size: int, seed: int) -> None:
    random = seeded(seed)
    blocks = [random.choice(BLOCKS) for _ in range(30)]
    blocks = [one for one, two in zip(blocks, [*blocks[1:], ""], strict=True) if one[0] != two[:1]]
    text = "\n\n".join(blocks)
    chunks = chunk(text, Chunking("markdown", size, minimum=size // 2, maximum=size * 3 // 2))
    start = 0
    for block in blocks:
        start = text.index(block, start)
        end = start + len(block)
        holders = [each for each in chunks if each.start < end and each.end > start]
        if len(block) <= size * 3 // 2:
            assert len(holders) == 1, block
        start = end


def test_a_long_block_is_cut_between_its_items() -> None:
    items = [f"- item number {number}\n  and its second line" for number in range(20)]
    chunks = chunk("\n".join(items), Chunking("markdown", 200))
    assert len(chunks) > 3
    assert all(each.text.startswith("- item") for each in chunks)
    rows = ["| n | m |", "|---|---|", *(f"| {number} | row |" for number in range(60))]
    chunks = chunk("\n".join(rows), Chunking("markdown", 200))
    assert len(chunks) > 3
    assert all(each.text.startswith("|") and each.text.endswith("|") for each in chunks)


def test_sections_begin_chunks_and_headings_stay_with_their_text() -> None:
    sections = [
        f"# Part {part}\n\n" + "\n\n".join(f"## Section {n}\n\n{'text ' * 30}" for n in range(3))
        for part in range(4)
    ]
    chunks = chunk("\n\n".join(sections), Chunking("markdown", 200))
    assert [each.heading for each in chunks] == [
        f"Part {part} > Section {n}" if n else f"Part {part}" for part in range(4) for n in range(3)
    ]
    assert all(each.text.startswith("#") and each.text.endswith("text") for each in chunks)


def test_headings_before_the_text_that_is_embedded() -> None:
    text = "# Title\n\n" + "word " * 40 + "\n\n## Section\n\n" + "text " * 40
    plain, with_headings = (Chunking("markdown", 200, headings=on) for on in (False, True))
    last = chunk(text, plain)[-1]
    assert last == chunk(text, with_headings)[-1]
    assert embedded_text(last, plain) == last.text
    assert embedded_text(last, with_headings) == f"Title > Section\n\n{last.text}"
    no_heading = chunk("Only text.", with_headings)[0]
    assert embedded_text(no_heading, with_headings) == "Only text."


# ---- tokens


@given(TEXTS, TEXTS)
def test_estimate_grows_with_the_text(one: str, two: str) -> None:
    both = estimated_tokens(one + two)
    assert max(estimated_tokens(one), estimated_tokens(two)) <= both
    assert estimated_tokens(one) + estimated_tokens(two) - 1 <= both
    assert both <= estimated_tokens(one) + estimated_tokens(two)
    assert (both == 0) == (one + two == "")


@given(TEXTS, st.data())
def test_estimate_measures_pieces(text: str, data: st.DataObject) -> None:
    measure = measures.EstimatedTokens(text)
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 30))
    end = measure.after(start, length)
    assert estimated_tokens(text[start:end]) <= length
    assert end > len(text) or estimated_tokens(text[start : end + 1]) > length
    first = measure.before(start, length)
    assert estimated_tokens(text[first:start]) <= length
    assert first == 0 or estimated_tokens(text[first - 1 : start]) > length


def test_estimate_of_known_texts() -> None:
    """Figures of cl100k_base for these, and what the estimate makes of them."""
    english = "The quick brown fox jumps over the lazy dog, and nobody minds at all."
    assert abs(estimated_tokens(english) - 16) <= 3
    assert estimated_tokens("x" * 480_000) == 100_000


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("text", ["\U0001f600" * 500, "a\n\n\U0001f600\n" + "x \U0001f600\n" * 200])
def test_characters_of_more_tokens_than_the_minimum(strategy: str, text: str) -> None:
    window = {"minimum": 1} if strategy in ("stable", "sentence", "markdown") else {}
    chunking = parse_chunking({"strategy": strategy, "unit": "tokens", "size": 10, **window})
    chunks = chunk(text, chunking)
    assert sum(each.text.count("\U0001f600") for each in chunks) == text.count("\U0001f600")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_a_pulse_raises_ends_the_cutting(strategy: str) -> None:
    """Of words alone, which is what takes stable longest."""

    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        chunk("word " * 100_000, Chunking(strategy=strategy, size=100), stop)


def bare_words(count: int) -> str:
    dice = seeded(count)
    return " ".join("".join(dice.choices("abcdefghijkLMNOPQRST", k=9)) for _ in range(count))


def starts_by_definition(text: str, start: int, end: int) -> list[int]:
    """Where the pieces begin of words alone: the lowest rank divides what is too long."""
    least, most = Chunking().minimum, Chunking().maximum
    if end - start <= most:
        return [start]
    places = (match.end() for match in re.finditer(" ", text[: end - least + 1]))
    place = min(
        (place for place in places if start + least <= place <= end - least),
        key=lambda place: crc32(text[place : place + 17].replace(" ", "")[:16].lower().encode()),
    )
    return [
        *starts_by_definition(text, start, place),
        *starts_by_definition(text, place, end),
    ]


@pytest.mark.parametrize("count", [300, 2_000])
def test_the_lowest_rank_divides(count: int) -> None:
    text = bare_words(count)
    assert [each.start for each in chunk(text)] == starts_by_definition(text, 0, len(text))


def test_the_lowest_rank_divides_a_text_of_many_boundaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many, those of high rank are looked at when others left a part that is too long."""
    monkeypatch.setattr(stable, "_MANY", 100)
    monkeypatch.setattr(stable, "_FIRST_KEYS", 1 << 90)
    text = bare_words(2_000)
    assert [each.start for each in chunk(text)] == starts_by_definition(text, 0, len(text))
    narrow = Chunking(size=100, minimum=50, maximum=100)
    assert all(len(each.text) <= narrow.maximum for each in chunk(text, narrow))


def test_words_of_ascii_are_ranked_as_all_words_are() -> None:
    text = bare_words(2_000)
    other = text.replace(" ", "\u2003")
    assert [each.start for each in chunk(text)] == [each.start for each in chunk(other)]


class WordTokenizer:
    """Words of up to four letters, white space apart: shorter pieces can have more tokens."""

    def _pieces(self, text: str) -> list[re.Match[str]]:
        return list(re.finditer(r"\w{1,4}|[^\w\s]", text))

    def get_encoding(self, name: str) -> WordTokenizer:
        if name != "words":
            raise KeyError(name)
        return self

    def encode_ordinary(self, text: str) -> list[str]:
        ends = [match.end() for match in self._pieces(text)]
        return [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]

    def decode_tokens_bytes(self, tokens: list[str]) -> list[bytes]:
        return [token.encode("utf-8", "surrogatepass") for token in tokens]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    library = ModuleType("tiktoken")
    library.get_encoding = WordTokenizer().get_encoding  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tiktoken", library)
    monkeypatch.setattr(measures, "_libraries", {})


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("seed", range(8))
def test_no_chunk_has_more_tokens_than_a_library_allows(strategy: str, seed: int) -> None:
    options = {"strategy": strategy, "unit": "tokens", "size": 12, "tokenizer": "tiktoken:words"}
    chunking = parse_chunking(options)
    count = token_counter(chunking)
    random = seeded(seed)
    for text in (article(random, 20), jumble(random, 30), "x" * 500, "ab\u4f60" * 50):
        chunks = chunk(text, chunking)
        covered = 0
        for each in chunks:
            assert text[each.start : each.end] == each.text
            assert 1 <= count(each.text) <= chunking.maximum or not re.search(r"\S", each.text)
            assert text[covered : each.start].strip() == ""
            covered = each.end
        assert text[covered:].strip() == ""


@pytest.mark.usefixtures("words")
def test_a_tokenizer_that_is_not_there() -> None:
    with pytest.raises(StewardError, match="cannot be loaded") as caught:
        parse_chunking({"unit": "tokens", "tokenizer": "tiktoken:unknown"})
    assert caught.value.sqlstate == "22023"


@pytest.mark.parametrize("library", ["tiktoken:cl100k_base", "tokenizers:/nowhere/tokenizer.json"])
def test_a_library_that_is_not_installed(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library.partition(":")[0], None)
    monkeypatch.setattr(measures, "_libraries", {})
    with pytest.raises(StewardError) as caught:
        parse_chunking({"unit": "tokens", "tokenizer": library})
    assert caught.value.sqlstate == "0A000"
    assert caught.value.message.startswith("the Python of the server has no t")
    assert caught.value.hint is not None
    assert "estimate" in caught.value.hint


# ---- options


def test_defaults() -> None:
    assert parse_chunking(None) == parse_chunking({}) == Chunking()
    assert parse_chunking({"strategy": "stable"}) == module.DEFAULT
    assert parse_chunking({"unit": "tokens"}).size == 150
    chunking = parse_chunking({"size": 600})
    assert (chunking.minimum, chunking.maximum) == (200, 750)
    assert parse_chunking({"strategy": "fixed", "size": 600}).maximum == 600


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_normal_form_means_the_same(strategy: str) -> None:
    chunking = parse_chunking({"strategy": strategy, "size": 300, "headings": True})
    fields = chunking_as_dict(chunking)
    assert fields["strategy"] == strategy
    assert ("minimum" in fields) == (strategy in ("stable", "sentence", "markdown"))
    assert ("overlap" in fields) == (strategy in ("fixed", "recursive"))
    assert parse_chunking(fields) == chunking
    assert chunking_as_dict(parse_chunking(fields)) == fields
    assert replace(chunking) == chunking


@pytest.mark.parametrize(
    "options, hint",
    [
        ({"target": 5}, "The options of stable are"),
        ({"overlap": 5}, "The options of stable are"),
        ({"strategy": "fixed", "separators": ["a"]}, "The options of fixed are"),
        ({"strategy": "recursive", "minimum": 50}, "The options of recursive are"),
        ({"strategy": "semantic"}, "strategy is one of stable"),
        ({"strategy": None}, "strategy is one of"),
        ({"strategy": ["stable"]}, "strategy is one of"),
        ({"unit": "words"}, "unit is one of characters, tokens"),
        ({"size": 49}, "from 50 to 100000"),
        ({"size": 100_001}, "from 50 to 100000"),
        ({"size": 9, "unit": "tokens"}, "from 10 to 25000"),
        ({"size": 500.0}, "whole number"),
        ({"size": True}, "whole number"),
        ({"size": "500"}, "whole number"),
        ({"size": None}, "whole number"),
        ({"minimum": 0}, "whole number"),
        ({"headings": 1}, "true or false"),
        ({"headings": None}, "true or false"),
        ({"tokenizer": 5}, "estimate"),
        ({"tokenizer": "words"}, "estimate"),
        ({"tokenizer": "tokenizers:relative.json"}, "absolute"),
        ({"tokenizer": "tokenizers:/etc/passwd"}, "tokenizer.json"),
        ({"tokenizer": "tiktoken:"}, "estimate"),
        ({"strategy": "recursive", "separators": []}, "separators"),
        ({"strategy": "recursive", "separators": "x"}, "separators"),
        ({"strategy": "recursive", "separators": [1]}, "separators"),
        ({"strategy": "recursive", "separators": ["x"] * 51}, "separators"),
    ],
)
def test_refuses_options(options: dict[str, object], hint: str) -> None:
    with pytest.raises(StewardError, match="a chunking option is not valid") as caught:
        parse_chunking(options)
    assert caught.value.sqlstate == "22023"
    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_refuses_an_overlap_of_everything() -> None:
    for overlap in (50, 60):
        with pytest.raises(StewardError, match="overlap") as caught:
            parse_chunking({"strategy": "fixed", "size": 50, "overlap": overlap})
        assert caught.value.sqlstate == "22023"
