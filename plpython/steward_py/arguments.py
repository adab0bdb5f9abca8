"""What the functions that SQL calls have in common: their arguments, and being interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

from steward_py.errors import INVALID_PARAMETER_VALUE, NULL_VALUE_NOT_ALLOWED, StewardError
from steward_py.server import Server, Statement

_Value = TypeVar("_Value")

# So long a computation may keep the server from looking for interrupts.
_PULSE_EVERY = 0.1

# Not escaped to ASCII: a database that is not in UTF8 refuses the escapes in jsonb.
to_json = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def given(name: str, value: _Value | None) -> _Value:
    if value is None:
        raise StewardError(f"{name} must not be null", sqlstate=NULL_VALUE_NOT_ALLOWED)
    return value


def pulse_of(plpy: Server, clock: Callable[[], float]) -> Callable[[], None]:
    """Something to call now and then: a statement_timeout or a cancellation ends it with an error.

    PostgreSQL looks for those while it runs a statement, so from time to time the least there is
    is run.
    """
    statement: Statement | None = None
    next_time = clock() + _PULSE_EVERY

    def pulse() -> None:
        nonlocal statement, next_time
        if clock() < next_time:
            return
        if statement is None:
            statement = plpy.prepare("select 1", ())
        plpy.execute(statement, [])
        next_time = clock() + _PULSE_EVERY

    return pulse


def json_object(what: str, text: str | None) -> dict[str, object]:
    try:
        return object_of(what, json.loads(text or "{}"))
    except ValueError as error:
        raise StewardError(
            f"{what} not JSON", sqlstate=INVALID_PARAMETER_VALUE, detail=f"{error}."
        ) from error


def object_of(what: str, value: object) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise StewardError(
            f"{what} not a JSON object",
            sqlstate=INVALID_PARAMETER_VALUE,
            hint="""Write them as {"name": value}.""",
        )
    return value
