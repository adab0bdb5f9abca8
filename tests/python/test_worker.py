"""The worker in the server: no transaction while it waits or computes, no item stops another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest

from python.fake_plpy import FakePlpy, NamedSPIError, Row, SPIError, own_state
from steward_py import access, hashing_model, worker
from steward_py.access import Access
from steward_py.errors import StewardError
from steward_py.packing import Provider
from steward_py.pool import Done, Pool
from steward_py.providers import Failure, Model
from steward_py.transport import Transport
from steward_py.worker import Counts, Limits

MODEL = "builtin/hash@1"


def vectors_of(*texts: str) -> list[str]:
    return [hashing_model.as_pgvector(hashing_model.embed(text)) for text in texts]


class Inline(Pool):
    """A pool without threads: what is submitted is done when it is waited for."""

    def __init__(self, world: World) -> None:
        super().__init__(Transport())
        self.world = world
        self.submitted: list[tuple[Provider, int, list[str | None]]] = []
        self.is_closed = False

    def __len__(self) -> int:
        return len(self.submitted)

    def submit(self, provider: Provider, token: int, texts: Sequence[str | None]) -> None:
        self.submitted.append((provider, token, list(texts)))

    def wait(self, seconds: float) -> list[Done]:
        assert not self.world.plpy.in_transaction, "waited in a transaction"
        done: list[Done] = []
        if seconds < 0.05:
            return done  # nothing more at the same time
        for provider, token, texts in self.submitted[: self.world.at_once]:
            self.world.asked.append(texts)
            self.world.now += self.world.takes
            outcomes = provider.embed(texts).outcomes
            failure = next((each for each in outcomes if isinstance(each, Failure)), None)
            failure = self.world.failing or failure
            vectors = [] if failure else [str(each) for each in outcomes]
            done.append(Done(token, vectors, failure, self.world.counted.get(token)))
        del self.submitted[: len(done)]
        if not done:
            self.world.now += seconds
        for moment in [each for each in self.world.after if each <= self.world.now]:
            self.world.after.pop(moment)()
        return done

    def withdraw(self) -> None:
        self.world.withdrawn += 1

    def close(self) -> None:
        self.is_closed = True


class World:
    """Jobs, time, and a fake server that claims and completes them."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps: list[float] = []
        self.batches: list[list[Row]] = []
        self.sizes: dict[object, int] = {}
        self.claims: list[Sequence[object]] = []
        self.claimed_at: list[float] = []
        self.reaped_at: list[float] = []
        self.completed: dict[object, list[str]] = {}
        self.failed: dict[object, str] = {}
        self.kinds: dict[object, str] = {}
        self.released: list[object] = []
        self.extended: list[Sequence[object]] = []
        self.on_complete: Callable[[object], str] = lambda _token: "embedded"
        self.on_fail: Callable[[object], str] = lambda _token: "pending"
        self.on_release: Callable[[object], str] = lambda _token: "pending"
        self.asked: list[list[str | None]] = []
        self.withdrawn = 0
        self.takes = 0.0
        self.at_once: int | None = None
        self.counted: dict[int, int | None] = {}
        self.failing: Failure | None = None
        self.after: dict[float, Callable[[], None]] = {}
        self.pool = Inline(self)
        self.plpy = FakePlpy(
            claim=self.claim,
            complete=self.complete,
            fail=self.fail,
            release=self.release,
            extend=self.extend,
            reap=self.reap,
            _load_provider=self.load,
            pg_backend_pid=lambda _arguments: [],
        )

    def claim(self, arguments: Sequence[object]) -> list[Row]:
        self.claims.append(arguments)
        self.claimed_at.append(self.now)
        rows = self.batches.pop(0) if self.batches else []
        for row in rows:
            texts = row["texts"] or []
            assert isinstance(texts, list)
            self.sizes[row["token"]] = len(texts)
        return rows

    def outcomes(self, tokens: object, decide: Callable[[object], str]) -> list[Row]:
        """An error for one token is the error of the call, as in the server."""
        assert self.plpy.subtransactions == 1
        assert isinstance(tokens, list)
        return [{"token": token, "outcome": decide(token)} for token in tokens]

    def complete(self, arguments: Sequence[object]) -> list[Row]:
        """Each vector comes with the token of its claim."""
        tokens, vectors, _used = arguments
        assert isinstance(tokens, list)
        assert isinstance(vectors, list)
        assert len(tokens) == len(vectors)
        rows = self.outcomes(list(dict.fromkeys(tokens)), self.on_complete)
        for row in rows:
            token = row["token"]
            own = [vector for owner, vector in zip(tokens, vectors, strict=True) if owner == token]
            assert len(own) == self.sizes[token]
            if row["outcome"] not in ("busy", "stale", "failed", "refused"):
                self.completed[token] = own
        return rows

    def fail(self, arguments: Sequence[object]) -> list[Row]:
        tokens, reason, kind, _after = arguments
        rows = self.outcomes(tokens, self.on_fail)
        for row in rows:
            if row["outcome"] not in ("busy", "stale"):
                self.failed[row["token"]] = str(reason)
                self.kinds[row["token"]] = str(kind)
        return rows

    def release(self, arguments: Sequence[object]) -> list[Row]:
        rows = self.outcomes(arguments[0], self.on_release)
        self.released += [row["token"] for row in rows if row["outcome"] not in ("busy", "stale")]
        return rows

    def extend(self, arguments: Sequence[object]) -> list[Row]:
        self.extended.append(arguments)
        return self.outcomes(arguments[0], lambda _token: "held")

    def load(self, arguments: Sequence[object]) -> list[Row]:
        (name,) = arguments
        if name == "gone@1":
            raise NamedSPIError('model "gone@1" does not exist', "42704")
        provider = "openai" if name == "hidden@1" else "builtin"
        problem = "the secret is gone" if name == "hidden@1" else None
        access.remember(Access(Model(str(name), provider, 256), None, "public", problem))
        return []

    def reap(self, _arguments: Sequence[object]) -> list[Row]:
        assert self.plpy.subtransactions == 1
        self.reaped_at.append(self.now)
        return [{"reap": 0}]

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        assert not self.plpy.in_transaction, "slept in a transaction"
        self.naps.append(seconds)
        self.now += seconds

    def run(self, seconds: float = 0, idle_seconds: float = 5) -> Counts:
        limits = Limits(seconds, idle_seconds, batch=10, lease_seconds=300)
        counts = worker.run(
            self.plpy,
            "worker 1",
            limits,
            pool=self.pool,
            clock=lambda: self.now,
            sleep=self.sleep,
        )
        assert self.pool.is_closed
        assert not self.plpy.in_transaction, "left a transaction open"
        return counts


