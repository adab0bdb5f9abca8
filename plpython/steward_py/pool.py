"""Many claims at once: their texts go to providers in full requests, several at a time.

Any thread may submit claims, and any may wait for what is done; threads of the pool do nothing but
ask providers.  Each model has a queue and threads of its own, so that one that hangs or has to wait
keeps no other from being asked.  Texts of several claims go into one request, and those of one
claim into several.  When a provider fails, what is still queued for it is not sent: it comes back
as unsent.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from steward_py.packing import Provider, estimated_tokens
from steward_py.providers import ITEM, UNSENT, Failure
from steward_py.transport import Transport

# A request that is smaller than this is not made smaller for the sake of doing several at once.
_WORTHWHILE = 16
_JOIN_SECONDS = 1.0


@dataclass(frozen=True)
class Done:
    """A claim with all its vectors, or with the reason why it has none.

    ``tokens`` is its part of what the provider counted, None if it does not.
    """

    token: int
    vectors: list[str]
    failure: Failure | None = None
    tokens: int | None = None


class _Job:
    def __init__(self, token: int, count: int) -> None:
        self.token = token
        self.vectors: list[str] = [""] * count
        self.missing = count
        self.tokens: int | None = None
        self.is_done = False


@dataclass(frozen=True)
class _Text:
    job: _Job
    place: int
    text: str | None
    size: int


def start_thread(work: Callable[[], None]) -> threading.Thread:
    """Signals are for the thread that starts this one, in which the server handles them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread = threading.Thread(target=work, name="steward", daemon=True)
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return thread


class Pool:
    """Asks providers on behalf of those who submit, and tells whoever waits."""

    def __init__(self, transport: Transport, requests: int = 8) -> None:
        """``requests``: how many of one model are under way at the same time."""
        self._transport = transport
        self._requests = requests
        self._lanes: dict[str, _Lane] = {}
        # None wakes whoever waits
        self._done: queue.SimpleQueue[Done | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._held = 0

    def __len__(self) -> int:
        """How many claims have been submitted that did not come back."""
        return self._held

    def submit(self, provider: Provider, token: int, texts: Sequence[str | None]) -> None:
        """Have the texts of a claim embedded.  Nothing is sent before ``begin`` or ``wait``."""
        job = _Job(token, len(texts))
        name = provider.model.name
        with self._lock:
            self._held += 1
            lane = self._lanes.get(name)
            if lane is None:
                threads = self._requests if provider.is_parallel else 1
                lane = self._lanes[name] = _Lane(provider, threads, self._done)
        if texts:
            lane.submit(provider, job, texts)
        else:
            self._done.put(Done(token, []))

    def return_unsent(self, tokens: Iterable[int], reason: str) -> None:
        """Claims whose texts could not even be submitted, for whoever waits."""
        for token in tokens:
            with self._lock:
                self._held += 1
            self._done.put(Done(token, [], Failure(UNSENT, reason)))

    def begin(self) -> None:
        """Send what has been submitted."""
        for lane in list(self._lanes.values()):
            lane.begin()

    def wait(self, seconds: float) -> list[Done]:
        """What is done by now; if nothing is, what is when something is, or after the time."""
        self.begin()
        found: list[Done] = []
        try:
            each = self._done.get(timeout=seconds) if seconds > 0 else self._done.get(False)
            while each is not None:
                found.append(each)
                each = self._done.get(False)
        except queue.Empty:
            pass
        with self._lock:
            self._held -= len(found)
        return found

    def wake(self) -> None:
        """End one wait, or the next one."""
        self._done.put(None)

    def withdraw(self) -> None:
        """What has not been sent will not be: it comes back as unsent."""
        for lane in list(self._lanes.values()):
            lane.withdraw("there was no time left for it")

    def close(self) -> None:
        """End all calls.  Nothing comes back any more."""
        self._transport.close()
        until = time.monotonic() + _JOIN_SECONDS
        for lane in self._lanes.values():
            lane.close(until)


class _Lane:
    """The queue and the threads of one model."""

    def __init__(
        self, provider: Provider, threads: int, done: queue.SimpleQueue[Done | None]
    ) -> None:
        self._provider = provider
        self._limit = threads
        self._done = done
        self._changed = threading.Condition()
        self._queue: deque[_Text] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._is_closed = False

    def submit(self, provider: Provider, job: _Job, texts: Sequence[str | None]) -> None:
        with self._changed:
            self._provider = provider
            for place, text in enumerate(texts):
                self._queue.append(_Text(job, place, text, estimated_tokens(text or "")))

    def begin(self) -> None:
        """Have what is queued sent, by as many threads as it is worth."""
        with self._changed:
            wanted = min(self._limit, -(-len(self._queue) // _WORTHWHILE))
            missing = min(wanted - self._idle, self._limit - len(self._threads))
            self._changed.notify(wanted)
            for _ in range(missing):
                self._threads.append(start_thread(self._run))

    def withdraw(self, reason: str) -> None:
        with self._changed:
            self._withdraw(reason)

    def close(self, until: float) -> None:
        with self._changed:
            self._is_closed = True
            self._queue.clear()
            self._changed.notify_all()
        for thread in self._threads:
            # One that waits for a name to be resolved cannot be woken; it ends by itself.
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._is_closed:
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                if self._is_closed:
                    return
                provider = self._provider
                texts = self._take(provider)
            if texts:
                self._embed(provider, texts)

    def _take(self, provider: Provider) -> list[_Text]:
        """The texts of the next request: what it may have, but not what others could send now."""
        even = -(-len(self._queue) // self._limit)
        inputs = min(provider.most_inputs, max(_WORTHWHILE, even))
        room = provider.model.batch_tokens or 1
        taken: list[_Text] = []
        while self._queue and len(taken) < inputs:
            if self._queue[0].job.is_done:
                self._queue.popleft()
                continue
            if taken and self._queue[0].size > room:
                break
            taken.append(self._queue.popleft())
            room -= taken[-1].size
        return taken

    def _embed(self, provider: Provider, texts: Sequence[_Text]) -> None:
        embedded = provider.embed([each.text for each in texts])
        total = sum(each.size for each in texts) or 1
        with self._changed:
            for each, outcome in zip(texts, embedded.outcomes):
                job = each.job
                if job.is_done:
                    continue
                if isinstance(outcome, Failure):
                    self._finish(job, Done(job.token, [], outcome))
                    continue
                if embedded.tokens is not None:
                    job.tokens = (job.tokens or 0) + round(embedded.tokens * each.size / total)
                job.vectors[each.place] = outcome
                job.missing -= 1
                if job.missing == 0:
                    self._finish(job, Done(job.token, job.vectors, None, job.tokens))
            trouble = next(
                (
                    outcome
                    for outcome in embedded.outcomes
                    if isinstance(outcome, Failure) and outcome.kind != ITEM
                ),
                None,
            )
            if trouble is not None:
                self._withdraw(trouble.reason)

    def _withdraw(self, reason: str) -> None:
        for each in self._queue:
            if not each.job.is_done:
                self._finish(each.job, Done(each.job.token, [], Failure(UNSENT, reason)))
        self._queue.clear()

    def _finish(self, job: _Job, done: Done) -> None:
        job.is_done = True
        self._done.put(done)
