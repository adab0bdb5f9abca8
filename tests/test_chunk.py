"""steward.chunk() of texts that take long, or too long."""

from __future__ import annotations

import time

import psycopg
import pytest

from python.documents import seeded, words
from support import Database

CUT = "select count(*) from steward.chunk(%s, %s)"


@pytest.mark.parametrize("strategy", ["stable", "sentence", "markdown"])
def test_statement_timeout_ends_a_long_cut(db: Database, strategy: str) -> None:
    """In the middle of Python's work, in which the server is not asked anything."""
    sentences = {"stable": " ", "sentence": ". ", "markdown": "\n\n"}[strategy].join
    text = sentences(seeded(1).choices(words(seeded(1), 200), k=1_200_000))
    options = f'{{"strategy": "{strategy}"}}'
    with db.connect() as session:
        # loads the modules
        session.execute(CUT, ["text", options])
        session.execute("set statement_timeout = '200ms'")
        began = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute(CUT, [text, options])
        interrupted_after = time.monotonic() - began
        session.execute("set statement_timeout = 0")
        began = time.monotonic()
        session.execute(CUT, [text, options])
        assert interrupted_after < (time.monotonic() - began) / 2


def test_text_that_is_too_long_is_refused(db: Database) -> None:
    with db.connect() as session:
        session.execute("select from steward.chunk(repeat('x', 10000000))")
        with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="the text is too long"):
            session.execute("select from steward.chunk(repeat('x', 10000001))")
