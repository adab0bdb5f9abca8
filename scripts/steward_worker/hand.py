"""What the worker has in hand: claims that it has taken, and not yet given back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A row that is being worked on, and where its vectors go."""

    token: int
    source: str
    model: str
    characters: int


class Hand:
    """Shared by the one who claims and the one who delivers."""

    def __init__(self, rows: int, characters: int) -> None:
        """How many rows of one model there may be, and how much text in all."""
        self._rows = rows
        self._characters = characters
        self._changed = threading.Condition()
        self._claims: dict[int, Claim] = {}
        self._rows_of: Counter[str] = Counter()
        self._held = 0
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
            self._changed.notify_all()

    def tokens(self) -> list[int]:
        """All of them."""
        with self._changed:
            return list(self._claims)

    def room(self, models: Iterable[str]) -> tuple[list[str], int]:
        """The models of which more may be claimed, and how many rows in all.

        One of which there is nearly enough is left out, so that a model that does not answer does
        not make the claims of the others small.
        """
        with self._changed:
            if self._held >= self._characters:
                return [], 0
            free = {name: self._rows - self._rows_of[name] for name in models}
        names = [name for name, rows in free.items() if rows * 4 >= self._rows]
        return names, min((free[name] for name in names), default=0)

    def average(self) -> float:
        """Characters of a row."""
        with self._changed:
            return self._held / len(self._claims) if self._claims else 0.0

    def wake(self) -> None:
        """There is something to look at: end a pause."""
        with self._changed:
            self._is_awake = True
            self._changed.notify_all()

    def rest(self, seconds: float) -> None:
        """Until somebody wakes us."""
        with self._changed:
            until = time.monotonic() + seconds
            while not self._is_awake and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            self._is_awake = False

    def wait_for_room(self, seconds: float) -> None:
        """Until something was delivered, or somebody wakes us."""
        with self._changed:
            before = len(self._claims)
            self._changed.wait_for(lambda: self._is_awake or len(self._claims) < before, seconds)

    def wait_until_empty(self, seconds: float) -> bool:
        """Whether all has been given back within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._claims, seconds)
