"""A stand-in for PL/Python's plpy: it watches over transactions and raises as the server does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, cast

from steward_py.server import Rows, Statement

Row = Mapping[str, object]
Answer = Callable[[Sequence[object]], list[Row]]


class Error(Exception):
    """plpy.Error, with the keywords that plpy.error() was given."""

    def __init__(self, message: str, **fields: str) -> None:
        super().__init__(message)
        self.fields = fields


class Fatal(Exception):
    """plpy.Fatal"""


class SPIError(Exception):
    """plpy.SPIError"""


class NamedSPIError(SPIError):
    """One of plpy.spiexceptions: these know their state, on the class."""

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


def own_state(message: str, sqlstate: str) -> SPIError:
    """An error with a state that PL/Python has no name for: packed, in spidata only."""
    error = SPIError(message)
    packed = sum(
        (ord(character) - ord("0") & 0x3F) << 6 * place for place, character in enumerate(sqlstate)
    )
    error.spidata = (packed, None, None, None, 0, None, None, None, None, None)  # type: ignore[attr-defined]
    return error


@dataclass(frozen=True)
class Prepared:
    query: str
    types: tuple[str, ...]


class FakePlpy:
    Error = Error
    Fatal = Fatal
    SPIError = SPIError

    def __init__(self, **answers: Answer) -> None:
        """``answers``: by the function that a query calls, such as claim, what to return."""
        self.answers = answers
        self.log: list[str] = []
        self.warnings: list[str] = []
        self.prepared: list[Prepared] = []
        self.in_transaction = False
        self.subtransactions = 0

    def prepare(self, query: str, argument_types: Sequence[str], /) -> Statement:
        self.prepared.append(Prepared(query, tuple(argument_types)))
        return self.prepared[-1]

    def execute(self, statement: Statement, arguments: Sequence[object], /) -> Rows:
        query = cast(Prepared, statement).query
        name = next(name for name in self.answers if f".{name}(" in query)
        assert len(arguments) == len(cast(Prepared, statement).types)
        self.in_transaction = True
        self.log.append(name)
        return cast(Rows, self.answers[name](arguments))

    @contextmanager
    def subtransaction(self) -> Iterator[None]:
        self.subtransactions += 1
        self.log.append("begin")
        try:
            yield
        except BaseException:
            self.log.append("undo")
            raise
        else:
            self.log.append("end")
        finally:
            self.subtransactions -= 1

    def commit(self) -> None:
        assert self.subtransactions == 0, "cannot commit while a subtransaction is active"
        self.in_transaction = False
        self.log.append("commit")

    def warning(self, message: str, /) -> None:
        self.warnings.append(message)

    def error(self, message: str, /, **fields: str) -> NoReturn:
        raise Error(message, **fields)
