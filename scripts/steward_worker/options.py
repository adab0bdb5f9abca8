"""What the worker is told: by arguments, or by variables of the environment named like them."""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

_PREFIX = "STEWARD_"
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Options:
    """How to work."""

    dsn: str = ""
    # only these; empty: all
    provider: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    source: str | None = None
    name: str = ""
    batch: int = 100
    concurrency: int = 8
    readers: int = 2
    writers: int = 2
    lease: float = 120.0
    once: bool = False
    poll_min: float = 0.02
    poll_max: float = 1.0
    # where notifications are waited for; None: nowhere; empty: on a connection like the others
    listen: str | None = None
    grace: float = 20.0
    local: str | None = None
    serve: int | None = None
    serve_host: str = "127.0.0.1"
    secrets: Path | None = None
    endpoints: str | None = None
    share: float = 1.0
    log_format: str = "json"
    log_level: str = "info"
    progress: bool = False
    health_port: int | None = None
    health_host: str = "127.0.0.1"
    # for keys; not for anybody to print
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Arguments count more than variables."""
    parser = _parser(sys.stderr.isatty())
    given = vars(parser.parse_args([*_from_variables(parser, environment), *arguments]))
    options = Options(
        **{each.name: given[each.name] for each in fields(Options) if each.name in given},
        environment=environment,
    )
    for complaint in _complaints(options):
        parser.error(complaint)
    return options


def _parser(is_terminal: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="steward-worker",
        description="Embed what pg_steward has queued, with the models that it knows.",
        epilog="Each option can be a variable of the environment: --poll-max as STEWARD_POLL_MAX. "
        "Keys of providers are in STEWARD_SECRET_<NAME> or in files; see docs/WORKER.md.",
        argument_default=argparse.SUPPRESS,
    )
    add = parser.add_argument
    add(
        "--dsn",
        help="the database, as libpq understands it (default: PGHOST, PGDATABASE ... and .pgpass)",
    )
    add("--provider", type=_words, metavar="NAMES", help="only models of these providers")
    add("--model", type=_words, metavar="NAMES", help="only these models, as name@version")
    add("--source", metavar="TABLE", help="only this table")
    add(
        "--name",
        default=_default_name(),
        help="what steward.workers calls it (default: %(default)s)",
    )
    add("--batch", type=int, metavar="N", help="rows to claim at a time (default: 100)")
    add(
        "--concurrency",
        type=int,
        metavar="N",
        help="requests to one model under way at the same time (default: 8)",
    )
    add("--readers", type=int, metavar="N", help="connections that claim (default: 2)")
    add("--writers", type=int, metavar="N", help="connections that store results (default: 2)")
    add("--lease", type=_seconds, metavar="TIME", help="how long a claim lasts (default: 2min)")
    add("--once", action="store_true", help="end when there is nothing to do")
    add("--poll-min", type=_seconds, metavar="TIME", help="pause while busy (default: 20ms)")
    add("--poll-max", type=_seconds, metavar="TIME", help="pause while idle (default: 1s)")
    add(
        "--listen",
        nargs="?",
        const="",
        metavar="DSN",
        help="wait for the notifications of sources tracked with notify, on this connection; not "
        "through a pooler (default: not; without DSN: on one like the others)",
    )
    add(
        "--grace",
        type=_seconds,
        metavar="TIME",
        help="at the end, wait so long for requests under way (default: 20s)",
    )
    add(
        "--local",
        metavar="MODEL",
        help="embed models of provider local with this one, by sentence-transformers",
    )
    add(
        "--serve",
        type=int,
        metavar="PORT",
        help="answer POST /v1/embeddings there with that model, also for searches (default: not)",
    )
    add("--serve-host", metavar="HOST", help="on this address (default: 127.0.0.1)")
    add("--secrets", type=Path, metavar="FOLDER", help="where a file of its name has a secret")
    add(
        "--endpoints",
        metavar="RULE",
        help="what may be called, such as 'public, loopback' (default: what the database says)",
    )
    add(
        "--share",
        type=float,
        metavar="PART",
        help="of the models' limits per minute, if other workers ask them too (default: 1)",
    )
    add(
        "--log-format",
        choices=("json", "text"),
        default="text" if is_terminal else "json",
        help="default: text on a terminal, otherwise json",
    )
    add("--log-level", choices=("debug", "info", "warning", "error"), help="default: info")
    add(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=is_terminal,
        help="show how far it is (default: on a terminal)",
    )
    add("--health-port", type=int, metavar="PORT", help="answer GET /health there (default: not)")
    add("--health-host", metavar="HOST", help="on this address (default: 127.0.0.1)")
    return parser


def _from_variables(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> list[str]:
    arguments: list[str] = []
    for action in parser._actions:
        name = action.option_strings[0]
        value = environment.get(_PREFIX + name.lstrip("-").upper().replace("-", "_"))
        if value is None or action.dest == "help":
            continue
        if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
            if value.lower() in ("1", "true", "yes", "on"):
                arguments.append(name)
            elif isinstance(action, argparse.BooleanOptionalAction):
                arguments.append(action.option_strings[1])
        else:
            arguments.append(f"{name}={value}")
    return arguments


def _complaints(options: Options) -> list[str]:
    return [
        complaint
        for holds, complaint in (
            (1 <= options.batch <= 10_000, "--batch is from 1 to 10000"),
            (1 <= options.concurrency <= 256, "--concurrency is from 1 to 256"),
            (1 <= options.readers <= 4, "--readers is from 1 to 4"),
            (1 <= options.writers <= 16, "--writers is from 1 to 16"),
            (options.lease >= 1, "--lease is at least one second"),
            (
                0 < options.poll_min <= options.poll_max,
                "--poll-min is more than 0, at most --poll-max",
            ),
            (0 < options.share <= 1, "--share is more than 0, at most 1"),
            (options.name != "", "--name is not empty"),
            (options.serve is None or options.local is not None, "--serve needs --local"),
            (options.secrets is None or options.secrets.is_dir(), "--secrets is no folder"),
        )
        if not holds
    ]


def _default_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) *(ms|s|min|h)?", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 500ms, 10s or 2min")
    return float(match[1]) * _UNITS[match[2] or "s"]
