"""Cuts and compares texts here, as the server does it where it has PL/Python."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from steward_py.chunking import Chunking, parse_chunking
from steward_py.errors import description_of
from steward_py.planning import KnownChunk, plan
from steward_py.significance import Policy, parse_policy


def plan_of(content: str, known: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> str:
    """The plan of a document, as JSON; or why there can be none."""
    try:
        chunking, policy, parts = _parsed(json.dumps(options, sort_keys=True))
        rows = [
            KnownChunk(
                row["chunk_id"],
                row["ordinal"],
                row["chunk_hash"],
                row["text"],
                row.get("prefix"),
                row.get("accepted"),
            )
            for row in known
        ]
        fields = plan(content, rows, chunking, policy, parts).as_dict()
    except MemoryError:
        raise
    except Exception as error:
        # A bug that one text brings out must not hold up the others.
        fields = {"error": description_of(error)}
    return json.dumps(fields, ensure_ascii=False)


@lru_cache(256)
def _parsed(options: str) -> tuple[Chunking, Policy, tuple[str, ...]]:
    given = json.loads(options)
    return (
        parse_chunking(given["chunking"]),
        parse_policy(given["significance"]),
        tuple(given["parts"]),
    )
