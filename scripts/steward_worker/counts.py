"""What the worker has done so far."""

from __future__ import annotations

import threading
from collections import Counter

NAMES = ("claimed", "embedded", "texts", "failed", "released", "stale")


class Counts:
    """Rows by what became of them, and the texts of those that were embedded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counter: Counter[str] = Counter()
        # when steward.claim() last answered
        self.polled_at = 0.0

    def add(self, **amounts: int) -> None:
        """From any thread."""
        with self._lock:
            self._counter.update(amounts)

    def as_dict(self) -> dict[str, int]:
        """All of them."""
        with self._lock:
            return {name: self._counter[name] for name in NAMES}