def item(token: int, *texts: str | None, model: str = MODEL) -> Row:
    return {"token": token, "model": model, "claimed_source": "notes", "texts": list(texts)}


@pytest.fixture
def world() -> World:
    return World()


def test_embeds_and_completes(world: World) -> None:
    world.batches = [[item(1, "one", "two"), item(2, "three")]]
    assert world.run() == Counts(claimed=2, completed=2)
    assert world.completed == {
        1: vectors_of("one", "two"),
        2: vectors_of("three"),
    }
    assert world.failed == {}
    assert world.claims == [["worker 1", 10, 300, "builtin, openai, ollama, http"]]


def test_order_of_steps(world: World) -> None:
    world.batches = [[item(1, "one"), item(2, "two")]]
    world.run()
    assert world.plpy.log == [
        "commit",  # to see that it may
        *["begin", "reap", "end", "commit"],
        *["claim", "commit"],
        *["begin", "_load_provider", "end", "commit"],
        *["pg_backend_pid", "commit"],  # the server looks for interrupts
        *["begin", "complete", "end", "commit"],
    ]


def test_batches_in_turn(world: World) -> None:
    world.batches = [[item(1, "one"), item(2, "two")], [item(3, "three")]]
    world.run(seconds=1)
    assert world.asked == [["one"], ["two"], ["three"]]


def test_claim_with_nothing_to_embed_is_given_back(world: World) -> None:
    world.batches = [[item(1), dict(item(2), texts=None), item(3, "three")]]
    assert world.run() == Counts(claimed=3, completed=1, released=2)
    assert world.released == [1, 2]


@pytest.mark.parametrize(
    "bad, reason, kind",
    [
        (item(2, "two", model="builtin/x@1"), 'model "builtin/x@1" is none of', "configuration"),
        (item(2, "two", model="gone@1"), 'model "gone@1" does not exist', "configuration"),
        (item(2, "two", model="hidden@1"), "the secret is gone", "configuration"),
        (item(2, " "), "a blank text has no vector", "item"),
        (item(2, "two", None), "a text to embed is null", "item"),
    ],
)
def test_item_that_cannot_be_embedded_fails_alone(
    world: World, bad: Row, reason: str, kind: str
) -> None:
    world.batches = [[item(1, "one"), bad, item(3, "three")]]
    assert world.run() == Counts(claimed=3, completed=2, failed=1)
    assert set(world.completed) == {1, 3}
    assert world.failed[2].startswith(reason)
    assert world.kinds[2] == kind


def test_equal_failures_are_reported_together(world: World) -> None:
    world.batches = [
        [
            item(1, " "),
            item(2, "two", model="builtin/x@1"),
            item(3, "three"),
            item(4, ""),
            item(5, "", None),
        ]
    ]
    assert world.run() == Counts(claimed=5, completed=1, failed=4)
    assert world.plpy.log.count("fail") == 2
    assert world.failed[1] == world.failed[4] == world.failed[5]


