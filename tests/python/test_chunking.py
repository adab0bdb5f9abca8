"""Chunks cover the text exactly, end where a reader would end them, and survive edits."""

from __future__ import annotations

import sys
import time
from hashlib import sha256
from statistics import mean
from typing import Any

import pytest

from python.documents import article, jumble, paragraph, seeded, sentence
from steward_py.chunking import Chunk, Chunking, chunk
from steward_py.errors import StewardError

INSERTED = "A sentence that somebody added today, and nothing else. "


def texts_of(chunks: list[Chunk]) -> list[str]:
    return [each.text for each in chunks]


def assert_covers(text: str, chunks: list[Chunk], maximum: int) -> None:
    end = 0
    for number, each in enumerate(chunks):
        assert each.ordinal == number
        assert text[each.start : each.end] == each.text
        assert each.text, "an empty chunk"
        assert each.text == each.text.strip()
        assert len(each.text) <= maximum
        assert each.start >= end, "an overlap"
        assert text[end : each.start].strip() == "", "text that is in no chunk"
        end = each.end
    assert text[end:].strip() == "", "text after the last chunk"


@pytest.mark.parametrize("seed", range(40))
def test_covers_any_text(seed: int) -> None:
    random = seeded(seed)
    text = jumble(random, random.randint(1, 120))
    assert_covers(text, chunk(text), 900)
    small = chunk(text, Chunking(size=30, minimum=10, maximum=50))
    assert_covers(text, small, 50)


@pytest.mark.parametrize("seed", range(20))
def test_sizes_in_prose(seed: int) -> None:
    text = article(seeded(seed), 60)
    chunks = chunk(text)
    assert len(chunks) > 5
    assert_covers(text, chunks, 900)
    # One space or two line ends are lost to trimming.
    assert min(len(each.text) for each in chunks) >= 200 - 2
    assert 400 < mean(len(each.text) for each in chunks) < 700


@pytest.mark.parametrize("text", ["", " ", "\n\n", " \t\r\n\u3000\u2028\x1f\x85 "])
def test_blank_text_has_no_chunk(text: str) -> None:
    assert chunk(text) == []


def test_short_text_is_one_chunk() -> None:
    assert chunk("  A word. \n") == [Chunk(0, 2, 9, "A word.", None)]


def test_text_of_maximum_length_is_one_chunk() -> None:
    assert len(chunk("x" * 750)) == 1
    assert len(chunk("x" * 751)) == 2
    assert len(chunk(" " + "x " * 375 + "  ")) == 1


@pytest.mark.parametrize("minimum, maximum", [(10, 30), (10, 20), (20, 25), (1, 1), (1, 2)])
def test_no_crumb_at_the_end(minimum: int, maximum: int) -> None:
    for length in range(1, 6 * maximum):
        text = "x" * length
        chunks = chunk(text, Chunking(size=maximum, minimum=minimum, maximum=maximum))
        assert_covers(text, chunks, maximum)
        sizes = [len(each.text) for each in chunks]
        assert min(sizes[:-1], default=minimum) >= minimum
        if 2 * minimum <= maximum and length >= minimum:
            assert sizes[-1] >= minimum


def test_every_white_space_character_is_trimmed() -> None:
    for code in range(sys.maxunicode + 1):
        space = chr(code)
        if space.isspace():
            assert chunk(f"{space}a{space}") == [Chunk(0, 1, 2, "a", None)], hex(code)


@pytest.mark.parametrize(
    "sizes",
    [
        {"minimum": -1},
        {"minimum": 601},
        {"size": 499, "minimum": 500},
        {"size": 1501, "maximum": 1500},
        {"maximum": 599},
        {"minimum": -5, "size": -3, "maximum": -1},
    ],
)
def test_refuses_sizes_out_of_order(sizes: dict[str, Any]) -> None:
    with pytest.raises(StewardError) as caught:
        Chunking(**sizes)
    assert caught.value.sqlstate == "22023"
    assert caught.value.hint


FILLER = "abcde" * 8  # 40 characters


