"""Find PostgreSQL programs that suit, or provide them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import debian
from .home import Problem, home, os_release

MAJORS = (15, 16, 17, 18)
MINIMUM_VECTOR = (0, 8, 0)


@dataclass(frozen=True)
class Postgres:
    """The programs of one PostgreSQL version."""

    major: int
    bindir: Path
    private: bool

    def bin(self, program: str) -> str:
        """The path of one of its programs."""
        return str(self.bindir / program)

    @property
    def origin(self) -> str:
        """Where it comes from, for people."""
        return "unpacked under .steward" if self.private else f"{self.bindir}"


def _output(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", text))


def _lacks(bindir: Path) -> list[str]:
    """What an installation would need before we could use it."""
    sharedir = Path(_output(bindir / "pg_config", "--sharedir"))
    libdir = Path(_output(bindir / "pg_config", "--pkglibdir"))
    lacks = []
    control = sharedir / "extension" / "vector.control"
    found = re.search(r"^default_version\s*=\s*'([^']+)'", _text(control), re.MULTILINE)
    if not found:
        lacks.append("vector")
    elif _numbers(found[1]) < MINIMUM_VECTOR:
        lacks.append("vector >= 0.8.0")
    for extension, library in (("plpython3u", "plpython3.so"), ("pg_cron", "pg_cron.so")):
        needed = (sharedir / "extension" / f"{extension}.control", libdir / library)
        if not all(path.exists() for path in needed):
            lacks.append(extension)
    programs = ("postgres", "initdb", "pg_ctl", "psql", "pg_dump", "pg_restore")
    lacks += [program for program in programs if not (bindir / program).exists()]
    return lacks


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _installed() -> Iterator[Postgres]:
    """The installations of the machine, newest first."""
    seen = set()
    on_path = shutil.which("pg_config")
    for major in sorted(MAJORS, reverse=True):
        places = [Path(f"/usr/lib/postgresql/{major}/bin"), Path(f"/usr/pgsql-{major}/bin")]
        if on_path and _numbers(_output(on_path, "--version"))[:1] == (major,):
            places.append(Path(_output(on_path, "--bindir")))
        for bindir in places:
            if (bindir / "pg_config").exists() and bindir not in seen:
                seen.add(bindir)
                yield Postgres(major, bindir, private=False)


def _wanted(pg: int | str | None) -> int | None:
    """The version asked for, by argument or by the environment variable PG."""
    asked = str(pg or os.environ.get("PG") or "").strip()
    if not asked:
        return None
    if not asked.isdigit() or int(asked) not in MAJORS:
        raise Problem(f"PostgreSQL {asked} is not supported: choose one of 15, 16, 17, 18.")
    return int(asked)


def _how_to_install(major: int) -> str:
    """The command that installs what is needed, on systems where we do not unpack it."""
    family = os_release()
    names = {family.get("ID", ""), *family.get("ID_LIKE", "").split()}
    if names & {"debian", "ubuntu"}:
        return (
            f"with the repository of apt.postgresql.org, run `apt-get install postgresql-{major}"
            f" postgresql-{major}-pgvector postgresql-{major}-cron postgresql-plpython3-{major}`"
        )
    if names & {"rhel", "fedora", "centos"}:
        return (
            f"with the repository of yum.postgresql.org, run `dnf install postgresql{major}-server"
            f" pgvector_{major} pg_cron_{major} postgresql{major}-plpython3`"
        )
    return f"install PostgreSQL {major} with pgvector >= 0.8.0, pg_cron and PL/Python 3"


def _choose(pg: int | str | None) -> tuple[int, Postgres | None]:
    """The version to use, and the machine's installation of it if that suits."""
    wanted = _wanted(pg)
    for installed in _installed():
        if wanted in (None, installed.major) and not _lacks(installed.bindir):
            return installed.major, installed
    major = wanted or debian.default_major()
    if major and debian.can_unpack(major):
        return major, None
    for installed in _installed():
        if wanted in (None, installed.major):
            lacks = ", ".join(_lacks(installed.bindir))
            what = f"the PostgreSQL {installed.major} in {installed.bindir} lacks {lacks}"
            raise Problem(f"{what}: {_how_to_install(installed.major)}.")
    what = f"PostgreSQL {wanted} is not installed" if wanted else "PostgreSQL is not installed"
    raise Problem(f"{what}, and cannot be unpacked here: {_how_to_install(wanted or 17)}.")


def find(pg: int | str | None = None) -> Postgres:
    """The programs of the version asked for; raise Problem if they are not there yet."""
    major, installed = _choose(pg)
    if installed:
        return installed
    root = debian.root(home(), major)
    if not debian.is_unpacked(root):
        raise Problem(
            f"PostgreSQL {major} is not there yet:"
            f" run `python3 scripts/cluster.py provision --pg {major}`."
        )
    return Postgres(major, root / f"usr/lib/postgresql/{major}/bin", private=True)


def provision(pg: int | str | None = None) -> Postgres:
    """Like ``find``, but fetch the programs if they are not there yet."""
    major, installed = _choose(pg)
    if not installed:
        debian.unpack(home(), major)
    return find(major)
