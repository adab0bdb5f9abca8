"""What the SQL functions call.  Plain values in, plain values out, errors as PostgreSQL's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeVar

from steward_py import models
from steward_py.errors import (
    INVALID_PARAMETER_VALUE,
    NULL_VALUE_NOT_ALLOWED,
    StewardError,
    reporting,
)
from steward_py.planning import KnownChunk, plan
from steward_py.server import Server
from steward_py.worker import Limits, run

_Value = TypeVar("_Value")

_SIZES = ("target", "minimum", "maximum")


def plan_chunks(
    plpy: Server, content: str | None, known_json: str | None, options_json: str | None
) -> str:
    """The plan for a document, as JSON; see ``planning.Plan.as_dict``.

    ``known_json`` is an array of objects with chunk_id, ordinal and chunk_hash, ``options_json`` an
    object with any of target, minimum and maximum.  Null stands for nothing known, all defaults.
    """
    with reporting(plpy):
        result = plan(content, _known(known_json), **_sizes(options_json))
        # Not escaped to ASCII: a database that is not in UTF8 refuses the escapes in jsonb.
        return json.dumps(result.as_dict(), ensure_ascii=False, separators=(",", ":"))


def embed(plpy: Server, model: str | None, texts: Sequence[str | None] | None) -> list[str]:
    """The vectors of the texts by a built-in model, in pgvector's text form."""
    with reporting(plpy):
        return models.vectors(_given("model", model), _given("texts", texts))


def work(
    plpy: Server,
    seconds: float | None,
    batch: int | None,
    lease_seconds: float | None,
    worker: str | None,
    *,
    idle_seconds: float | None = 5.0,
) -> dict[str, int]:
    """Work on jobs of built-in models for a while; see ``worker.run``."""
    with reporting(plpy):
        limits = Limits(
            # Arguments of type numeric arrive as Decimal.
            seconds=float(_given("seconds", seconds)),
            idle_seconds=float(_given("idle_seconds", idle_seconds)),
            batch=_given("batch", batch),
            lease_seconds=float(_given("lease_seconds", lease_seconds)),
        )
        return run(plpy, _given("worker", worker), limits).as_dict()


def _given(name: str, value: _Value | None) -> _Value:
    if value is None:
        raise StewardError(f"{name} must not be null", sqlstate=NULL_VALUE_NOT_ALLOWED)
    return value


def _known(known_json: str | None) -> list[KnownChunk]:
    try:
        return [
            KnownChunk(int(row["chunk_id"]), int(row["ordinal"]), str(row["chunk_hash"]))
            for row in json.loads(known_json or "[]")
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise StewardError(
            "the known chunks are not what was expected",
            sqlstate=INVALID_PARAMETER_VALUE,
            detail=f"{type(error).__name__}: {error}.",
            hint="Give a JSON array of objects with chunk_id, ordinal and chunk_hash.",
        ) from error


def _sizes(options_json: str | None) -> dict[str, int]:
    hint = f"Give a JSON object with any of {', '.join(_SIZES)}, each a whole number."
    try:
        options = json.loads(options_json or "{}")
    except ValueError as error:
        raise StewardError(
            "the chunking options are not JSON",
            sqlstate=INVALID_PARAMETER_VALUE,
            detail=f"{error}.",
            hint=hint,
        ) from error
    if not isinstance(options, dict):
        raise StewardError(
            "the chunking options are not a JSON object",
            sqlstate=INVALID_PARAMETER_VALUE,
            hint=hint,
        )
    for name, value in options.items():
        # bool is a kind of int in Python, not in JSON.
        if name not in _SIZES or not isinstance(value, int) or isinstance(value, bool):
            raise StewardError(
                "a chunking option is not valid",
                sqlstate=INVALID_PARAMETER_VALUE,
                detail=f"The option is {json.dumps({name: value}, ensure_ascii=False)}.",
                hint=hint,
            )
    return options
