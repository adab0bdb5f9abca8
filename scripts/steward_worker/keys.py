"""Keys of providers: in the environment or in files of this process, each for one address.

Whoever may add a model says where it is called, and must not get a key by that.  So with a key it
is said for whom it is; unless it is for the usual address of the provider.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from steward_py.endpoints import EndpointError, parse_endpoint
from steward_py.providers import DEFAULT_ENDPOINTS, Model, is_sendable, url_of

_PREFIX = "STEWARD_SECRET_"
_ORIGIN = "_ORIGIN"
_LARGEST_FILE = 64 * 1024


class KeyProblem(Exception):
    """Why a model has no key; in words without it."""


def key_of(model: Model, environment: Mapping[str, str], folder: Path | None) -> str | None:
    """The key that a model is called with; None if it needs none."""
    if model.secret is None:
        return None
    secret = f'the secret "{model.secret}"'
    variable = _PREFIX + re.sub("[^A-Za-z0-9]", "_", model.secret).upper()
    key = environment.get(variable)
    origin = environment.get(variable + _ORIGIN)
    if key is None:
        key = _content(folder, model.secret)
        origin = _content(folder, model.secret + ".origin")
    if key is None:
        where = f" nor a file {model.secret}" if folder else ""
        raise KeyProblem(f"{secret} is not known here: there is no variable {variable}{where}")
    try:
        called = url_of(model).origin
        origin = origin or DEFAULT_ENDPOINTS.get(model.provider)
        meant = parse_endpoint(origin.strip()).origin if origin else None
    except EndpointError as error:
        raise KeyProblem(f"{secret}: {error}") from error
    if meant != called:
        raise KeyProblem(
            f"{secret} is for {meant or 'nobody'}, not for {called};"
            f" {variable}{_ORIGIN} or {model.secret}.origin says whom it may be sent to"
        )
    key = key.strip()
    if not is_sendable(key):
        raise KeyProblem(f"{secret} is not one line of visible ASCII characters")
    return key


def _content(folder: Path | None, name: str) -> str | None:
    # a name from the database: it must lead nowhere else
    if folder is None or not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
        return None
    try:
        with (folder / name).open(encoding="ascii") as file:
            return file.read(_LARGEST_FILE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not ASCII"
        raise KeyProblem(f"the file {name} of secrets cannot be read: {reason}") from error