def test_no_memory_is_charged_to_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_text: str) -> list[float]:
        raise MemoryError

    monkeypatch.setattr(hashing_model, "embed", full)
    world.batches = [[item(1, "one"), item(2, "two")]]
    assert world.run() == Counts(claimed=2, failed=2)
    assert world.kinds == {1: "transient", 2: "transient"}


def test_bug_brought_out_by_an_item_fails_it_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = hashing_model.embed

    def broken(text: str) -> list[float]:
        if text == "poison":
            raise ZeroDivisionError("division by zero")
        return original(text)

    monkeypatch.setattr(hashing_model, "embed", broken)
    world.batches = [[item(1, "poison"), item(2, "two")]]
    assert world.run() == Counts(claimed=2, completed=1, failed=1)
    assert world.failed[1].startswith("internal error in steward_py: ZeroDivisionError: division")
    assert '"steward_py/packing.py", line' in world.failed[1]


def test_what_providers_count_is_told_by_space(world: World) -> None:
    used: list[object] = []
    original = world.plpy.answers["complete"]

    def complete(arguments: Sequence[object]) -> list[Row]:
        used.append(arguments[2])
        return original(arguments)

    world.plpy.answers["complete"] = complete
    world.counted = {1: 10, 2: 20, 3: 5, 4: None}
    world.batches = [
        [
            item(1, "a"),
            item(2, "b"),
            dict(item(3, "c"), claimed_source="other"),
            dict(item(4, "d"), claimed_source="third"),
        ]
    ]
    assert world.run() == Counts(claimed=4, completed=4)
    assert used == [30, 5, None]


def test_failure_says_until_when_to_wait(world: World) -> None:
    asked: list[object] = []
    original = world.plpy.answers["fail"]

    def fail(arguments: Sequence[object]) -> list[Row]:
        asked.append(arguments[1:])
        return original(arguments)

    world.plpy.answers["fail"] = fail
    world.failing = Failure("rate_limit", "too many", 30.0)
    world.batches = [[item(1, "a"), item(2, "b")]]
    assert world.run() == Counts(claimed=2, failed=2)
    assert asked == [["too many", "rate_limit", 30.0]]


def test_what_was_not_sent_is_given_back(world: World) -> None:
    world.failing = Failure("unsent", "the provider is gone")
    world.batches = [[item(1, "a"), item(2, "b")]]
    assert world.run() == Counts(claimed=2, released=2)
    assert world.failed == {}


def test_claims_more_while_it_waits(world: World) -> None:
    """Half a batch done is room for another one."""
    world.takes, world.at_once = 0.1, 1
    world.batches = [[item(number, "x") for number in range(10)], [item(10, "x")], [item(11, "x")]]
    assert world.run(seconds=60, idle_seconds=0) == Counts(claimed=12, completed=12)
    assert world.claimed_at[1] == pytest.approx(100.5)


def test_a_slow_model_does_not_take_all_the_room(world: World) -> None:
    world.takes, world.at_once = 1.0, 0
    world.batches = [[item(10 * batch + number, "x") for number in range(10)] for batch in range(9)]
    world.after = {117: lambda: setattr(world, "at_once", None)}
    counts = world.run(seconds=60, idle_seconds=0)
    assert len(world.claims) > 3
    assert counts.claimed == counts.completed + counts.released
    assert counts.released >= 10


def test_time_up_withdraws_what_is_not_sent(world: World) -> None:
    world.at_once, world.takes = 1, 5.0
    world.batches = [[item(1, "a"), item(2, "b"), item(3, "c")]]
    assert world.run(seconds=4).completed == 3
    assert world.withdrawn == 2


@pytest.mark.parametrize(
    "outcome, counts",
    [
        ("embedded", Counts(claimed=2, completed=2)),
        ("reused", Counts(claimed=2, completed=2)),
        ("retired", Counts(claimed=2, completed=2)),
        ("superseded", Counts(claimed=2, completed=2)),
        ("stale", Counts(claimed=2, completed=1, stale=1)),
        ("failed", Counts(claimed=2, completed=1, failed=1)),
        ("refused", Counts(claimed=2, completed=1, failed=1)),
    ],
)
def test_outcomes_of_complete(world: World, outcome: str, counts: Counts) -> None:
    world.on_complete = lambda token: outcome if token == 1 else "embedded"
    world.batches = [[item(1, "one", "more"), item(2, "two")]]
    assert world.run() == counts
    assert world.completed[2] == vectors_of("two")
    assert world.naps == []
    assert world.failed == {}, "the server has recorded it"


