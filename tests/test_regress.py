"""Each tests/sql/NAME.sql, run by psql as pg_regress would, prints tests/expected/NAME.out."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from support import Database

HERE = Path(__file__).resolve().parent
CASES = sorted(path.stem for path in (HERE / "sql").glob("*.sql"))


@pytest.mark.parametrize("name", CASES)
def test_output_is_as_expected(name: str, db: Database, request: pytest.FixtureRequest) -> None:
    """The output is the expected one to the letter."""
    script = (HERE / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    done = db.psql("-a", "-q", "-v", "HIDE_TABLEAM=on", stdin=script, merge_stderr=True)
    expected_file = HERE / "expected" / f"{name}.out"

    if request.config.getoption("accept"):
        expected_file.write_text(done.stdout, encoding="utf-8")

    expected = expected_file.read_text(encoding="utf-8") if expected_file.exists() else ""
    difference = difflib.unified_diff(
        expected.splitlines(keepends=True),
        done.stdout.splitlines(keepends=True),
        str(expected_file.relative_to(HERE.parent)),
        "what came out (make accept takes it)",
    )
    assert done.stdout == expected, "".join(difference)


def test_every_expected_file_has_its_script() -> None:
    """No leftovers."""
    assert sorted(path.stem for path in (HERE / "expected").glob("*.out")) == CASES
