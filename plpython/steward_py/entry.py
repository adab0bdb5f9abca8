"""What SQL calls to cut and compare texts.  Plain values in and out, errors as PostgreSQL's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from steward_py import replaying
from steward_py.arguments import given, json_object, object_of, pulse_of, to_json
from steward_py.chunking import (
    Chunking,
    chunking_as_dict,
    embedded_text,
    parse_chunking,
    token_counter,
)
from steward_py.chunking import chunk as cut
from steward_py.errors import (
    INVALID_PARAMETER_VALUE,
    StewardError,
    description_of,
    reporting,
)
from steward_py.explaining import Explanation, explain
from steward_py.planning import KnownChunk, accepts, plan, text_hash
from steward_py.pulse import Pulse
from steward_py.server import Server
from steward_py.significance import Policy, parse_policy, policy_as_dict


def plan_documents(
    plpy: Server,
    contents: Sequence[str | None] | None,
    knowns: Sequence[str | None] | None,
    options_json: str | None,
    seconds: float | None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> list[str]:
    """The plans for some documents, in order, each as JSON; see ``planning.Plan.as_dict``.

    ``knowns`` has for each document an array of objects with chunk_id, ordinal, chunk_hash and
    text, as JSON; ``options_json`` is an object with chunking, see ``chunking.parse_chunking``,
    significance, see ``significance.parse_policy``, and parts, their names.  Null stands for an
    empty text, nothing known, all defaults.

    The result ends early when ``seconds`` have passed; one plan there always is.  A document that
    cannot be planned has an object with error instead, and stops no other.
    """
    with reporting(plpy):
        documents = given("contents", contents)
        if knowns is None:
            knowns = [None] * len(documents)
        if len(knowns) != len(documents):
            raise StewardError(
                "contents and knowns are not of one length",
                sqlstate=INVALID_PARAMETER_VALUE,
                detail=f"There are {len(documents)} contents and {len(knowns)} knowns.",
            )
        options = _options(options_json)
        pulse = pulse_of(plpy, clock)
        deadline = clock() + given("seconds", seconds)
        plans = []
        for content, known_json in zip(documents, knowns):
            plans.append(_plan_json(plpy, content, known_json, options, pulse))
            if clock() >= deadline:
                break
        return plans


def _plan_json(
    plpy: Server, content: str | None, known_json: str | None, options: _Options, pulse: Pulse
) -> str:
    fields: dict[str, object]
    try:
        fields = plan(content or "", _known(known_json), *options, pulse=pulse).as_dict()
    except (MemoryError, plpy.Error, plpy.Fatal, plpy.SPIError):
        # about the session, not about the document
        raise
    except Exception as error:
        fields = {"error": description_of(error)}
    return to_json(fields)


def chunk(
    plpy: Server, content: str | None, chunking_json: str | None
) -> list[tuple[int, str, str | None, int, int, int, str]]:
    """The chunks of a text: ordinal, text, headings, start, end, tokens and hash of each.

    Tokens and hash are of what is sent to the model.
    """
    with reporting(plpy):
        chunking = _chunking(chunking_json)
        pulse = pulse_of(plpy, time.monotonic)
        count = token_counter(chunking)
        rows = []
        for piece in cut(content or "", chunking, pulse):
            ordinal, start, end, text, heading = piece
            sent = embedded_text(piece, chunking)
            rows.append((ordinal, text, heading, start, end, count(sent), text_hash(sent)))
        return rows


@lru_cache(maxsize=16)
def _chunking(chunking_json: str | None) -> Chunking:
    """Read once, and not for every text of a table."""
    return parse_chunking(json_object("the chunking options are", chunking_json))


def check_policy(plpy: Server, policy_json: str | None) -> str:
    """The normal form of a significance policy, as JSON; see ``significance.parse_policy``."""
    with reporting(plpy):
        return to_json(
            policy_as_dict(parse_policy(json_object("the significance policy is", policy_json)))
        )


def check_chunking(plpy: Server, chunking_json: str | None) -> str:
    """The normal form of chunking options, as JSON; see ``chunking.parse_chunking``."""
    with reporting(plpy):
        return to_json(chunking_as_dict(_chunking(chunking_json)))


def accepted(
    plpy: Server,
    olds: Sequence[str],
    old_prefixes: Sequence[str | None],
    texts: Sequence[str],
    prefixes: Sequence[str | None],
    *,
    policy_json: str | None,
) -> list[bool]:
    """Whether each text may keep the vector of the old one; see ``planning.accepts``."""
    with reporting(plpy):
        policy = parse_policy(json_object("the significance policy is", policy_json))
        pulse = pulse_of(plpy, time.monotonic)
        return [
            accepts(old, new, policy, pulse)
            for old, new in zip(zip(olds, old_prefixes), zip(texts, prefixes))
        ]


def explain_change(
    plpy: Server,
    known_json: str | None,
    old: str | None,
    new: str | None,
    options_json: str | None,
) -> list[Explanation]:
    """What would become of each chunk if the new text came in the place of what is known.

    Known is what ``known_json`` says, or, if that is null, the old text.  ``options_json`` as for
    ``plan_documents``.
    """
    with reporting(plpy):
        options = _options(options_json)
        pulse = pulse_of(plpy, time.monotonic)
        if known_json is None:
            first = plan(old or "", [], options.chunking)
            known = [
                KnownChunk(number, number, each.chunk_hash, each.text, each.prefix)
                for number, each in enumerate(first.chunks)
            ]
        else:
            known = _known(known_json)
        planned = plan(new or "", known, *options, pulse=pulse)
        return list(explain(planned, known, options.policy))


def replay(
    plpy: Server, states_json: str | None, policy_json: str | None
) -> list[tuple[object, ...]]:
    """The changes from one recorded state of a document to the next; see ``replaying.replay``."""
    with reporting(plpy):
        policy = parse_policy(json_object("the significance policy is", policy_json))
        states = json.loads(given("states", states_json))
        return [
            (*each[:-1], None if each.details is None else to_json(each.details))
            for each in replaying.replay(states, policy, pulse_of(plpy, time.monotonic))
        ]


class _Options(NamedTuple):
    """What ``plan`` takes, in its order."""

    chunking: Chunking
    policy: Policy
    parts: list[str]


def _options(options_json: str | None) -> _Options:
    options = json_object("the options are", options_json)
    parts = options.get("parts") or []
    if not isinstance(parts, list):
        raise StewardError("the parts are not an array", sqlstate=INVALID_PARAMETER_VALUE)
    return _Options(
        parse_chunking(object_of("the chunking options are", options.get("chunking"))),
        parse_policy(object_of("the significance policy is", options.get("significance"))),
        [str(part) for part in parts],
    )


def _known(known_json: str | None) -> list[KnownChunk]:
    if known_json is None:
        return []
    try:
        return [
            KnownChunk(
                int(row["chunk_id"]),
                int(row["ordinal"]),
                str(row["chunk_hash"]),
                str(row["text"]),
                row.get("prefix"),
                row.get("accepted"),
            )
            for row in json.loads(known_json)
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise StewardError(
            "the known chunks are not what was expected",
            sqlstate=INVALID_PARAMETER_VALUE,
            detail=f"{type(error).__name__}: {error}.",
            hint="Give a JSON array of objects with chunk_id, ordinal, chunk_hash and text.",
        ) from error
