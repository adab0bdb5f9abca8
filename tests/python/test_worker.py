"""The worker in the server: no transaction while it waits or computes, no item stops another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from python.fake_plpy import FakePlpy, NamedSPIError, Row, SPIError, own_state
from steward_py import models, worker
from steward_py.errors import StewardError
from steward_py.worker import Counts, Limits

MODEL = "builtin/hash@1"


class World:
    """Jobs, time, and a fake server that claims and completes them."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps: list[float] = []
        self.batches: list[list[Row]] = []
        self.claims: list[Sequence[object]] = []
        self.claimed_at: list[float] = []
        self.completed: dict[object, list[str]] = {}
        self.failed: dict[object, str] = {}
        self.released: list[object] = []
        self.on_complete: Callable[[object], str] = lambda _token: "embedded"
        self.on_fail: Callable[[object], str] = lambda _token: "pending"
        self.on_release: Callable[[object], str] = lambda _token: "pending"
        self.plpy = FakePlpy(
            claim=self.claim, complete=self.complete, fail=self.fail, release=self.release
        )

    def claim(self, arguments: Sequence[object]) -> list[Row]:
        self.claims.append(arguments)
        self.claimed_at.append(self.now)
        return self.batches.pop(0) if self.batches else []

    def complete(self, arguments: Sequence[object]) -> list[Row]:
        assert self.plpy.subtransactions == 1
        token, vectors = arguments
        result = self.on_complete(token)
        if result != "busy":
            assert isinstance(vectors, list)
            self.completed[token] = vectors
        return [{"result": result}]

    def fail(self, arguments: Sequence[object]) -> list[Row]:
        assert self.plpy.subtransactions == 1
        token, reason = arguments
        result = self.on_fail(token)
        if result != "busy":
            self.failed[token] = str(reason)
        return [{"result": result}]

    def release(self, arguments: Sequence[object]) -> list[Row]:
        assert self.plpy.subtransactions == 1
        (token,) = arguments
        result = self.on_release(token)
        if result != "busy":
            self.released.append(token)
        return [{"result": result}]

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        assert not self.plpy.in_transaction, "slept in a transaction"
        self.naps.append(seconds)
        self.now += seconds

    def run(self, seconds: float = 0, idle_seconds: float = 5) -> Counts:
        limits = Limits(seconds, idle_seconds, batch=10, lease_seconds=300)
        counts = worker.run(self.plpy, "worker 1", limits, clock=lambda: self.now, sleep=self.sleep)
        assert not self.plpy.in_transaction, "left a transaction open"
        return counts


def item(token: int, *texts: str | None, model: str = MODEL) -> Row:
    return {"token": token, "model": model, "texts": list(texts)}


@pytest.fixture
def world() -> World:
    return World()


def test_embeds_and_completes(world: World) -> None:
    world.batches = [[item(1, "one", "two"), item(2, "three")]]
    assert world.run() == Counts(claimed=2, completed=2)
    assert world.completed == {
        1: models.vectors(MODEL, ["one", "two"]),
        2: models.vectors(MODEL, ["three"]),
    }
    assert world.failed == {}
    assert world.claims == [["worker 1", 10, 300]]


def test_order_of_steps(world: World) -> None:
    world.batches = [[item(1, "one"), item(2, "two")]]
    world.run()
    assert world.plpy.log == [
        "commit",  # to see that it may
        *["claim", "commit"],
        *["begin", "complete", "end", "begin", "complete", "end", "commit"],
    ]


