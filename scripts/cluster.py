#!/usr/bin/env python3
"""Private PostgreSQL servers for the demo, the tests and developers; see ``pgenv``."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Callable

from pgenv import Cluster, Postgres, Problem, clean, find, home, provision
from pgenv.cluster import existing
from pgenv.home import NOT_OURS, say


def _cluster(arguments: argparse.Namespace, get: Callable[..., Postgres] = find) -> Cluster:
    """The cluster that is meant: without a version, the only one of that name if there is one."""
    version = arguments.pg or os.environ.get("PG")
    if not version and len(same := existing(arguments.name)) == 1:
        return same[0]
    return Cluster.named(arguments.name, get(version))


def _running(arguments: argparse.Namespace) -> Cluster | None:
    """The cluster that is meant, if it runs."""
    if not existing(arguments.name):
        return None  # and PostgreSQL may not be there either
    cluster = _cluster(arguments)
    return None if cluster.pid() is None else cluster


def _start_command(arguments: argparse.Namespace) -> str:
    """What starts the cluster that is meant; with its version if another would be started."""
    version = arguments.pg or os.environ.get("PG")
    if not version and len(same := existing(arguments.name)) == 1:
        version = str(same[0].postgres.major)
        with contextlib.suppress(Problem):
            version = None if str(find().major) == version else version
    if arguments.name in ("dev", "demo"):
        return f"make {arguments.name}" + (f" PG={version}" if version else "")
    command = f"python3 scripts/cluster.py start --name {arguments.name}"
    return command + (f" --pg {version}" if version else "")


def do_home(_: argparse.Namespace) -> int:
    """make the folder for everything generated, and print it"""
    print(home())
    return 0


def do_provision(arguments: argparse.Namespace) -> int:
    """find PostgreSQL or fetch it, and print its folder of programs"""
    print(provision(arguments.pg).bindir)
    return 0


def do_start(arguments: argparse.Namespace) -> int:
    """start a cluster, creating it (and fetching PostgreSQL) if need be"""
    cluster = _cluster(arguments, provision)
    cluster.create()
    cluster.start()
    command = [cluster.bin("psql"), cluster.dsn()]
    say(f"PostgreSQL {cluster.postgres.major} is running; log: {cluster.log}")
    print(shlex.join(command))
    return 0


def do_stop(arguments: argparse.Namespace) -> int:
    """stop a cluster, and say whether it was running"""
    cluster = _running(arguments)
    if cluster is None:
        print(f"cluster {arguments.name} was not running.")
        return 0
    cluster.stop()
    print(f"cluster {arguments.name} is stopped; its data stay.")
    return 0


def do_status(arguments: argparse.Namespace) -> int:
    """list the clusters; with --name, fail unless that one runs"""
    clusters = existing(arguments.name)
    for cluster in clusters:
        pid = cluster.pid()
        state = f"running, process {pid}" if pid else "stopped"
        print(f"{cluster.folder.name}: {state}; connect with: {cluster.dsn()}")
    running = any(cluster.pid() for cluster in clusters)
    return 0 if running or not arguments.name else 3


def do_psql(arguments: argparse.Namespace) -> int:
    """run psql, or another program after --, on a cluster"""
    cluster = _running(arguments)
    if cluster is None:
        command = _start_command(arguments)
        raise Problem(f"cluster {arguments.name} is not running: start it with `{command}`.")
    program = cluster.bin(arguments.program)
    return subprocess.call([program, *arguments.rest], env=cluster.env(arguments.dbname))


def do_destroy(arguments: argparse.Namespace) -> int:
    """stop a cluster and remove it with its data"""
    _cluster(arguments).destroy()
    return 0


def do_clean(_: argparse.Namespace) -> int:
    """stop all clusters and remove everything generated"""
    clean()
    return 0


def main() -> int:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for action, with_name, with_pg in (
        (do_provision, False, True),
        (do_start, True, True),
        (do_psql, True, True),
        (do_status, None, False),
        (do_stop, True, True),
        (do_destroy, True, True),
        (do_home, False, False),
        (do_clean, False, False),
    ):
        name = action.__name__.removeprefix("do_")
        command = commands.add_parser(name, help=action.__doc__, description=action.__doc__)
        command.set_defaults(action=action)
        if with_name is not False:
            command.add_argument("--name", required=bool(with_name))
        if with_pg:
            command.add_argument("--pg", metavar="VERSION", help="15 to 18; default: $PG")
        if action is do_psql:
            command.add_argument("--dbname", default="postgres")
            command.add_argument("--program", default="psql")
            command.add_argument("rest", nargs="*", metavar="-- arguments")
    arguments = parser.parse_args()
    try:
        return int(arguments.action(arguments))
    except Problem as problem:
        say(f"error: {problem}")
        return 1
    except PermissionError:
        say("error: " + NOT_OURS.format(".steward"))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
