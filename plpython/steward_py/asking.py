"""Asking a provider while somebody waits for the answer: a search, or the test of a model.

The session that asks is in a transaction and waits in slices of time, between which the server
can interrupt it; the request itself is made by a thread.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from math import sqrt
from typing import NamedTuple, Optional, TypeVar

from steward_py import access
from steward_py.access import Access
from steward_py.endpoints import EndpointError, Rule, allowed_addresses
from steward_py.errors import (
    CONNECTION_FAILURE,
    FEATURE_NOT_SUPPORTED,
    INVALID_PARAMETER_VALUE,
    StewardError,
)
from steward_py.packing import Provider
from steward_py.pool import start_thread
from steward_py.providers import (
    CONFIGURATION,
    DOCUMENT,
    ITEM,
    QUERY,
    RATE_LIMIT,
    TRANSIENT,
    Failure,
    check_model,
    url_of,
)
from steward_py.server import Server
from steward_py.transport import Transport

_SLICE = 0.05
_REMEMBERED = 128
# so long a search should not wait
_SLOW = 2.0

_WHO = "select pg_catalog.concat_ws(' ', session_user, pg_catalog.current_setting('role')) as who"

Pulse = Callable[[], None]
_Result = TypeVar("_Result")

_vectors: OrderedDict[tuple[str, str], str] = OrderedDict()


def query_vector(plpy: Server, model: str, query: str, pulse: Pulse) -> str:
    """The vector of a query, perhaps remembered from before.

    What is remembered is this session's, and of each role apart: who becomes another role in a
    session cannot tell by the time of an answer what that one has searched for.
    """
    found = access.load(plpy, model)
    who = plpy.execute(plpy.prepare(_WHO, ()), [])[0]["who"]
    # any change of the model's settings is another key
    told = json.dumps([str(who), repr(found.model), query], ensure_ascii=False)
    key = (model, hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest())
    if key in _vectors:
        _vectors.move_to_end(key)
        return _vectors[key]
    _require_callable(found)
    (outcome,) = _asked(found, [query], QUERY, pulse)
    if isinstance(outcome, Failure):
        raise StewardError(
            f'model "{model}" has not embedded the query',
            sqlstate=INVALID_PARAMETER_VALUE if outcome.kind == ITEM else CONNECTION_FAILURE,
            detail=f"{outcome.reason[:1].upper()}{outcome.reason[1:]}.",
            hint="steward.test_model() says more, to a steward_admin.",
        )
    _vectors[key] = outcome
    if len(_vectors) > _REMEMBERED:
        _vectors.popitem(last=False)
    return outcome


def _require_callable(found: Access) -> None:
    if not found.model.is_callable:
        raise StewardError(
            f'model "{found.model.name}" is not one that the database can call',
            sqlstate=FEATURE_NOT_SUPPORTED,
            hint="Let it embed the query, and call steward.search_vector().",
        )


class Step(NamedTuple):
    """What was tried, and what came of it: ok, warning, error or skipped."""

    step: str
    status: str
    detail: str
    hint: str | None = None


def tried_out(plpy: Server, name: str, pulse: Pulse) -> list[Step]:
    """Try a model out, step by step, up to the first that fails."""
    found = access.load(plpy, name)
    if not found.model.is_callable:
        provider = found.model.provider
        return [
            Step("settings", "ok", f"provider {provider} is a worker of yours: nothing is called")
        ]
    steps: list[Step] = []
    for number, (step, attempt) in enumerate(_STEPS):
        try:
            tried = attempt(found, pulse)
        except _Broken as broken:
            steps.append(Step(step, "error", _sentence(broken.reason), broken.hint))
            steps += [Step(later, "skipped", "") for later, _ in _STEPS[number + 1 :]]
            break
        steps.append(Step(step, *tried))
    return steps


class _Broken(Exception):
    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


_Tried = tuple[str, str, Optional[str]]
_TEXTS = ("Bread is baked in an oven.", "The moon moves the tides.", "Threads wait for a lock.")


def _try_settings(found: Access, _pulse: Pulse) -> _Tried:
    try:
        check_model(found.model)
    except StewardError as error:
        raise _Broken(error.detail or error.message) from error
    if found.model.provider == "builtin":
        return "ok", "built in", None
    called = url_of(found.model)
    return "ok", f"{found.model.provider}, {called.origin}{called.path}", None


def _try_secret(found: Access, _pulse: Pulse) -> _Tried:
    if found.problem is not None:
        raise _Broken(found.problem, "See steward.secrets and steward.set_secret().")
    return (
        "ok",
        "no secret is sent" if found.key is None else f'"{found.model.secret}" is sent',
        None,
    )


def _try_address(found: Access, pulse: Pulse) -> _Tried:
    if found.model.provider == "builtin":
        return "ok", "in the database", None
    called = url_of(found.model)

    def resolve() -> list[str]:
        entries = socket.getaddrinfo(called.host, called.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in entries))

    try:
        addresses = _in_thread(resolve, pulse)
        allowed = allowed_addresses(Rule(found.allowed), called, addresses)
    except EndpointError as error:
        raise _Broken(
            f"the endpoint may not be called: {error}",
            "A superuser can allow it: select steward.allow_endpoints("
            f"'{found.allowed}, {called.host}');",
        ) from error
    except OSError as error:
        raise _Broken(
            f"the host {called.host} is not known: {error.strerror}",
            "Is the endpoint written correctly, and does the server have DNS?",
        ) from error
    return "ok", f"{called.host} is {', '.join(allowed[:3])}", None


def _try_answer(found: Access, pulse: Pulse) -> _Tried:
    began = time.monotonic()
    (outcome,) = _asked(found, list(_TEXTS[:1]), DOCUMENT, pulse)
    seconds = time.monotonic() - began
    if isinstance(outcome, Failure):
        raise _Broken(outcome.reason, _ADVICE.get(outcome.kind))
    if seconds > _SLOW:
        hint = (
            "Searches wait for it. A model of a smaller size, or one that is kept loaded, may help."
        )
        return "warning", f"slow: it took {seconds:.1f} seconds", hint
    return "ok", f"it took {seconds:.3f} seconds", None


def _try_vectors(found: Access, pulse: Pulse) -> _Tried:
    """Three at once are those of each alone, and in their order."""
    together = _vectors_of(found, list(_TEXTS), pulse)
    alone = _vectors_of(found, list(_TEXTS[1:2]), pulse)[0]
    nearest = max(range(len(_TEXTS)), key=lambda place: _cosine(alone, together[place]))
    near = _cosine(alone, together[nearest])
    if nearest != 1 or near < 0.9:
        raise _Broken(
            "several texts in one request do not get the vectors that they get alone"
            if near < 0.9
            else "the vectors are not in the order of the texts",
            "With batch_inputs => 1 each text is sent alone.",
        )
    length = sqrt(sum(number * number for number in alone))
    detail = f"{len(alone)} dimensions, of length {length:.3g}"
    if found.model.metric == "inner_product" and abs(length - 1) > 0.01:
        return "warning", detail, "With metric inner_product, normalise => true may be meant."
    return "ok", detail, None


_STEPS: tuple[tuple[str, Callable[[Access, Pulse], _Tried]], ...] = (
    ("settings", _try_settings),
    ("secret", _try_secret),
    ("address", _try_address),
    ("answer", _try_answer),
    ("vectors", _try_vectors),
)

_ADVICE = {
    CONFIGURATION: "Mend the model's settings: a model of another name or version takes its place.",
    RATE_LIMIT: "Try again later; requests_per_minute keeps workers within the limit.",
    TRANSIENT: "Is the provider running, and can the server reach it?",
}


def _vectors_of(found: Access, texts: list[str], pulse: Pulse) -> list[list[float]]:
    vectors = []
    for outcome in _asked(found, texts, DOCUMENT, pulse):
        if isinstance(outcome, Failure):
            raise _Broken(outcome.reason, _ADVICE.get(outcome.kind))
        vectors.append([float(number) for number in json.loads(outcome)])
    return vectors


def _cosine(a: list[float], b: list[float]) -> float:
    product = sum(x * y for x, y in zip(a, b))
    lengths = sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    return product / lengths if lengths else 0.0


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _asked(found: Access, texts: list[str], kind: str, pulse: Pulse) -> list[str | Failure]:
    if found.problem is not None:
        return [Failure(CONFIGURATION, found.problem)] * len(texts)
    transport = Transport(Rule(found.allowed))
    provider = Provider(found.model, transport, found.key)
    try:
        return _in_thread(lambda: provider.embed(texts, kind).outcomes, pulse)
    finally:
        transport.close()


def _in_thread(work: Callable[[], _Result], pulse: Pulse) -> _Result:
    """Have a thread do what takes time, while the server can interrupt this one."""
    results: list[_Result] = []
    errors: list[Exception] = []
    is_done = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)
        finally:
            is_done.set()

    start_thread(run)
    while not is_done.wait(_SLICE):
        pulse()
    if errors:
        raise errors[0]
    return results[0]
