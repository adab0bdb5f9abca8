"""What the SQL functions call: plain values in and out, clear errors for bad input."""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

import steward_py
from python.fake_plpy import Error, FakePlpy, Row
from steward_py import entry, models
from steward_py.planning import text_hash

MODEL = "builtin/hash@1"


def fields_of(call: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(Error) as caught:
        call()
    return {"message": str(caught.value), **caught.value.fields}


def test_plan_of_a_new_document() -> None:
    result = json.loads(entry.plan_chunks(FakePlpy(), "# Tïtle\n\nText.", None, None))
    assert result["texts"] == ["# Tïtle\n\nText."]
    assert result["chunks"][0]["heading"] == "Tïtle"


def test_plan_is_not_escaped_to_ascii() -> None:
    assert "Tïtle \U0001f680" in entry.plan_chunks(FakePlpy(), "Tïtle \U0001f680", None, None)


def test_plan_with_known_chunks_and_options() -> None:
    known = json.dumps([{"chunk_id": 5, "ordinal": 0, "chunk_hash": text_hash("a" * 10)}])
    options = '{"target": 12, "minimum": 8, "maximum": 16}'
    content = "a" * 10 + "\n" + "b" * 10
    result = json.loads(entry.plan_chunks(FakePlpy(), content, known, options))
    assert [each["chunk_id"] for each in result["chunks"]] == [5, None]
    assert result["texts"] == ["b" * 10]


def test_plan_of_no_content() -> None:
    result = json.loads(entry.plan_chunks(FakePlpy(), None, "[]", "{}"))
    assert result["content_hash"] is None
    assert result["chunks"] == []


@pytest.mark.parametrize(
    "known",
    ["[", "{}x", "5", '[{"chunk_id": 1}]', "[5]", '[{"chunk_id":"x","ordinal":0,"chunk_hash":""}]'],
)
def test_malformed_known_chunks(known: str) -> None:
    fields = fields_of(lambda: entry.plan_chunks(FakePlpy(), "text", known, None))
    assert fields["sqlstate"] == "22023"
    assert "chunk_id, ordinal and chunk_hash" in fields["hint"]
    assert fields["detail"]


@pytest.mark.parametrize(
    "options",
    ["[", "[]", "5", '{"size": 3}', '{"target": "x"}', '{"target": 1.5}', '{"minimum": true}',
     '{"target": null}', '{"minimum": 2000}'],
)  # fmt: skip
def test_malformed_options(options: str) -> None:
    fields = fields_of(lambda: entry.plan_chunks(FakePlpy(), "text", None, options))
    assert fields["sqlstate"] == "22023"
    assert "minimum" in fields["hint"]


def test_embed() -> None:
    vectors = entry.embed(FakePlpy(), MODEL, ["one", "two", "one"])
    assert vectors == models.vectors(MODEL, ["one", "two", "one"])
    assert vectors[0] == vectors[2] != vectors[1]
    assert entry.embed(FakePlpy(), MODEL, []) == []


def test_embed_by_another_model() -> None:
    fields = fields_of(lambda: entry.embed(FakePlpy(), "openai/x@1", ["text"]))
    assert fields["sqlstate"] == "0A000"
    assert "openai/x@1" in fields["message"]
    assert "external worker" in fields["hint"]


def test_embed_null_and_blank() -> None:
    plpy = FakePlpy()
    null = fields_of(lambda: entry.embed(plpy, MODEL, ["one", None]))
    assert null["sqlstate"] == "22004"
    assert "number 2 of 2" in null["detail"]
    assert fields_of(lambda: entry.embed(plpy, MODEL, ["  "]))["sqlstate"] == "22023"
    assert fields_of(lambda: entry.embed(plpy, None, ["one"]))["sqlstate"] == "22004"
    assert fields_of(lambda: entry.embed(plpy, MODEL, None))["sqlstate"] == "22004"


def test_work() -> None:
    batches: list[list[Row]] = [[{"token": 1, "model": MODEL, "texts": ["one"]}]]
    plpy = FakePlpy(
        claim=lambda _arguments: batches.pop() if batches else [],
        complete=lambda _arguments: [{"result": "embedded"}],
    )
    counts = entry.work(plpy, Decimal(1), 10, 60, "w", idle_seconds=0)  # type: ignore[arg-type]
    assert counts == {
        "claimed": 1,
        "completed": 1,
        "failed": 0,
        "stale": 0,
        "released": 0,
        "abandoned": 0,
    }


@pytest.mark.parametrize("missing", range(4))
def test_work_with_null(missing: int) -> None:
    arguments: list[object] = [1, 10, 60, "w"]
    arguments[missing] = None
    fields = fields_of(lambda: entry.work(FakePlpy(), *arguments))  # type: ignore[arg-type]
    assert fields["sqlstate"] == "22004"
    assert re.match("(seconds|batch|lease_seconds|worker) must not be null", fields["message"])


def test_work_with_null_idle_seconds() -> None:
    fields = fields_of(lambda: entry.work(FakePlpy(), 1, 10, 60, "w", idle_seconds=None))
    assert fields["message"] == "idle_seconds must not be null"


def test_work_with_nonsense() -> None:
    fields = fields_of(lambda: entry.work(FakePlpy(), 1, 0, 60, "w"))
    assert fields["sqlstate"] == "22023"


def test_every_module_is_imported_with_the_package() -> None:
    names = {module.name for module in pkgutil.iter_modules(steward_py.__path__)}
    assert names == set(steward_py.__all__)
    for name in names:
        assert hasattr(steward_py, name)


def test_no_module_imports_plpy() -> None:
    for path in Path(steward_py.__path__[0]).glob("*.py"):
        assert not re.search(r"^\s*(import|from) plpy\b", path.read_text(encoding="utf-8"), re.M)