@pytest.mark.parametrize(
    "outcome, counts",
    [
        ("failed", Counts(claimed=2, failed=2)),
        ("gone", Counts(claimed=2, failed=2)),
        ("stale", Counts(claimed=2, failed=1, stale=1)),
    ],
)
def test_outcomes_of_fail(world: World, outcome: str, counts: Counts) -> None:
    world.on_fail = lambda token: outcome if token == 1 else "pending"
    world.batches = [[item(1, " "), item(2, " ")]]
    assert world.run() == counts


def test_error_of_the_call_makes_deliveries_single(world: World) -> None:
    def complete(token: object) -> str:
        if token == 2:
            raise NamedSPIError("something broke", "XX000")
        return "busy" if token == 3 else "embedded"

    world.on_complete = complete
    world.batches = [[item(1, "one", "more"), item(2, "two"), item(3, "three"), item(4, "four")]]
    assert world.run() == Counts(claimed=4, completed=2, failed=1, released=1)
    assert world.completed == {
        1: vectors_of("one", "more"),
        4: vectors_of("four"),
    }
    assert world.failed == {2: "something broke"}
    assert world.kinds == {2: "item"}
    assert world.released == [3]
    # together, one by one, and after each nap the busy one alone
    assert world.plpy.log.count("complete") == 1 + 4 + 3


def test_long_batch_extends_its_leases(world: World) -> None:
    world.takes, world.at_once = 60, 1
    world.batches = [[item(number, "text") for number in range(7)]]
    assert world.run() == Counts(claimed=7, completed=7)
    # a third of 300 seconds is over after the second item, and then after the fourth ...
    assert [arguments[0] for arguments in world.extended] == [
        list(range(2, 7)),
        list(range(4, 7)),
        [6],
    ]
    assert {arguments[1] for arguments in world.extended} == {300}


def test_short_batch_extends_nothing(world: World) -> None:
    world.batches = [[item(1, "one"), item(2, "two")]] * 3
    world.run(seconds=1)
    assert world.extended == []


@pytest.mark.parametrize("sqlstate, warnings", [("55P03", 0), ("XX000", 1)])
@pytest.mark.parametrize("function", ["extend", "reap"])
def test_work_goes_on_without(world: World, function: str, sqlstate: str, warnings: int) -> None:
    def broken(_arguments: Sequence[object]) -> list[Row]:
        raise NamedSPIError("something broke", sqlstate)

    world.takes, world.at_once = (101 if function == "extend" else 0), 1
    world.plpy.answers[function] = broken
    world.batches = [[item(1, "one"), item(2, "two")]]
    assert world.run() == Counts(claimed=2, completed=2)
    assert len(world.plpy.warnings) == warnings


@pytest.mark.parametrize("function", ["extend", "reap"])
def test_cancel_stops_the_worker_there_too(world: World, function: str) -> None:
    def cancelled(_arguments: Sequence[object]) -> list[Row]:
        raise NamedSPIError("canceling statement due to user request", "57014")

    world.takes, world.at_once = 101, 1
    world.plpy.answers[function] = cancelled
    world.batches = [[item(1, "one"), item(2, "two")]]
    with pytest.raises(SPIError, match="canceling"):
        world.run()
    assert world.completed == {}


def test_reaps_at_first_and_then_now_and_then(world: World) -> None:
    world.run(seconds=100, idle_seconds=100)
    assert world.reaped_at[0] == 100
    gaps = [later - earlier for earlier, later in itertools.pairwise(world.reaped_at)]
    assert len(gaps) == 3
    assert all(30 <= gap <= 32 for gap in gaps)


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
    assert world.plpy.log.count("commit") == 8  # first, reap, claim, load, pulse, deliveries


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


def test_giving_back_is_tried_again_while_somebody_is_in_the_way(world: World) -> None:
    """Otherwise a row would wait for the end of a lease because of a moment."""
    answers = iter(["busy", "busy", "busy", "pending"])
    world.on_complete = lambda token: "busy" if token == 1 else "embedded"
    world.on_release = lambda _token: next(answers)
    world.batches = [[item(1, "one"), item(2, "two")]]
    assert world.run() == Counts(claimed=2, completed=1, released=1)


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
        worker.run(
            world.plpy, "w", limits, pool=world.pool, clock=lambda: world.now, sleep=world.sleep
        )
    # once more before it ends, so that nobody has to wait for the end of the lease
    assert world.plpy.log.count("release") == 2
    assert "left to the end of their lease" in world.plpy.warnings[0]


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
        worker.run(
            world.plpy, "w", limits, pool=world.pool, clock=lambda: world.now, sleep=world.sleep
        )
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
    assert world.naps[:5] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0])
    assert max(world.naps) == pytest.approx(1.0)
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
    assert after[:3] == pytest.approx([0.1, 0.2, 0.4]), "did not become quick again"


def test_every_name_in_sql_is_qualified(world: World) -> None:
    """The procedure runs with the search_path of whoever calls it."""
    world.run()
    assert len(world.plpy.prepared) == 8
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
