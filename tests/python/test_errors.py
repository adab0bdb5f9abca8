"""Every failure arrives in PostgreSQL with what a person needs to act on it."""

from __future__ import annotations

import re

import pytest

from python.fake_plpy import Error, FakePlpy, Fatal, NamedSPIError, SPIError, own_state
from steward_py import planning
from steward_py.errors import (
    StewardError,
    description_of,
    internal_error,
    reporting,
    sqlstate_of,
)


def report_of(error: Exception) -> Error:
    plpy = FakePlpy()
    with pytest.raises(Error) as caught, reporting(plpy):
        raise error
    return caught.value


def test_all_fields_are_passed_on() -> None:
    error = report_of(StewardError("no", sqlstate="22023", detail="Why.", hint="What to do."))
    assert str(error) == "no"
    assert error.fields == {"sqlstate": "22023", "detail": "Why.", "hint": "What to do."}


def test_missing_fields_are_left_out() -> None:
    error = report_of(StewardError("no", sqlstate="22023"))
    assert error.fields == {"sqlstate": "22023"}


@pytest.mark.parametrize("error", [Error("a"), Fatal("b"), SPIError("c"), own_state("d", "SW001")])
def test_errors_of_the_server_pass_untouched(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, reporting(FakePlpy()):
        raise error
    assert caught.value is error


def test_no_error_no_report() -> None:
    with reporting(FakePlpy()):
        pass


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_error_passes(stop: type[BaseException]) -> None:
    with pytest.raises(stop), reporting(FakePlpy()):
        raise stop


def test_no_memory_is_no_bug() -> None:
    assert report_of(MemoryError()).fields == {"sqlstate": "53200"}


def test_bug_is_reported_with_the_lines_of_the_package() -> None:
    plpy = FakePlpy()
    with pytest.raises(Error) as caught, reporting(plpy):
        planning.plan(["no text"], [])  # type: ignore[arg-type]
    assert re.match(r"internal error in steward_py: \w+Error: .", str(caught.value))
    fields = caught.value.fields
    assert fields["sqlstate"] == "XX000"
    lines = fields["detail"].splitlines()
    assert re.fullmatch(r'"steward_py/planning\.py", line \d+, in plan', lines[0])
    assert re.fullmatch(r'"steward_py/chunking\.py", line \d+, in \w+', lines[-1])
    assert all(line.startswith('"steward_py/') for line in lines)
    assert "test_errors" not in fields["detail"]
    assert "report" in fields["hint"]


def test_description_has_the_detail() -> None:
    assert description_of(StewardError("no", sqlstate="22023", detail="Why.")) == "no\nWhy."
    assert description_of(StewardError("no", sqlstate="22023", hint="What to do.")) == "no"
    assert description_of(ValueError("x")) == "internal error in steward_py: ValueError: x"


def test_bug_outside_the_package_has_no_lines() -> None:
    assert internal_error(ValueError("x")).detail is None
    assert "detail" not in report_of(ValueError("x")).fields


@pytest.mark.parametrize(
    "error, sqlstate",
    [
        (NamedSPIError("", "40P01"), "40P01"),
        (own_state("", "SW001"), "SW001"),
        (own_state("", "22023"), "22023"),
        (SPIError(""), None),
        (ValueError(""), None),
    ],
)
def test_sqlstate(error: Exception, sqlstate: str | None) -> None:
    assert sqlstate_of(error) == sqlstate