@pytest.mark.parametrize(
    "better, worse",
    [
        ("\n## Heading\n", "\n\n"),
        ("\n\n", "\n"),
        ("\n", ". "),
        (". ", " "),
        ("\u3000", "!"),
        ("\u3002", " "),
        (".\u201d ", ", "),
    ],
)
def test_prefers_the_better_kind_of_boundary(better: str, worse: str) -> None:
    """The better kind occurs once, the worse one everywhere around it."""
    for before, after in [(2, 4), (3, 3), (4, 2)]:
        head = FILLER + (worse + FILLER) * before
        text = head + better + FILLER + (worse + FILLER) * after
        first = chunk(text, Chunking(size=160, minimum=100, maximum=250))[0]
        assert first.text == (head + better.rstrip() if "Head" not in better else head)


def test_heading_path() -> None:
    headings = ["# One #", "## Two ##", "### C#", "## Three", "# Four", "### Skipped a level", "##"]
    text = "p" * 20 + "".join(f"\n{heading}\n" + "x" * 20 for heading in headings)
    assert [each.heading for each in chunk(text, Chunking(size=30, minimum=20, maximum=42))] == [
        None,
        "One",
        "One > Two",
        "One > Two > C#",
        "One > Three",
        "Four",
        "Four > Skipped a level",
        "Four",
    ]


@pytest.mark.parametrize(
    "line, path",
    [
        ("# Title", "Title"),
        ("   ###### Deep ", "Deep"),
        ("#\tTab", "Tab"),
        ("# Title\r", "Title"),
        ("# ##", None),
        ("#", None),
        ("#hashtag", None),
        ("####### Seven", None),
        ("    # Indented code", None),
        ("Text # not at the start", None),
        ("# " + "long" * 1000, ("long" * 50)[:199]),
    ],
)
def test_what_is_a_heading(line: str, path: str | None) -> None:
    for text in (line + "\n", "\n" + line + "\n", "\r\n" + line):
        heading = chunk(text)[0].heading
        assert heading == path


@pytest.mark.parametrize(
    "opening, closing, open_after",
    [
        ("```", "```", False),
        ("```bash", "````", False),
        ("~~~", "~~~  ", False),
        ("````", "```", True),
        ("```", "~~~", True),
        ("```", "``` no close", True),
        ("``` inline ```", "text", False),
        ("``", "text", False),
    ],
)
def test_headings_in_code_do_not_count(opening: str, closing: str, open_after: bool) -> None:
    code_lines = "# a comment\n" * 3
    text = f"# Title\n{opening}\n{code_lines}{closing}\n## After\n" + "word " * 30
    last = chunk(text, Chunking(size=80, minimum=60, maximum=130))[-1]
    is_fence = "inline" not in opening and opening != "``"
    if open_after:
        assert last.heading == "Title"
    elif is_fence:
        assert last.heading == "Title > After"
    else:
        assert last.heading == "a comment > After"


CLUSTERS = {
    "accents": "e\u0301",
    "Han with a mark": "\u4f60\u0301",
    "two marks": "o\u0302\u0323",
    "family": "\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "skin tone": "\U0001f44d\U0001f3fd",
    "heart": "\u2764\ufe0f",
    "Scotland": "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "Hangul": "\u1112\u1161\u11ab",
    "Devanagari": "\u0915\u093f",
    "surrogates": "\ud83d\ude00",
}


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS.keys())
@pytest.mark.parametrize("filler", ["", "ab"])
def test_shown_characters_stay_whole(cluster: str, filler: str) -> None:
    unit = cluster + filler
    text = unit * 200
    for target in range(50, 60):
        chunks = chunk(text, Chunking(size=target, minimum=30, maximum=80))
        assert_covers(text, chunks, 80)
        for each in chunks:
            assert each.start % len(unit) not in range(1, len(cluster))


def test_flags_stay_whole_where_anything_else_is_near() -> None:
    text = "\U0001f1eb\U0001f1f7x" * 400
    for each in chunk(text, Chunking(size=60, minimum=40, maximum=80)):
        assert each.start % 3 != 1


def test_cuts_even_where_nothing_but_marks_is_left() -> None:
    text = "a" + "\u0301" * 5000
    assert_covers(text, chunk(text), 900)


