"""The folder that holds everything generated, the user that servers run as, and small helpers."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+@-]+")
NOT_OURS = "{} belongs to another user: run `make clean` as that user, or `sudo make clean`."


class Problem(Exception):
    """Something a person must know: what is wrong and what to do, in one line."""


def say(message: str) -> None:
    """Tell the person who waits what is going on."""
    print(message, file=sys.stderr, flush=True)


# The user -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class User:
    """The operating system user that servers run as; ``drop`` is true if we are root."""

    uid: int
    gid: int
    drop: bool


def server_user() -> User:
    """We ourselves; for root, which PostgreSQL refuses: who called sudo, postgres, or nobody."""
    if os.geteuid() != 0:
        return User(os.geteuid(), os.getegid(), drop=False)
    with contextlib.suppress(KeyError, ValueError):
        if caller := int(os.environ.get("SUDO_UID", "0")):
            return User(caller, pwd.getpwuid(caller).pw_gid, drop=True)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return User(entry.pw_uid, entry.pw_gid, drop=True)
    raise Problem("PostgreSQL does not run as root: create a user called postgres.")


def run_as_server(
    command: Sequence[str | Path], cwd: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command as the server's user and return it with its output; never raise."""
    user = server_user()
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        user=user.uid if user.drop else None,
        group=user.gid if user.drop else None,
        extra_groups=[] if user.drop else None,
        umask=0o077,
    )


def give_to_server(path: Path) -> None:
    """Make a file or folder the server's own (nothing to do unless we are root)."""
    user = server_user()
    if user.drop:
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


# The folder -----------------------------------------------------------------------------------


def outside() -> Path:
    """Where the folder is when it cannot be in the repository; unique to the repository's path.

    Root's is not in /var/tmp, where files that nobody reads for a month may be removed.
    """
    base = "/var/cache" if os.geteuid() == 0 else "/var/tmp"  # noqa: S108  checked by _ours
    return Path(base, "pg_steward-" + hashlib.sha256(os.fsencode(REPO)).hexdigest()[:12])


@functools.cache
def _needs_outside() -> bool:
    """Whether programs or the server's user would stumble over the repository's path."""
    if not PLAIN_PATH.fullmatch(str(REPO)):
        return True
    if not server_user().drop:
        return False
    return run_as_server(["test", "-x", REPO], Path("/"), os.environ).returncode != 0


def home() -> Path:
    """Make ``.steward`` if need be, and return its real path."""
    inside, elsewhere = REPO / ".steward", outside()
    if inside.is_symlink():
        if inside.readlink() == elsewhere and elsewhere.is_dir():
            return _ours(elsewhere)
        inside.unlink()
    if not _needs_outside():
        return _ours(make_folder(inside))
    if inside.is_dir():
        try:
            inside.rmdir()
        except OSError:
            raise Problem(
                f"{inside} cannot be used from there any more: run `make clean`."
            ) from None
    make_folder(elsewhere, 0o755 if os.geteuid() == 0 else 0o700)
    _ours(elsewhere)
    inside.symlink_to(elsewhere)
    return elsewhere


def _ours(folder: Path) -> Path:
    """Return the folder if it is really ours, so that nobody can slip us another."""
    owner = folder.lstat().st_uid
    if folder.is_symlink() or owner not in (os.geteuid(), REPO.stat().st_uid):
        raise Problem(NOT_OURS.format(folder))
    return folder


def make_folder(path: Path, mode: int = 0o755) -> Path:
    """Make a folder that the server's user may pass through, whatever our umask is."""
    if not path.is_dir():
        make_folder(path.parent)
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            path.chmod(mode)
    return path


@contextlib.contextmanager
def locked(path: Path, waiting: str = "") -> Iterator[None]:
    """Hold an exclusive lock on a file; if somebody else has it, say what we wait for."""
    make_folder(path.parent)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                say(f"waiting for {waiting} ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


# The machine ----------------------------------------------------------------------------------


def os_release() -> dict[str, str]:
    """The machine's /etc/os-release as a dict; empty if there is none."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: "".join(shlex.split(value)) for key, value in pairs}


def install_packages(packages: Sequence[str], why: str) -> None:
    """Install Debian packages on the machine, after showing the command."""
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    command = [
        *sudo,
        *("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"),
        *("install", "--yes", "--no-install-recommends", *packages),
    ]
    update = [*sudo, "apt-get", "update"]
    if not shutil.which("apt-get") or (sudo and not shutil.which("sudo")):
        raise Problem(f"{why}: have root run `apt-get install {' '.join(packages)}`.")
    for line in (update, command):
        say(f"{why}; running: {shlex.join(line)}")
        done = subprocess.run(line, stdout=sys.stderr, check=False)
    if done.returncode:
        raise Problem(f"{why}: `{shlex.join(command)}` failed; its messages are above.")
