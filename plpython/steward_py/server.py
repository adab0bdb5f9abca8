"""What this package needs of PL/Python's ``plpy``, written down as types.

Only what is used is listed: a test double has to offer no more than this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn, Protocol


class Statement(Protocol):
    """A prepared plan.  It survives ``plpy.commit()``."""


class Rows(Protocol):
    """The result of a query: rows as mappings from column name to value."""

    def __iter__(self) -> Iterator[Mapping[str, Any]]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Mapping[str, Any]: ...


class Server(Protocol):
    """The part of the ``plpy`` module that this package calls."""

    # Three unrelated exception classes: SPIError does not derive from Error.
    @property
    def Error(self) -> type[Exception]: ...

    @property
    def Fatal(self) -> type[Exception]: ...

    @property
    def SPIError(self) -> type[Exception]: ...

    def prepare(self, query: str, argument_types: Sequence[str], /) -> Statement: ...

    def execute(self, statement: Statement, arguments: Sequence[object], /) -> Rows: ...

    def subtransaction(self) -> AbstractContextManager[object]: ...

    def commit(self) -> None: ...

    def warning(self, message: str, /) -> None: ...

    def error(self, message: str, /, **fields: str) -> NoReturn: ...
