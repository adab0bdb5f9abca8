"""What the SQL functions call: plain values in and out, clear errors for bad input."""

from __future__ import annotations

import itertools
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

import steward_py
from python.documents import seeded
from python.fake_plpy import Error, FakePlpy, Fatal, NamedSPIError, Row
from steward_py import chunking, entry, models, planning, serving, significance, similarity
from steward_py.measures import estimated_tokens
from steward_py.planning import text_hash
from steward_py.pulse import Pulse
from steward_py.server import Rows, Statement
from steward_py.significance import policy_as_dict

MODEL = "builtin/hash@1"


def fields_of(call: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(Error) as caught:
        call()
    return {"message": str(caught.value), **caught.value.fields}


def plans_of(
    contents: list[str | None],
    knowns: list[str | None] | None = None,
    options: str | None = None,
) -> list[dict[str, Any]]:
    plans = entry.plan_documents(FakePlpy(), contents, knowns, options, 60)
    return [json.loads(each) for each in plans]


def test_plans_of_new_documents() -> None:
    first, second = plans_of(["# Tïtle\n\nText.", "Another."])
    assert first["texts"] == ["# Tïtle\n\nText."]
    assert first["chunks"][0]["heading"] == "Tïtle"
    assert second["content_hash"] == text_hash("Another.")
    assert plans_of([]) == []


def test_plan_is_compact_and_not_escaped_to_ascii() -> None:
    (plan,) = entry.plan_documents(FakePlpy(), ["Tïtle \U0001f680"], [None], None, 60)
    assert "Tïtle \U0001f680" in plan
    assert '": ' not in plan


def test_plans_with_known_chunks_and_options() -> None:
    known = known_of("a" * 55)
    options = '{"chunking": {"size": 60, "minimum": 50, "maximum": 70}}'
    content = "a" * 55 + "\n" + "b" * 55
    first, second, third = plans_of([content] * 3, [None, known, "[]"], options)
    assert [each.get("chunk_id") for each in second["chunks"]] == [5, None]
    assert second["texts"] == ["b" * 55]
    assert first == third
    assert first["texts"] == ["a" * 55, "b" * 55]


def test_plan_of_no_content() -> None:
    for plan in plans_of([None, "", "  "]):
        assert plan["chunks"] == plan["texts"] == []
        assert plan["content_hash"] in (text_hash(""), text_hash("  "))


@pytest.mark.parametrize("seconds, planned", [(0, 1), (1.5, 2), (2, 2), (2.5, 3), (60, 5)])
def test_plans_end_when_time_is_up(seconds: float, planned: int) -> None:
    ticks = itertools.count()
    plans = entry.plan_documents(
        FakePlpy(), ["text"] * 5, None, None, seconds, clock=lambda: float(next(ticks))
    )
    assert len(plans) == planned


@pytest.mark.parametrize(
    "known",
    ["[", "{}x", "5", "null", '[{"chunk_id": 1}]', "[5]",
     '[{"chunk_id":"x","ordinal":0,"chunk_hash":""}]'],
)  # fmt: skip
def test_malformed_known_chunks_are_the_error_of_their_document(known: str) -> None:
    first, second, third = plans_of(["one", "two", "three"], [None, known, None])
    assert second["error"].startswith("the known chunks are not what was expected\n")
    assert first["texts"] == ["one"]
    assert third["texts"] == ["three"]


def test_long_text_is_the_error_of_its_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunking, "LONGEST_TEXT", 5)
    first, second = plans_of(["x" * 6, "x" * 5])
    assert first == {"error": "the text is too long\nIt has 6 characters, more than 5."}
    assert second["texts"] == ["xxxxx"]


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def plan(content: str, *rest: Any, pulse: Pulse) -> planning.Plan:
        if content == "poison":
            raise error
        return planning.plan(content, *rest, pulse=pulse)

    monkeypatch.setattr(entry, "plan", plan)


