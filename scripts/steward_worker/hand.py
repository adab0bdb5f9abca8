"""What the worker has in hand: claims that it has taken, and not yet given back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# how much text to claim at a time
_CHARACTERS = 8_000_000


@dataclass(frozen=True)
class Claim:
    """A row that is being worked on, and where its vectors go."""

    token: int
    source: str
    model: str
    characters: int


class Hand:
    """Shared by those who claim and those who deliver."""

    def __init__(self, rows: int, characters: int) -> None:
        """How many rows of one model there may be, and how much text in all."""
        self._rows = rows
        self._characters = characters
        self._changed = threading.Condition()
        self._claims: dict[int, Claim] = {}
        self._rows_of: Counter[str] = Counter()
        self._held = 0
        # how often there has been more room since
        self._freed = 0
        self._is_awake = False

    def __len__(self) -> int:
        return len(self._claims)

    def add(self, claims: Iterable[Claim]) -> None:
        """They are claimed."""
        with self._changed:
            for claim in claims:
                self._claims[claim.token] = claim
                self._rows_of[claim.model] += 1
                self._held += claim.characters

    def get(self, token: int) -> Claim:
        """One that is in hand."""
        return self._claims[token]

    def remove(self, tokens: Iterable[int]) -> None:
        """They are stored, given back, or lost."""
        with self._changed:
            for token in tokens:
                claim = self._claims.pop(token, None)
                if claim is not None:
                    self._rows_of[claim.model] -= 1
                    self._held -= claim.characters
            self._freed += 1
            self._changed.notify_all()

    def tokens(self) -> list[int]:
        """All of them."""
        with self._changed:
            return list(self._claims)

    @contextmanager
    def room(self, models: Iterable[str], most: int) -> Iterator[tuple[list[str], int]]:
        """The models of which more may be claimed, and how many rows in all, ``most`` at most.

        Kept for whoever asks until it has added what it claimed.  A model of which there is nearly
        enough is left out, so that one that does not answer does not make the claims of the others
        small.
        """
        with self._changed:
            if self._held >= self._characters:
                free = {}
            else:
                free = {name: self._rows - self._rows_of[name] for name in models}
            names = [name for name, rows in free.items() if rows * 4 >= self._rows]
            rows = min((free[name] for name in names), default=0)
            if self._claims:
                # fewer rows if they are long
                most = min(most, int(_CHARACTERS * len(self._claims) / max(1, self._held)))
            rows = min(rows, max(1, most))
            kept = dict.fromkeys(names, rows)
            self._rows_of.update(kept)
        try:
            yield names, rows
        finally:
            with self._changed:
                self._rows_of.subtract(kept)
                if kept:
                    self._freed += 1
                    self._changed.notify_all()

    def wake(self) -> None:
        """There is something to look at: end a pause."""
        with self._changed:
            self._is_awake = True
            self._freed += 1
            self._changed.notify_all()

    def rest(self, seconds: float) -> None:
        """Until somebody wakes us."""
        with self._changed:
            until = time.monotonic() + seconds
            while not self._is_awake and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            self._is_awake = False

    @property
    def freed(self) -> int:
        """What ``wait_for_room`` compares."""
        return self._freed

    def wait_for_room(self, freed: int, seconds: float) -> None:
        """Until there is more room than when ``freed`` was read, or somebody wakes us."""
        with self._changed:
            self._changed.wait_for(lambda: self._freed != freed, seconds)

    def wait_until_empty(self, seconds: float) -> bool:
        """Whether all has been given back within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._claims, seconds)
