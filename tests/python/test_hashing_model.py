"""The built-in model is the same everywhere, and lexical nearness is what it shows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from hashlib import sha256
from itertools import combinations
from math import fsum, sqrt
from operator import mul
from pathlib import Path

import pytest

import steward_py
from python.documents import jumble, seeded
from steward_py.errors import StewardError
from steward_py.hashing_model import DIMENSIONS, as_pgvector, embed

VACUUM = (
    "A vacuum reclaims the storage that dead tuples occupy. In normal operation, tuples that are "
    "deleted or made obsolete by an update are not physically removed from their table; they "
    "remain until a vacuum is done. So vacuum periodically, above all tables that change often."
)
VACUUM_AGAIN = (
    "Dead tuples occupy storage until a vacuum has removed them from the table, so tables that "
    "are often updated need a vacuum periodically."
)
CAKE = (
    "Heat the oven and butter a round tin. Beat the sugar and the eggs until they are pale, fold "
    "in the flour and the melted chocolate, and bake the cake for half an hour. Let it cool."
)
PATH = (
    "The coastal path begins at the lighthouse and follows the cliffs to the north. Walkers carry "
    "water, since there is no village on the way, and birds that nest here are not disturbed."
)

SHORT_TEXTS = {
    "backup": "Take a base backup and archive the write-ahead log to restore to any moment.",
    "bread": "Knead the dough for ten minutes and let the bread rise under a cloth.",
    "bicycle": "Oil the chain of your bicycle after every ride in the rain.",
    "tomato": "Tomato plants want sun, a stake to climb and water at the roots.",
    "passport": "Renew your passport six months before you travel abroad.",
    "guitar": "Tune a guitar from the lowest string to the highest.",
    "volcano": "A volcano erupts when gas in the magma can no longer escape.",
    "mortgage": "A fixed mortgage keeps the same interest rate for ten years.",
    "penguin": "The emperor penguin breeds on the ice in the dark of winter.",
    "espresso": "Grind the beans finely for an espresso and press them firmly.",
    "telescope": "Let the telescope cool outside before you look at Saturn.",
    "vaccine": "A vaccine shows the immune system what an infection looks like.",
}


def cosine(left: str, right: str) -> float:
    return fsum(map(mul, embed(left), embed(right)))


def length(vector: list[float]) -> float:
    return sqrt(sum(number * number for number in vector))


def test_typo_stays_near() -> None:
    assert cosine(VACUUM, VACUUM.replace("obsolete", "obsolote")) > 0.95
    assert cosine(VACUUM, VACUUM.replace("physically", "phisicaly").replace("often", "oftn")) > 0.9


def test_paraphrase_is_nearer_than_another_topic() -> None:
    assert cosine(VACUUM, VACUUM_AGAIN) > 0.5
    for other in (CAKE, PATH):
        assert cosine(VACUUM, other) < 0.35
        assert cosine(VACUUM_AGAIN, other) < 0.35
    assert cosine(CAKE, PATH) < 0.35


@pytest.mark.parametrize("word", SHORT_TEXTS)
def test_word_finds_its_text(word: str) -> None:
    ranked = sorted(SHORT_TEXTS, key=lambda name: -cosine(word, SHORT_TEXTS[name]))
    assert ranked[0] == word


@pytest.mark.parametrize(
    "query, expected",
    [
        ("the penguins in winter", "penguin"),
        ("rising bread dough", "bread"),
        ("intrest rates for a morgage", "mortgage"),
        ("how do I restore a backup of the database", "backup"),
    ],
)
def test_inexact_query_finds_its_text(query: str, expected: str) -> None:
    ranked = sorted(SHORT_TEXTS, key=lambda name: -cosine(query, SHORT_TEXTS[name]))
    assert ranked[0] == expected


def test_chinese_without_spaces() -> None:
    databases = "数据库的备份很重要,请每天备份数据库。"
    cooking = "先把面粉和水混合,然后揉成面团。"
    assert cosine("备份", databases) > 2 * abs(cosine("备份", cooking))
    assert cosine("面团", cooking) > 2 * abs(cosine("面团", databases))


def test_function_words_count_less() -> None:
    text = "the backup of the database"
    assert cosine(text, "backup database") > cosine(text, "the of the") + 0.2


def test_repetition_is_damped() -> None:
    once, often = cosine("apple pear", "apple"), cosine("apple " * 20 + "pear", "apple")
    assert once < often < 0.99
    assert cosine("apple " * 20 + "pear", "pear") > 0.1


@pytest.mark.parametrize(
    "left, right",
    [
        ("Straße", "STRASSE"),
        ("\uff21\uff22\uff23 \uff11\uff12", "abc 12"),
        ("ﬁne", "fine"),
        ("cafe\u0301", "caf\u00e9"),
        ("one two", "two\n\n one"),
        ("max_connections", "max connections"),
    ],
)
def test_same_words_same_vector(left: str, right: str) -> None:
    assert embed(left) == embed(right)


def test_marks_belong_to_the_word() -> None:
    assert cosine("हिन्दी", "हन द") < 0.6


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u3000\u2003\x1f"])
def test_blank_text_is_refused(blank: str) -> None:
    with pytest.raises(StewardError) as caught:
        embed(blank)
    assert caught.value.sqlstate == "22023"
    assert caught.value.hint


def test_every_character_has_a_vector() -> None:
    for code in range(33, 0x20000, 11):
        character = chr(code)
        if not character.isspace():
            assert abs(length(embed(character)) - 1) < 1e-9, hex(code)


def test_symbols_that_cancel_out_still_have_a_vector() -> None:
    symbols = [chr(code) for code in (*range(33, 48), *range(0x2190, 0x21D0))]
    for pair in combinations(symbols, 2):
        assert abs(length(embed("".join(pair))) - 1) < 1e-9


@pytest.mark.parametrize(
    "text", ["!", "_", "__", "a_", "\U0001f680", "\u200b", "\ud800", "你", "\x00"]
)
def test_odd_texts(text: str) -> None:
    vector = embed(text)
    assert len(vector) == DIMENSIONS
    assert abs(length(vector) - 1) < 1e-9


def test_emoji_are_told_apart() -> None:
    assert cosine("\U0001f680", "\U0001f382") < 0.5


def test_text_form() -> None:
    form = as_pgvector(embed(VACUUM))
    assert form[0] == "["
    assert form[-1] == "]"
    assert " " not in form
    numbers = [float(number) for number in form[1:-1].split(",")]
    assert len(numbers) == DIMENSIONS
    assert numbers == pytest.approx(embed(VACUUM), abs=1e-7)
    assert len(form) < 256 * 14
    assert as_pgvector([0.0, 1.0, -0.5]) == "[0,1,-0.5]"


TEXTS = [
    VACUUM,
    CAKE,
    *SHORT_TEXTS.values(),
    "数据库的备份 हिन्दी ไทย Ελληνικά العربية \U0001f680 ?! cafe\u0301",
    *(jumble(seeded(seed), 20) for seed in range(5)),
]


def fingerprint() -> str:
    return sha256("".join(as_pgvector(embed(text)) for text in TEXTS).encode()).hexdigest()


GOLDEN_FINGERPRINT = "c2bced7c0ccdf0479ff489864089433aba44874d30fdfc40670cb68a28ed065c"


def test_same_vectors_forever() -> None:
    """Other vectors are another model: give it another name, and never change this one."""
    nonzero = [(place, round(number, 7)) for place, number in enumerate(embed("Hi!")) if number]
    assert nonzero == GOLDEN_HI
    assert fingerprint() == GOLDEN_FINGERPRINT


GOLDEN_HI = [
    (125, -0.2873479),
    (189, 0.2873479),
    (192, 0.8620437),
    (216, -0.0957826),
    (239, 0.2873479),
]


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_same_vectors_in_another_process(seed: str) -> None:
    here = Path(__file__)
    paths = [Path(steward_py.__file__).parents[1], here.parents[1]]
    code = "from python.test_hashing_model import fingerprint; print(fingerprint())"
    path = os.pathsep.join([*map(str, paths), *filter(None, sys.path)])
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == GOLDEN_FINGERPRINT


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "." * 200_000, "你好" * 100_000, "_" * 200_000, "a_" * 99_999]
)
def test_time_is_linear(text: str) -> None:
    start = time.process_time()
    embed(text)
    assert time.process_time() - start < 8