def changed_chunks(before: str, after: str) -> int:
    known = set(texts_of(chunk(before)))
    return sum(text not in known for text in texts_of(chunk(after)))


def long_articles() -> list[str]:
    articles = [article(seeded(seed), 205) for seed in range(60)]
    assert 80 <= mean(len(chunk(text)) for text in articles) <= 110
    return articles


def test_inserted_sentence_changes_few_chunks() -> None:
    random = seeded(7)
    changed = []
    for text in long_articles():
        place = text.index(" ", random.randrange(100, len(text) // 5)) + 1
        changed.append(changed_chunks(text, text[:place] + INSERTED + text[place:]))
    assert min(changed) >= 1
    assert mean(changed) <= 1.25
    # No boundary moves but those of the part that the sentence is in.
    assert max(changed) <= 3


def test_other_edits_change_few_chunks() -> None:
    random = seeded(8)
    replaced, removed, appended = [], [], []
    for text in long_articles():
        place = text.index(" ", random.randrange(100, len(text) // 2)) + 1
        replaced.append(changed_chunks(text, text[:place] + "Word " + text[place + 5 :]))
        end = text.index("\n\n", place)
        removed.append(changed_chunks(text, text[:place] + text[end:]))
        appended.append(changed_chunks(text, text + paragraph(random)))
    assert mean(replaced) <= 1.3
    assert mean(removed) <= 1.6
    assert mean(appended) <= 2.5


def test_text_without_boundaries_resynchronises_too() -> None:
    random = seeded(9)
    changed = []
    for _ in range(20):
        text = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=30_000))
        changed.append(changed_chunks(text, text[:2000] + "edited" + text[2000:]))
    assert mean(changed) <= 4


def test_moved_section_keeps_its_chunks() -> None:
    random = seeded(3)
    sections = [
        f"# Section {number}\n\n" + "\n\n".join(paragraph(random) for _ in range(14))
        for number in range(6)
    ]
    before = "\n\n".join(sections)
    after = "\n\n".join([sections[4], *sections[:4], sections[5]])
    assert changed_chunks(before, after) <= 6
    assert len(chunk(before)) > 15


def test_same_cuts_forever() -> None:
    """Other cuts mean that every document of every user is embedded again: never by accident."""
    cuts = [
        (each.start, each.end, each.heading)
        for seed in range(5)
        for text in (article(seeded(seed), 40), jumble(seeded(seed), 60))
        for each in chunk(text)
    ]
    assert sha256(repr(cuts).encode()).hexdigest() == GOLDEN_CUTS


GOLDEN_CUTS = "3916fab44a41876d82a7e00f12449fbd58299b40cd3f85b99e0bbf14a5d945ad"


MONSTERS = {
    "spaces": " " * 1_000_000,
    "spaces between": "a" + " " * 1_000_000 + "b",
    "line ends between": "a" + "\n" * 1_000_000 + "b",
    "one word": "x" * 1_000_000,
    "number signs": "#" * 1_000_000,
    "title of number signs": "# " + "#" * 1_000_000,
    "empty headings": "#\n" * 500_000,
    "headings": "# a\n" * 250_000,
    "backticks": "`" * 1_000_000,
    "fences": "```\n" * 250_000,
    "stops": "." * 1_000_000,
    "stops and quotes": ".\"'" * 333_333,
    "quotes": '"' * 1_000_000,
    "nearly blank lines": ("\n" + " " * 999) * 1000 + "x",
    "marks": "\u0301" * 300_000,
}


@pytest.mark.parametrize("text", MONSTERS.values(), ids=MONSTERS.keys())
def test_time_is_linear(text: str) -> None:
    """A megabyte takes about a second at most; were any step quadratic, it would take minutes."""
    start = time.process_time()
    chunks = chunk(text)
    assert time.process_time() - start < 8
    assert_covers(text, chunks, 900)


def test_same_text_same_chunks() -> None:
    text = article(seeded(1), 50) + sentence(seeded(2))
    assert chunk(text) == chunk("".join(list(text)))