def test_bug_is_the_error_of_its_document(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    first, second, third = plans_of(["one", "poison", "three"])
    assert second["error"].startswith("internal error in steward_py: ZeroDivisionError: division")
    assert first["texts"] == ["one"]
    assert third["texts"] == ["three"]


@pytest.mark.parametrize(
    "stop", [NamedSPIError("canceling", "57014"), Fatal("x"), Error("x"), KeyboardInterrupt()]
)
def test_what_stops_the_session_is_not_swallowed(
    monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    failing(monkeypatch, stop)
    with pytest.raises(type(stop)) as caught:
        plans_of(["one", "poison"])
    assert caught.value is stop


def test_no_memory_is_nobodys_error(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, MemoryError())
    assert fields_of(lambda: plans_of(["one", "poison"]))["sqlstate"] == "53200"


def test_plans_of_null_and_of_uneven_arrays() -> None:
    plpy = FakePlpy()
    none = fields_of(lambda: entry.plan_documents(plpy, None, None, None, 1))
    assert none["message"] == "contents must not be null"
    none = fields_of(lambda: entry.plan_documents(plpy, ["text"], None, None, None))
    assert none["message"] == "seconds must not be null"
    assert fields_of(lambda: plans_of(["text"], ["[]", "[]"]))["sqlstate"] == "22023"


@pytest.mark.parametrize(
    "options",
    ["[", "[]", "5", '{"chunking": []}', '{"chunking": {"size": 3}}',
     '{"chunking": {"target": 100}}'],
)  # fmt: skip
def test_malformed_options(options: str) -> None:
    fields = fields_of(lambda: plans_of(["text"], None, options))
    assert fields["sqlstate"] == "22023"
    assert fields_of(lambda: plans_of([], None, options)) == fields, "depended on the documents"


def known_of(text: str) -> str:
    row = {"chunk_id": 5, "ordinal": 0, "chunk_hash": text_hash(text), "text": text}
    return json.dumps([row])


def test_plans_by_a_policy() -> None:
    old, new = "So  it  is.", "So it is."
    options = [
        None,
        '{"significance": {"similarity": null}}',
        '{"significance": {"normalise": []}}',
    ]
    kept = []
    for option in options:
        (plan,) = plans_of([new], [known_of(old)], option)
        kept.append(plan["chunks"][0].get("chunk_id"))
    assert kept == [5, None, None]
    (plan,) = plans_of(["a\n\x1d\nc"], [known_of("a\n\x1d\nb")], '{"parts": ["title", "body"]}')
    assert plan["details"]["parts"] == ["body"]


def test_parts_that_are_none() -> None:
    fields = fields_of(lambda: plans_of(["text"], None, '{"parts": "title"}'))
    assert (fields["message"], fields["sqlstate"]) == ("the parts are not an array", "22023")


def test_check_policy() -> None:
    plpy = FakePlpy()
    whole = json.loads(entry.check_policy(plpy, None))
    assert whole == policy_as_dict(significance.DEFAULT)
    assert json.loads(entry.check_policy(plpy, '{"guards": []}')) == {**whole, "guards": []}
    for wrong in ("[", "[]", "5", '{"guard": []}', '{"similarity": 2}'):
        fields = fields_of(partial(entry.check_policy, plpy, wrong))
        assert fields["sqlstate"] == "22023"
        assert "significance policy" in fields["message"]


def test_explain_change() -> None:
    plpy = FakePlpy()
    rest = "The rest of it stays as it was, to the very end, and is long enough to be alike. " * 4
    rows = entry.explain_change(plpy, None, f"Take 10 mg. {rest}", f"Take 99 mg. {rest}", None)
    assert [(row.decision, row.stage, row.reason) for row in rows] == [
        ("embed", "guarded", 'numbers: "10 mg" -> "99 mg"')
    ]
    known = json.dumps(
        [
            {"chunk_id": 5, "ordinal": 0, "chunk_hash": text_hash("one"), "text": "one"},
            {"chunk_id": 6, "ordinal": 1, "chunk_hash": text_hash("two"), "text": "two"},
        ]
    )
    rows = entry.explain_change(plpy, known, None, "two", None)
    assert [(row.ordinal, row.decision, row.stage) for row in rows] == [
        (0, "keep", "same"),
        (0, "remove", "removed"),
    ]
    assert [row.decision for row in entry.explain_change(plpy, None, None, None, None)] == []


@pytest.mark.parametrize("every", [0.01, 0.2])
def test_pulse_lets_the_server_look_now_and_then(
    every: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some dozen pulses, of which those reach the server that come 0.1 s after the last."""
    monkeypatch.setattr(similarity, "_library", lambda: None)

    class Counting(FakePlpy):
        executed = 0

        def execute(self, _statement: Statement, _arguments: Sequence[object], /) -> Rows:
            self.executed += 1
            return cast(Rows, [])

    random = seeded(1)
    old, new = ("".join(random.choices("abcdefgh", k=15_000)) for _ in range(2))
    ticks = itertools.count()
    now = lambda: next(ticks) * every  # noqa: E731
    plpy = Counting()
    options = '{"chunking": {"size": 100000}}'
    entry.plan_documents(plpy, [new], [known_of(old)], options, 1e9, clock=now)
    pulses = next(ticks)
    assert len(plpy.prepared) == 1
    assert plpy.executed > 1
    assert plpy.executed <= pulses * min(1, every / 0.1) + 1


def test_embed() -> None:
    vectors = models.embed(FakePlpy(), MODEL, ["one", "two", "one"])
    assert vectors == models.vectors(MODEL, ["one", "two", "one"])
    assert vectors[0] == vectors[2] != vectors[1]
    assert models.embed(FakePlpy(), MODEL, []) == []


def test_embed_by_another_model() -> None:
    fields = fields_of(lambda: models.embed(FakePlpy(), "openai/x@1", ["text"]))
    assert fields["sqlstate"] == "0A000"
    assert "openai/x@1" in fields["message"]
    assert "external worker" in fields["hint"]


def test_embed_null_and_blank() -> None:
    plpy = FakePlpy()
    null = fields_of(lambda: models.embed(plpy, MODEL, ["one", None]))
    assert null["sqlstate"] == "22004"
    assert "number 2 of 2" in null["detail"]
    assert fields_of(lambda: models.embed(plpy, MODEL, ["  "]))["sqlstate"] == "22023"
    assert fields_of(lambda: models.embed(plpy, None, ["one"]))["sqlstate"] == "22004"
    assert fields_of(lambda: models.embed(plpy, MODEL, None))["sqlstate"] == "22004"


def test_work() -> None:
    batches: list[list[Row]] = [
        [{"token": 1, "model": MODEL, "claimed_source": "notes", "texts": ["one"]}]
    ]
    settings = {"name": MODEL, "provider": "builtin", "dimensions": 256}

    def load(arguments: Sequence[object]) -> list[Row]:
        serving.load_provider(plpy, str(arguments[0]))
        return []

    plpy = FakePlpy(
        _load_provider=load,
        model_settings=lambda _arguments: [{"settings": json.dumps(settings), "allowed": ""}],
        pg_backend_pid=lambda _arguments: [],
        claim=lambda _arguments: batches.pop() if batches else [],
        complete=lambda _arguments: [{"token": 1, "outcome": "embedded"}],
        reap=lambda _arguments: [{"reap": 0}],
    )
    counts = serving.work(plpy, Decimal(1), 10, 60, "w", idle_seconds=0)  # type: ignore[arg-type]
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
    fields = fields_of(lambda: serving.work(FakePlpy(), *arguments))  # type: ignore[arg-type]
    assert fields["sqlstate"] == "22004"
    assert re.match("(seconds|batch|lease_seconds|worker) must not be null", fields["message"])


def test_work_with_null_idle_seconds() -> None:
    fields = fields_of(lambda: serving.work(FakePlpy(), 1, 10, 60, "w", idle_seconds=None))
    assert fields["message"] == "idle_seconds must not be null"


def test_work_with_nonsense() -> None:
    fields = fields_of(lambda: serving.work(FakePlpy(), 1, 0, 60, "w"))
    assert fields["sqlstate"] == "22023"


def test_a_module_is_imported_when_it_is_needed() -> None:
    """A session that cuts texts or searches by words does not load what speaks to networks."""
    for name in (module.name for module in pkgutil.iter_modules(steward_py.__path__)):
        assert getattr(steward_py, name).__name__ == f"steward_py.{name}"
    with pytest.raises(AttributeError, match="no module nonsense"):
        _ = steward_py.nonsense
    program = """
import sys, steward_py
steward_py.%s
ours = {name.partition(".")[2] for name in sys.modules if name.startswith("steward_py.")}
print("ssl" in sys.modules, "http.client" in sys.modules, "transport" in ours, "planning" in ours)
"""
    said = {
        name: subprocess.run(
            [sys.executable, "-c", program % name],
            cwd=Path(steward_py.__path__[0]).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for name in ("entry", "models", "serving")
    }
    assert said == {
        "entry": ["False", "False", "False", "True"],
        "models": ["False", "False", "False", "False"],
        "serving": ["True", "True", "True", "False"],
    }


def test_no_module_imports_plpy() -> None:
    for path in Path(steward_py.__path__[0]).glob("*.py"):
        assert not re.search(r"^\s*(import|from) plpy\b", path.read_text(encoding="utf-8"), re.M)


def test_chunk() -> None:
    plpy = FakePlpy()
    rows = entry.chunk(plpy, "# Tïtle\n\nText.", '{"headings": true}')
    sent = "Tïtle\n\n# Tïtle\n\nText."
    tokens = estimated_tokens(sent)
    assert rows == [(0, "# Tïtle\n\nText.", "Tïtle", 0, 14, tokens, text_hash(sent))]
    assert entry.chunk(plpy, None, None) == entry.chunk(plpy, " ", "{}") == []
    assert [row[1] for row in entry.chunk(plpy, "x" * 90, '{"strategy": "fixed", "size": 50}')] == [
        "x" * 50,
        "x" * 40,
    ]


def test_check_chunking() -> None:
    normal = entry.check_chunking(FakePlpy(), '{"strategy": "fixed"}')
    assert json.loads(normal) == {
        "strategy": "fixed",
        "size": 600,
        "unit": "characters",
        "tokenizer": "estimate",
        "headings": False,
        "overlap": 0,
    }
    assert entry.check_chunking(FakePlpy(), None) == entry.check_chunking(FakePlpy(), "{}")
    for bad in ("[]", "[", '{"size": 1}'):
        fields = fields_of(lambda bad=bad: entry.check_chunking(FakePlpy(), bad))  # type: ignore[misc]
        assert fields["sqlstate"] == "22023"
