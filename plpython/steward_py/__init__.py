"""The Python half of pg_steward.

Everything here runs both inside PostgreSQL (the bundle embeds these modules and serves them to
PL/Python) and in an ordinary Python 3.9 or newer.  No module imports ``plpy``: the SQL functions
pass it in, so that every line can be tested without a database.

The SQL functions call ``steward_py.entry`` and nothing else.
"""

from steward_py import (
    access,
    alignment,
    asking,
    characters,
    chunking,
    endpoints,
    entry,
    errors,
    explaining,
    findings,
    fixed,
    hashing_model,
    headings,
    languages,
    markdown,
    measures,
    models,
    packing,
    planning,
    pool,
    providers,
    recursive,
    replaying,
    sentences,
    server,
    significance,
    similarity,
    stable,
    transport,
    worker,
)

__all__ = [
    "access",
    "alignment",
    "asking",
    "characters",
    "chunking",
    "endpoints",
    "entry",
    "errors",
    "explaining",
    "findings",
    "fixed",
    "hashing_model",
    "headings",
    "languages",
    "markdown",
    "measures",
    "models",
    "packing",
    "planning",
    "pool",
    "providers",
    "recursive",
    "replaying",
    "sentences",
    "server",
    "significance",
    "similarity",
    "stable",
    "transport",
    "worker",
]
