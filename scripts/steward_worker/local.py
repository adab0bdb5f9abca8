"""Vectors made in this process, by sentence-transformers: pip install 'pg_steward[local]'."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from math import isfinite
from typing import Any

from steward_py.errors import description_of
from steward_py.packing import Embedded, Provider
from steward_py.providers import (
    CONFIGURATION,
    DOCUMENT,
    ITEM,
    QUERY,
    TRANSIENT,
    Failure,
    Model,
)
from steward_py.transport import Transport

# what the computer has more of than time, with models of a few hundred megabytes
_TEXTS = 64
# of which a search waits for one at most
_PART = 16


class LocalProblem(Exception):
    """Why there is no such model here."""


class SharedEncoder:
    """An encoder for several threads: one at a time, and whoever has one text only goes first.

    So a search does not wait until a batch of documents is done, but for a part of it.
    """

    def __init__(self, encoder: Any) -> None:  # noqa: ANN401  a SentenceTransformer
        self._encoder = encoder
        self._changed = threading.Condition()
        self._is_busy = False
        self._urgent = 0

    def encode(self, texts: Sequence[str], **options: Any) -> list[Any]:  # noqa: ANN401
        """The vectors of the texts, in their order."""
        rows: list[Any] = []
        for start in range(0, len(texts), _PART):
            self._take_turn(is_urgent=len(texts) == 1)
            try:
                rows.extend(self._encoder.encode(list(texts[start : start + _PART]), **options))
            finally:
                self._end_turn()
        return rows

    def _take_turn(self, *, is_urgent: bool) -> None:
        with self._changed:
            self._urgent += is_urgent
            self._changed.wait_for(lambda: not self._is_busy and (is_urgent or not self._urgent))
            self._urgent -= is_urgent
            self._is_busy = True

    def _end_turn(self) -> None:
        with self._changed:
            self._is_busy = False
            self._changed.notify_all()


class LocalProvider(Provider):
    """A model of sentence-transformers in the place of a provider."""

    is_parallel = False

    def __init__(self, model: Model, encoder: Any) -> None:  # noqa: ANN401  a SentenceTransformer
        super().__init__(model, Transport())
        self._encoder = encoder
        self.learn(model.batch_inputs or _TEXTS)

    def embed(self, texts: Sequence[str | None], kind: str = DOCUMENT) -> Embedded:
        """The vectors of the texts, in their order."""
        prefix = self.model.query_prefix if kind == QUERY else self.model.document_prefix
        filled = [text for text in texts if text and text.strip()]
        try:
            rows = self._encoder.encode(
                [prefix + text for text in filled],
                normalize_embeddings=self.model.normalise,
                show_progress_bar=False,
            )
        except MemoryError:
            return Embedded([Failure(TRANSIENT, "Python is out of memory")] * len(texts))
        except Exception as error:
            # Not charged at once: the engine does so when others are answered and this is not.
            return Embedded([Failure(TRANSIENT, description_of(error))] * len(texts))
        vectors = iter(rows)
        return Embedded(
            [
                self._written(next(vectors))
                if text and text.strip()
                else Failure(ITEM, "a blank text has no vector")
                for text in texts
            ]
        )

    def _written(self, row: Any) -> str | Failure:  # noqa: ANN401  an array of numpy's
        numbers = [float(number) for number in row]
        if len(numbers) != self.model.dimensions:
            return Failure(
                CONFIGURATION,
                f"the vectors have {len(numbers)} dimensions, not {self.model.dimensions}",
            )
        if not all(map(isfinite, numbers)):
            return Failure(ITEM, "the vector has a number in it that is none")
        return "[" + ",".join(["%.9g"] * len(numbers)) % tuple(numbers) + "]"


def load(name: str) -> SharedEncoder:
    """The model of sentence-transformers of that name or in that folder."""
    try:
        library = importlib.import_module("sentence_transformers")
    except ImportError as error:
        raise LocalProblem(
            "--local needs sentence-transformers: pip install 'pg_steward[local]'"
        ) from error
    try:
        return SharedEncoder(library.SentenceTransformer(name))
    except Exception as error:
        raise LocalProblem(f'"{name}" cannot be loaded: {description_of(error)}') from error