def test_no_transaction_while_embedding(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    original = models.vectors
    calls = []

    def watched(model: str, texts: Sequence[str | None]) -> list[str]:
        assert not world.plpy.in_transaction
        calls.append(texts)
        return original(model, texts)

    monkeypatch.setattr(models, "vectors", watched)
    world.batches = [[item(1, "one"), item(2, "two")], [item(3, "three")]]
    world.run(seconds=1)
    assert calls == [["one"], ["two"], ["three"]]


def test_claim_with_nothing_to_embed(world: World) -> None:
    world.batches = [[item(1), {"token": 2, "model": MODEL, "texts": None}]]
    assert world.run().completed == 2
    assert world.completed == {1: [], 2: []}


@pytest.mark.parametrize(
    "bad, reason",
    [
        (item(2, "two", model="openai/small"), 'model "openai/small" cannot be computed'),
        (item(2, " "), "a blank text has no vector"),
        (item(2, "two", None), "a text to embed is null"),
    ],
)
def test_item_that_cannot_be_embedded_fails_alone(world: World, bad: Row, reason: str) -> None:
    world.batches = [[item(1, "one"), bad, item(3, "three")]]
    assert world.run() == Counts(claimed=3, completed=2, failed=1)
    assert set(world.completed) == {1, 3}
    assert world.failed[2].startswith(reason)


def test_bug_brought_out_by_an_item_fails_it_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = models.vectors

    def broken(model: str, texts: Sequence[str | None]) -> list[str]:
        if texts == ["poison"]:
            raise ZeroDivisionError("division by zero")
        return original(model, texts)

    monkeypatch.setattr(models, "vectors", broken)
    world.batches = [[item(1, "poison"), item(2, "two")]]
    assert world.run() == Counts(claimed=2, completed=1, failed=1)
    assert world.failed[1].startswith("internal error in steward_py: ZeroDivisionError: division")
    assert '"steward_py/worker.py", line' in world.failed[1]


def test_stale_claim_is_skipped(world: World) -> None:
    def complete(token: object) -> str:
        if token == 1:
            raise own_state("the claim is no longer held", "SW001")
        return "embedded"

    world.on_complete = complete
    world.batches = [[item(1, "one"), item(2, "two")]]
    assert world.run() == Counts(claimed=2, completed=1, stale=1)
    assert world.failed == {}
    assert "undo" in world.plpy.log


def test_refused_vectors_fail_the_item(world: World) -> None:
    def complete(token: object) -> str:
        if token == 1:
            raise NamedSPIError("expected 384 dimensions, not 256 " + "x" * 5000, "22000")
        return "embedded"

    world.on_complete = complete
    world.batches = [[item(1, "one"), item(2, "two")]]
    assert world.run() == Counts(claimed=2, completed=1, failed=1)
    assert world.failed[1].startswith("expected 384 dimensions")
    assert len(world.failed[1]) <= 2000


def test_busy_item_is_tried_again_after_the_others(world: World) -> None:
    answers = iter(["busy", "busy", "embedded"])
    world.on_complete = lambda token: next(answers) if token == 1 else "embedded"
    world.batches = [[item(1, "one"), item(2, "two")]]
    assert world.run() == Counts(claimed=2, completed=2)
    assert list(world.completed) == [2, 1]
    assert len(world.naps) == 2
    assert world.plpy.log.count("commit") == 5  # first of all, claim, three deliveries


@pytest.mark.parametrize("result", ["pending", "gone"])
def test_item_that_stays_busy_is_given_back(world: World, result: str) -> None:
    world.on_complete = lambda token: "busy" if token == 1 else "embedded"
    world.on_release = lambda _token: result
    world.batches = [[item(1, "one"), item(2, "two")]]
    assert world.run() == Counts(claimed=2, completed=1, released=1)
    assert world.released == [1]
    assert sum(world.naps) < 1
    assert world.failed == {}
    assert world.plpy.log[-4:] == ["begin", "release", "end", "commit"]


def test_failure_that_stays_busy_is_given_back(world: World) -> None:
    world.on_fail = lambda _token: "busy"
    world.batches = [[item(1, " ")]]
    assert world.run() == Counts(claimed=1, released=1)
    assert world.released == [1]


def test_nothing_is_given_back_without_need(world: World) -> None:
    answers = iter(["busy", "busy", "busy", "embedded"])
    world.on_complete = lambda _token: next(answers)
    world.batches = [[item(1, "one")]]
    assert world.run() == Counts(claimed=1, completed=1)
    assert "release" not in world.plpy.log


def test_claim_that_cannot_be_given_back_is_left_to_its_lease(world: World) -> None:
    def release(token: object) -> str:
        if token == 1:
            return "busy"
        if token == 2:
            raise own_state("the claim is no longer held", "SW001")
        if token == 3:
            raise NamedSPIError("something broke", "XX000")
        if token == 4:
            raise NamedSPIError("not now", "55P03")
        return "pending"

    world.on_complete = lambda _token: "busy"
    world.on_release = release
    world.batches = [[item(number, "text") for number in range(1, 6)]]
    assert world.run() == Counts(claimed=5, stale=1, released=1, abandoned=3)
    assert world.released == [5]
    assert len(world.plpy.warnings) == 1
    assert "something broke" in world.plpy.warnings[0]


def test_cancel_while_giving_back_stops_the_worker(world: World) -> None:
    def cancelled(_token: object) -> str:
        raise NamedSPIError("canceling statement due to user request", "57014")

    world.on_complete = lambda _token: "busy"
    world.on_release = cancelled
    world.batches = [[item(1, "one"), item(2, "two")]]
    limits = Limits(0, 5, 10, 300)
    with pytest.raises(SPIError, match="canceling"):
        worker.run(world.plpy, "w", limits, clock=lambda: world.now, sleep=world.sleep)
    assert world.plpy.log.count("release") == 1


def test_failure_can_be_busy_too(world: World) -> None:
    answers = iter(["busy", "pending"])
    world.on_fail = lambda _token: next(answers)
    world.batches = [[item(1, " ")]]
    assert world.run() == Counts(claimed=1, failed=1)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03"])
def test_transient_error_is_tried_again_and_charged_to_nobody(world: World, sqlstate: str) -> None:
    errors = iter([NamedSPIError("not now", sqlstate)])

    def complete(_token: object) -> str:
        for error in errors:
            raise error
        return "embedded"

    world.on_complete = complete
    world.batches = [[item(1, "one")]]
    assert world.run() == Counts(claimed=1, completed=1)
    assert world.failed == {}


def test_failure_that_cannot_be_recorded_stops_nobody(world: World) -> None:
    def fail(token: object) -> str:
        if token == 1:
            raise NamedSPIError("something broke", "XX000")
        raise own_state("the claim is no longer held", "SW001")

    world.on_fail = fail
    world.batches = [[item(1, " "), item(2, " "), item(3, "three")]]
    assert world.run() == Counts(claimed=3, completed=1, stale=1, abandoned=1)
    assert len(world.plpy.warnings) == 1
    assert "something broke" in world.plpy.warnings[0]


@pytest.mark.parametrize("text", ["one", " "])
def test_cancel_stops_the_worker(world: World, text: str) -> None:
    def cancelled(_token: object) -> str:
        raise NamedSPIError("canceling statement due to user request", "57014")

    world.on_complete = world.on_fail = cancelled
    world.batches = [[item(1, text), item(2, "two")]]
    limits = Limits(0, 5, 10, 300)
    with pytest.raises(SPIError, match="canceling"):
        worker.run(world.plpy, "w", limits, clock=lambda: world.now, sleep=world.sleep)
    assert world.failed == {}
    assert world.completed == {}


def test_error_in_claim_reaches_the_caller(world: World) -> None:
    def claim(_arguments: Sequence[object]) -> list[Row]:
        raise NamedSPIError("permission denied for function claim", "42501")

    world.plpy.answers["claim"] = claim
    with pytest.raises(SPIError, match="permission denied"):
        worker.run(world.plpy, "w", Limits(9, 5, 10, 300), sleep=world.sleep)


def test_refuses_to_run_in_a_transaction(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise NamedSPIError("invalid transaction termination", "2D000")

    monkeypatch.setattr(world.plpy, "commit", refused)
    with pytest.raises(StewardError, match="inside a transaction") as caught:
        world.run()
    assert caught.value.sqlstate == "2D000"
    assert caught.value.hint
    assert world.claims == []


def test_other_errors_of_commit_reach_the_caller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed() -> None:
        raise NamedSPIError("could not extend file", "53100")

    monkeypatch.setattr(world.plpy, "commit", failed)
    with pytest.raises(SPIError, match="could not extend"):
        world.run()


def test_works_on_while_there_is_work(world: World) -> None:
    world.batches = [[item(number, "text")] for number in range(30)]
    assert world.run(seconds=60, idle_seconds=0).completed == 30
    assert world.naps == []
    assert len(world.claims) == 31


def test_one_batch_is_tried_when_no_time_is_given(world: World) -> None:
    world.batches = [[item(1, "one")], [item(2, "two")]]
    assert world.run(seconds=0).completed == 1
    assert len(world.claims) == 1


def test_ends_when_time_is_up(world: World) -> None:
    def complete(_token: object) -> str:
        world.now += 4
        return "embedded"

    world.on_complete = complete
    world.batches = [[item(number, "text")] for number in range(30)]
    assert world.run(seconds=10).completed == 3


def test_sleeps_longer_and_longer_and_goes_when_idle(world: World) -> None:
    world.run(seconds=60, idle_seconds=5)
    assert world.naps[:5] == [0.1, 0.2, 0.4, 0.8, 1.0]
    assert max(world.naps) == 1.0
    assert world.now == pytest.approx(105)
    assert world.claimed_at[-1] == pytest.approx(105), "did not look a last time"


def test_never_sleeps_past_its_time(world: World) -> None:
    world.run(seconds=0.25, idle_seconds=5)
    assert world.now == pytest.approx(100.25)


def test_work_ends_idleness(world: World) -> None:
    late = [item(1, "late")]
    original = world.plpy.answers["claim"]

    def claim(arguments: Sequence[object]) -> list[Row]:
        if world.now >= 104 and not world.completed:
            world.batches = [late]
        return original(arguments)

    world.plpy.answers["claim"] = claim
    assert world.run(seconds=60, idle_seconds=5).completed == 1
    found_at = next(moment for moment in world.claimed_at if moment >= 104)
    assert world.now == pytest.approx(found_at + 5)
    slept_before = sum(moment < found_at for moment in world.claimed_at)
    after = world.naps[slept_before:]
    assert after[:3] == [0.1, 0.2, 0.4], "did not become quick again"


def test_every_name_in_sql_is_qualified(world: World) -> None:
    """The procedure runs with the search_path of whoever calls it."""
    world.run()
    assert len(world.plpy.prepared) == 4
    for prepared in world.plpy.prepared:
        called = [word.split("(")[0] for word in prepared.query.split() if "(" in word]
        assert all("." in name for name in called), prepared.query
        assert all(name.startswith("pg_catalog.") for name in prepared.types)
        for operator in ("||", "::", " + ", " < ", " > "):
            assert operator not in prepared.query


@pytest.mark.parametrize(
    "field, value, rule",
    [
        ("seconds", -1.0, "not be negative"),
        ("seconds", float("nan"), "not be negative"),
        ("idle_seconds", -0.1, "not be negative"),
        ("batch", 0, "be at least 1"),
        ("lease_seconds", 0.0, "be more than 0"),
    ],
)
def test_limits_are_checked(field: str, value: float, rule: str) -> None:
    fine = {"seconds": 1.0, "idle_seconds": 1.0, "batch": 1, "lease_seconds": 1.0}
    with pytest.raises(StewardError, match=f"^{field} must {rule}$") as caught:
        Limits(**{**fine, field: value})  # type: ignore[arg-type]
    assert caught.value.sqlstate == "22023"
    assert caught.value.detail
