"""How fast requests are sent: simulated, with a clock that runs only when something happens."""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from steward_py.pacing import Pace
from steward_py.providers import Model

MODEL = Model("a@1", "openai", 3)
THREADS = 8


class Event(NamedTuple):
    """What happens when; the number keeps those of one moment in order."""

    at: float
    number: int
    what: str
    thread: int


@dataclass
class Simulation:
    """Threads that send through a pace to a provider with a bucket of tokens."""

    rate: float
    capacity: float
    requests: int
    latency: float = 0.002
    jitter: float = 0.3
    tells: bool = False  # Retry-After
    seed: int = 0
    changes: dict[int, float] = field(default_factory=dict)  # after so many answers another rate

    now: float = 0.0
    answers: list[float] = field(default_factory=list)
    refused: int = 0

    def run(self) -> Simulation:
        """Until everything is answered."""
        pace = Pace(MODEL, 1.0, lambda: self.now)
        dice = random.Random(self.seed)  # noqa: S311
        numbers = itertools.count()
        events = [Event(0.0, next(numbers), "begin", thread) for thread in range(THREADS)]
        level, level_at = self.capacity, 0.0
        left = self.requests
        sent_at = [0.0] * THREADS
        verdict: list[float | None] = [None] * THREADS  # how long to wait; None: answered

        def later(seconds: float, what: str, thread: int) -> None:
            heapq.heappush(events, Event(self.now + seconds, next(numbers), what, thread))

        def way() -> float:
            return self.latency / 2 * (1 + self.jitter * dice.random())

        while events:
            self.now, _, what, thread = heapq.heappop(events)
            if what == "begin":
                if left:
                    left -= 1
                    later(0, "send", thread)
            elif what == "send":
                wait = pace.take(10)
                if wait > 0:
                    # nobody wakes up just in time
                    later(wait + dice.random() * 0.0003, "send", thread)
                else:
                    sent_at[thread] = self.now
                    later(way(), "arrive", thread)
            elif what == "arrive":
                level = min(self.capacity, level + (self.now - level_at) * self.rate)
                level_at = self.now
                verdict[thread] = None if level >= 1 else (1 - level) / self.rate
                level -= level >= 1
                later(way(), "return", thread)
            elif (after := verdict[thread]) is None:
                pace.answered()
                self.answers.append(self.now)
                self.rate = self.changes.get(len(self.answers), self.rate)
                later(0, "begin", thread)
            else:
                pace.refused(after if self.tells else None, sent_at[thread])
                self.refused += 1
                later(0, "send", thread)
        return self


LIMITS = [
    (capacity, rate, latency)
    for capacity in (1, 2, 5, 20)
    for rate in (0.5, 2, 20, 100)
    for latency in (0.002, 0.03)
    # Left out: requests that overtake each other, and no reserve that evens it out.
    if (capacity, rate, latency) != (1, 100, 0.03)
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tells", [False, True], ids=["without a word", "with Retry-After"])
@pytest.mark.parametrize("capacity, rate, latency", LIMITS)
def test_drains_nearly_as_fast_as_the_limit_allows(
    capacity: int, rate: float, latency: float, tells: bool, seed: int
) -> None:
    """At most 1.2 times what the limit dictates, without being told the limit."""
    requests = max(60, int(rate * 20))
    simulation = Simulation(rate, capacity, requests, latency, tells=tells, seed=seed).run()
    dictated = (requests - capacity) / rate
    assert simulation.answers[-1] < 1.2 * dictated
    assert simulation.refused < requests


@pytest.mark.parametrize("capacity", [1, 5])
def test_refusals_are_few_once_the_limit_is_known(capacity: int) -> None:
    """A twentieth of what is sent, or so: not one for each that is answered."""
    short = Simulation(20, capacity, 400).run()
    long = Simulation(20, capacity, 2400).run()
    assert long.refused - short.refused < 0.12 * 2000


def test_limit_that_was_raised_is_found() -> None:
    """Ten times as much: soon used."""
    simulation = Simulation(10, 2, 2000, changes={400: 100.0}).run()
    raised_at = simulation.answers[399]
    assert simulation.answers[-1] - raised_at < 1.4 * 1600 / 100


def test_limit_that_was_lowered_is_found() -> None:
    """A tenth of it, and few are refused for that."""
    simulation = Simulation(100, 2, 1200, changes={1000: 10.0}).run()
    lowered_at = simulation.answers[999]
    assert simulation.answers[-1] - lowered_at < 1.25 * 200 / 10
    before = Simulation(100, 2, 1000).run()
    assert simulation.refused - before.refused < 100


def test_nothing_is_slowed_down_before_a_refusal() -> None:
    """However much is sent."""
    now = 0.0
    pace = Pace(MODEL, 1.0, lambda: now)
    for _ in range(1000):
        assert pace.take(10) == 0
        pace.answered()


def test_pauses_grow_up_to_a_minute() -> None:
    """As long as nothing is answered; and it is soon quick again when something is."""
    now = 0.0
    pace = Pace(MODEL, 1.0, lambda: now)
    pauses = []
    for _ in range(14):
        now += pace.take(10)
        assert pace.take(10) == 0
        pauses.append(pace.refused(None, now))
    assert pauses[:5] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])
    assert pauses == sorted(pauses)
    assert pauses[-1] == 60
    began = now
    for _ in range(100):
        while (wait := pace.take(10)) > 0:
            now += wait
        pace.answered()
    assert now - began < 60 + 30


def test_what_was_on_its_way_slows_down_only_once() -> None:
    """Eight are refused together: the next pause is that after one refusal."""
    now = 0.0
    pace = Pace(MODEL, 1.0, lambda: now)
    for _ in range(8):
        assert pace.take(10) == 0
    now = 0.01
    assert [pace.refused(None, 0.0) for _ in range(8)] == pytest.approx([0.1] * 8)
    now = 0.2
    assert pace.take(10) == 0
    now = 0.21
    assert pace.refused(None, 0.2) == pytest.approx(0.2)


def test_retry_after_is_kept_to() -> None:
    """Also by those that were told nothing, or less."""
    now = 0.0
    pace = Pace(MODEL, 1.0, lambda: now)
    assert pace.take(10) == 0
    assert pace.take(10) == 0
    assert pace.refused(7.0, 0.0) == 7
    assert pace.refused(0.5, 0.0) == 0.5
    assert pace.take(10) == pytest.approx(7)


def test_limit_of_tokens() -> None:
    """Kept to, with a share of it."""
    now = 0.0
    pace = Pace(Model("a@1", "openai", 3, tokens_per_minute=6000), 0.5, lambda: now)
    sent = 0
    for _ in range(1000):
        now += 0.1
        if pace.take(25) == 0:
            sent += 1
    assert sent * 25 == pytest.approx(100 * 50, rel=0.03)
