"""Long computations let the server look for interrupts now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Optional, TypeVar

# What is called now and then; it raises an error when somebody wants the computation to end.
Pulse = Optional[Callable[[], None]]

_Item = TypeVar("_Item")

_ITEMS_BETWEEN_PULSES = 4096


def pulsing(items: Iterable[_Item], pulse: Pulse) -> Iterator[_Item]:
    """The same items, with a pulse after every few thousand of them."""
    if pulse is None:
        yield from items
        return
    remaining = iter(items)
    while some := list(islice(remaining, _ITEMS_BETWEEN_PULSES)):
        yield from some
        if len(some) == _ITEMS_BETWEEN_PULSES:
            pulse()
