"""When the next request may be sent: by the model's limits, and by what the provider bears.

Most providers do not say how much they bear; some say only that it was too much.  So the pace is
learnt from what they refuse and what they answer:

- Nothing is slowed down before the first refusal.  Then it is begun slowly, and quickened by a
  share with each answer, until the next refusal shows about where the limit is.
- From there on it is a little slower after a refusal, quickly up again to shortly below where that
  was, and then more and more carefully beyond: a limit is met now and then, and one that was
  raised is found.  A provider that keeps no reserve for bursts refuses every other request of
  somebody who is only a little too fast, so being nearly right is not enough.
- Refusals in a row, with nothing answered between them, make the pauses longer, up to a minute.
- A request that was on its way when another one was refused says nothing new.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from steward_py.providers import Model

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 60.0
# requests a second, however often it was refused: as soon as one is answered, others may be
_SLOWEST = 0.2
# after a refusal: how much slower, if many were answered since the one before, or only a few
_SLOWER, _MUCH_SLOWER, _FEW = 0.94, 0.85, 5
# with each answer: while no limit is known; from far below; from not so far below the known one
_BEGIN, _FAR, _BACK = 1.19, 1.5, 1.03
# with each answer near the limit, doubled by each so many answers
_CAREFUL, _DOUBLED = 0.0015, 20
# a limit that is believed at first to be lower than it can be: it may be so much higher
_DOUBT = 4.0
# of so many answers in so short a time it is known how fast they came, about
_TELLING, _SPAN, _ABOUT = 8, 1.0, 1.5


class Pace:
    """Says when to send, for any number of threads."""

    def __init__(
        self, model: Model, share: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``share``: of the model's limits per minute."""
        self._clock = clock
        self._lock = threading.Lock()
        self._limits = [
            _Bucket(per_minute * share / 60, clock())
            for per_minute in (model.requests_per_minute, model.tokens_per_minute)
            if per_minute is not None
        ]
        self._counts_requests = model.requests_per_minute is not None
        self._paused_until = float("-inf")
        self._next_at = float("-inf")
        # what the provider bears, in requests a second, once it has refused any
        self._borne: float | None = None
        # where it refused last
        self._ceiling = float("inf")
        self._slowed_at = float("-inf")
        self._answered = 0
        self._in_a_row = 0
        self._answers: deque[float] = deque(maxlen=_TELLING)

    def take(self, tokens: int) -> float:
        """0 and counted, or how long to wait and ask again."""
        with self._lock:
            now = self._clock()
            wait = max(self._paused_until, self._next_at) - now
            for bucket in self._limits:
                wait = max(wait, bucket.wait(now))
            if wait > 0:
                return wait
            for place, bucket in enumerate(self._limits):
                bucket.draw(1 if self._counts_requests and place == 0 else tokens)
            if self._borne is not None:
                self._next_at = now + 1 / self._borne
            return 0.0

    def answered(self) -> None:
        """A request was answered."""
        with self._lock:
            self._answers.append(self._clock())
            self._answered += 1
            self._in_a_row = 0
            if self._borne is None:
                return
            is_known = self._ceiling < float("inf")
            near = _SLOWER * self._ceiling
            if self._borne < (self._ceiling / 2 if is_known else 1 / _FIRST_PAUSE):
                self._borne *= _FAR
            elif not is_known:
                self._borne *= _BEGIN
            elif self._borne < near:
                self._borne = min(self._borne * _BACK, near)
            else:
                self._borne *= 1 + min(_CAREFUL * 2 ** (self._answered / _DOUBLED), _BEGIN - 1)

    def refused(self, after: float | None, sent_at: float) -> float:
        """Answer 429 to what was sent then: how long all have to wait."""
        with self._lock:
            now = self._clock()
            pause = max(self._paused_until - now, 0.0)
            if sent_at >= self._slowed_at:
                self._slow_down(now)
                self._slowed_at = now
                self._answered = 0
                pause = max(pause, min(self._pause(), _LONGEST_PAUSE))
                self._in_a_row += 1
            if after is not None:
                pause = after
            self._paused_until = max(self._paused_until, now + pause)
            return pause

    def _pause(self) -> float:
        interval = 1 / self._borne if self._borne is not None else 0.0
        return max(interval, _FIRST_PAUSE * 2.0**self._in_a_row if self._in_a_row else 0.0)

    def _slow_down(self, now: float) -> None:
        if self._borne is None:
            self._borne = 1 / _FIRST_PAUSE
            return
        if self._answered == 0:
            self._borne = max(self._borne / 2, _SLOWEST)
            return
        if len(self._answers) == _TELLING and 0 < now - self._answers[0] < _SPAN:
            # more was allowed than could be sent
            self._borne = min(self._borne, _ABOUT * _TELLING / (now - self._answers[0]))
        is_first = self._ceiling == float("inf")
        is_soon = self._answered < _FEW
        self._ceiling = self._borne * (_DOUBT if is_first and is_soon else 1)
        self._borne = max(self._borne * (_MUCH_SLOWER if is_soon else _SLOWER), _SLOWEST)


class _Bucket:
    """What may be used in a second, up to that of one second at a time, and less than nothing."""

    def __init__(self, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._left = max(per_second, 1.0)
        self._seen_at = now

    def wait(self, now: float) -> float:
        self._left = min(
            self._left + (now - self._seen_at) * self._per_second, max(self._per_second, 1.0)
        )
        self._seen_at = now
        # a whole one; what is taken may be more, and is then waited for by the next
        return max(0.0, (min(1.0, max(self._per_second, 1.0)) - self._left) / self._per_second)

    def draw(self, amount: float) -> None:
        self._left -= amount
