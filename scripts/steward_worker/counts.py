"""What the worker has done so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Counts:
    """Rows, by what became of them.  Each number is changed by one thread only."""

    claimed: int = 0
    embedded: int = 0
    texts: int = 0
    failed: int = 0
    released: int = 0
    stale: int = 0
    # when steward.claim() last answered
    polled_at: float = 0.0

    def as_dict(self) -> dict[str, int]:
        """For the log."""
        names = ("claimed", "embedded", "texts", "failed", "released", "stale")
        return {name: getattr(self, name) for name in names}
