"""What is needed to call a model: its settings, its key, and which endpoints may be called.

Loaded by functions that may read it, and kept in this process: no SQL function returns it, so no
role can read a key, not even one whose worker uses it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from steward_py.endpoints import EndpointError, parse_endpoint
from steward_py.errors import UNDEFINED_OBJECT, StewardError
from steward_py.providers import Model, is_sendable, parse_model, url_of
from steward_py.server import Server

_SETTINGS = (
    "select s.settings, s.allowed, s.secret_value, s.reference, s.origin, s.has_secret"
    " from steward_private.model_settings($1) as s"
)
_LARGEST_FILE = 64 * 1024


@dataclass(frozen=True)
class Access:
    """A model, and what it takes to call it.

    ``problem`` is why it cannot be called, in words without the key.
    """

    model: Model
    key: str | None
    allowed: str
    problem: str | None = None

    def __repr__(self) -> str:
        return f"Access({self.model.name})"


_loaded: dict[str, Access] = {}


def load(plpy: Server, name: str, environment: Mapping[str, str] = os.environ) -> Access:
    """Read it with the rights of the calling function, and remember it."""
    rows = plpy.execute(plpy.prepare(_SETTINGS, ("pg_catalog.text",)), [name])
    if len(rows) == 0:
        raise StewardError(
            f'model "{name}" does not exist',
            sqlstate=UNDEFINED_OBJECT,
            hint="See the models with: select * from steward.models;",
        )
    row = rows[0]
    model = parse_model(row["settings"])
    key = problem = None
    if model.secret is not None:
        key, problem = key_of(model, row, environment)
    return remember(Access(model, key, row["allowed"], problem))


def remember(access: Access) -> Access:
    """Keep it for ``loaded``."""
    _loaded[access.model.name] = access
    return access


def loaded(name: str) -> Access:
    """What was loaded last."""
    return _loaded[name]


class _NoKey(Exception):
    """Why there is none, after the name of the secret."""


def key_of(
    model: Model, row: Mapping[str, object], environment: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """The key of a model, or why there is none."""
    try:
        return _key_of(model, row, environment), None
    except (_NoKey, EndpointError) as error:
        return None, f'the secret "{model.secret}" {error}'


def _key_of(model: Model, row: Mapping[str, object], environment: Mapping[str, str]) -> str:
    if not row["has_secret"]:
        raise _NoKey("does not exist")
    origin = parse_endpoint(str(row["origin"])).origin
    called = url_of(model).origin
    if origin != called:
        raise _NoKey(f"is for {origin}, not for {called}")
    value, reference = row["secret_value"], row["reference"]
    if value is None and reference is None:
        raise _NoKey("refers to what the owner of pg_steward may not read")
    key = str(value) if value is not None else _referred(str(reference), environment)
    if not is_sendable(key):
        raise _NoKey("is not one line of visible ASCII characters")
    return key


def _referred(reference: str, environment: Mapping[str, str]) -> str:
    kind, _, place = reference.partition(":")
    if kind == "env":
        if place not in environment:
            raise _NoKey("is in a variable that the server does not have")
        return environment[place].strip()
    try:
        with Path(place).open(encoding="ascii") as file:
            return file.read(_LARGEST_FILE).strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not ASCII"
        raise _NoKey(f"is in a file that cannot be read: {reason}") from error
