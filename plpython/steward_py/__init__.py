"""The Python half of pg_steward.

Everything here runs both inside PostgreSQL (the bundle embeds these modules and serves them to
PL/Python) and in an ordinary Python 3.9 or newer.  No module imports ``plpy``: the SQL functions
pass it in, so that every line can be tested without a database.

The SQL functions call ``entry`` (texts), ``models`` (the built-in model) and ``serving`` (models
that are elsewhere).  A module is imported when a session first needs it: most do one thing only.
"""

from __future__ import annotations

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    path = f"{__name__}.{name}"
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        raise AttributeError(f"module {__name__} has no module {name}") from None
