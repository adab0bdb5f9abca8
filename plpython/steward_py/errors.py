"""Errors as PostgreSQL users expect them: SQLSTATE, message, detail and hint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from steward_py.server import Server

PACKAGE = __name__.partition(".")[0]

INVALID_PARAMETER_VALUE = "22023"
UNDEFINED_OBJECT = "42704"
NULL_VALUE_NOT_ALLOWED = "22004"
FEATURE_NOT_SUPPORTED = "0A000"
CONNECTION_FAILURE = "08006"
INVALID_TRANSACTION_TERMINATION = "2D000"
OUT_OF_MEMORY = "53200"
PROGRAM_LIMIT_EXCEEDED = "54000"
INTERNAL_ERROR = "XX000"


class StewardError(Exception):
    """Something the caller can understand and mend."""

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint


@contextmanager
def reporting(plpy: Server) -> Iterator[None]:
    """Hand every failure of the block to PostgreSQL as a proper error report.

    What the server itself raised passes untouched, so that it keeps its own SQLSTATE and context.
    """
    try:
        yield
    except (plpy.Error, plpy.Fatal, plpy.SPIError):
        raise
    except StewardError as error:
        _report(plpy, error)
    except MemoryError:
        # With the state by which callers know that no row is to blame.
        _report(plpy, StewardError("Python is out of memory", sqlstate=OUT_OF_MEMORY))
    except Exception as error:
        _report(plpy, internal_error(error))


def internal_error(error: Exception) -> StewardError:
    """Describe a bug of this package so that a report of it can be acted upon."""
    return StewardError(
        f"internal error in {PACKAGE}: {type(error).__name__}: {error}",
        sqlstate=INTERNAL_ERROR,
        detail=_frames_of_package(error.__traceback__),
        hint="This is a bug in pg_steward. Please report it with this message and its detail.",
    )


def description_of(error: Exception) -> str:
    """What to record with a row that an error is the affair of: message and detail."""
    if not isinstance(error, StewardError):
        error = internal_error(error)
    return error.message if error.detail is None else f"{error.message}\n{error.detail}"


def sqlstate_of(error: Exception) -> str | None:
    """The SQLSTATE of an error that the server raised, or None if it has none.

    PL/Python puts ``sqlstate`` on the exception classes of the states it knows by name.  An error
    with a state of our own (``SW001``) arrives as a bare SPIError that has it only in
    ``spidata``, as the server's packed integer: six bits a character.
    """
    named = getattr(error, "sqlstate", None)
    if isinstance(named, str):
        return named
    spidata = getattr(error, "spidata", None)
    if isinstance(spidata, tuple) and spidata and isinstance(spidata[0], int):
        return "".join(chr(((spidata[0] >> 6 * place) & 0x3F) + ord("0")) for place in range(5))
    return None


def _report(plpy: Server, error: StewardError) -> None:
    fields = {"sqlstate": error.sqlstate, "detail": error.detail, "hint": error.hint}
    # A keyword that is None would be printed as "DETAIL:  None".
    plpy.error(error.message, **{name: text for name, text in fields.items() if text is not None})


def _frames_of_package(traceback: TracebackType | None) -> str | None:
    """The innermost lines are last, as in Python's own tracebacks; foreign frames are left out."""
    lines = []
    while traceback is not None:
        frame = traceback.tb_frame
        module = str(frame.f_globals.get("__name__", ""))
        # This module is on the way of every error and says nothing about it.
        if module.startswith(PACKAGE + ".") and module != __name__:
            # Not the code's file name: embedded in the server there may be no such file.
            path = module.replace(".", "/") + ".py"
            lines.append(f'"{path}", line {traceback.tb_lineno}, in {frame.f_code.co_name}')
        traceback = traceback.tb_next
    return "\n".join(lines) or None
