"""The models that can be computed inside the server."""

from __future__ import annotations

from collections.abc import Sequence

from steward_py import hashing_model
from steward_py.arguments import given
from steward_py.errors import (
    FEATURE_NOT_SUPPORTED,
    NULL_VALUE_NOT_ALLOWED,
    StewardError,
    reporting,
)
from steward_py.server import Server


def vectors(model: str, texts: Sequence[str | None]) -> list[str]:
    """The vectors of the texts, in order, in pgvector's text form."""
    if model != hashing_model.NAME:
        raise StewardError(
            f'model "{model}" cannot be computed inside the server',
            sqlstate=FEATURE_NOT_SUPPORTED,
            detail=f"The only built-in model is {hashing_model.NAME}.",
            hint="Vectors of other models come from an external worker.",
        )
    results = []
    for place, text in enumerate(texts, start=1):
        if text is None:
            raise StewardError(
                "a text to embed is null",
                sqlstate=NULL_VALUE_NOT_ALLOWED,
                detail=f"It is number {place} of {len(texts)}.",
            )
        results.append(hashing_model.as_pgvector(hashing_model.embed(text)))
    return results


def embed(plpy: Server, model: str | None, texts: Sequence[str | None] | None) -> list[str]:
    """The vectors of the texts by a built-in model, in pgvector's text form."""
    with reporting(plpy):
        return vectors(given("model", model), given("texts", texts))
