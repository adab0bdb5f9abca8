"""Made-up documents for the tests: always the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

SYLLABLES = "ka lo mi ren ta shu vel dor an is quo per ti nes bra".split()  # noqa: SIM905


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - to repeat it is the point


def words(random: Random, count: int) -> list[str]:
    return ["".join(random.choices(SYLLABLES, k=random.randint(1, 4))) for _ in range(count)]


def sentence(random: Random) -> str:
    return " ".join(words(random, random.randint(4, 18))).capitalize() + random.choice("...?!")


def paragraph(random: Random) -> str:
    return " ".join(sentence(random) for _ in range(random.randint(1, 6)))


def article(random: Random, paragraphs: int) -> str:
    """Markdown: a heading now and then, paragraphs, lists."""
    parts = ["# " + " ".join(words(random, 3))]
    for _ in range(paragraphs):
        kind = random.random()
        if kind < 0.15:
            parts.append("#" * random.randint(2, 4) + " " + " ".join(words(random, 2)))
        elif kind < 0.25:
            parts.append("\n".join("- " + sentence(random) for _ in range(random.randint(2, 5))))
        else:
            parts.append(paragraph(random))
    return "\n\n".join(parts) + "\n"


def jumble(random: Random, pieces: int) -> str:
    """Anything that could upset a chunker, without sense."""
    choices: list[Callable[[], str]] = [
        lambda: " " * random.randint(1, 300),
        lambda: "\n" * random.randint(1, 50),
        lambda: "\r\n",
        lambda: "\t",
        lambda: "\u3000\u2003\x1f",
        lambda: "#" * random.randint(1, 8) + " ",
        lambda: "\n# title\n",
        lambda: "\n```\n",
        lambda: "x" * random.randint(1, 900),
        lambda: "\u4f60\u597d\u3002" * random.randint(1, 200),
        lambda: "e\u0301" * random.randint(1, 300),
        lambda: "\U0001f469\u200d\U0001f467" * random.randint(1, 100),
        lambda: "." * random.randint(1, 300),
        lambda: sentence(random),
        lambda: paragraph(random),
    ]
    return "".join(random.choice(choices)() for _ in range(pieces))
