"""Unpack PostgreSQL and its extensions from Debian's packages into a folder of our own.

No package is installed: apt, with a configuration and state of our own but the machine's mirror and
Debian's keys, downloads and verifies the packages, and they are unpacked side by side. Programs
start through a small wrapper that uses the libraries of that folder, so the packages may come from
another Debian release than the machine's, and no root rights are needed.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .home import Problem, install_packages, locked, make_folder, os_release, say

# Change this number when a folder unpacked by older code must not be used any more.
RECIPE = 1

# The Debian release that each version is taken from, and is the default on.
SUITES = {15: "bookworm", 17: "trixie", 18: "forky"}
DEFAULTS = {"bookworm": 15, "trixie": 17, "forky": 18, "sid": 18}

# Debian 12 has no pgvector; this release's source package is built instead.
VECTOR_SOURCE = {15: "trixie"}

# Dependencies that matter only when PostgreSQL is installed as a service of the machine, or that
# we do without: setting up users and certificates, Perl, translations, the JIT compiler.
SKIPPED = re.compile(
    r"adduser|base-passwd|debconf|dpkg|init-system-helpers|libaudit-common|libc-gconv.*|libc-l10n"
    r"|libllvm.*|libpam-modules.*|libperl.*|lib.*-perl|libproc2.*|libsemanage.*|libsepol.*"
    r"|libsystemd-shared|libz3-.*|locales|login\.defs|lsb-base|media-types|netbase|openssl.*"
    r"|passwd|perl.*|postgresql-(client-)?common(-dev)?|procps|sensible-utils|ssl-cert|systemd"
    r"|sysvinit-utils|tar|tzdata|ucf|usrmerge"
)

WRAPPER = """\
#!/bin/sh
# Runs the program of the same name in .real with the libraries of this folder.
bin=${{0%/*}}
root=$bin/../../../../..
{settings}
exec "$root/usr/lib/{triplet}/{loader}" --library-path "$root/usr/lib/{triplet}" \\
    --argv0 "$0" "$bin/.real/${{0##*/}}" "$@"
"""

SERVER_SETTINGS = """\
export LOCPATH="$root/usr/lib/locale" PYTHONHOME="$root/usr" PYTHONNOUSERSITE=1
unset PYTHONPATH"""


def default_major() -> int | None:
    """The version of the machine's Debian release; None on anything else."""
    return DEFAULTS.get(os_release().get("VERSION_CODENAME", "")) if _is_debian() else None


def can_unpack(major: int) -> bool:
    """Whether this machine can unpack that version."""
    return _is_debian() and major in SUITES


def _is_debian() -> bool:
    return os_release().get("ID") == "debian" and shutil.which("apt-get") is not None


def root(home: Path, major: int) -> Path:
    """The folder that holds an unpacked version."""
    return home / "pg" / str(major) / "root"


def is_unpacked(root: Path) -> bool:
    """Whether that folder is complete and made by this recipe."""
    try:
        return (root / ".recipe").read_text(encoding="ascii") == str(RECIPE)
    except OSError:
        return False


def unpack(home: Path, major: int) -> None:
    """Make the folder of a version unless it is there. All or nothing."""
    target = root(home, major)
    if is_unpacked(target):
        return
    with locked(home / "pg" / f"{major}.lock", f"another run that provides PostgreSQL {major}"):
        if is_unpacked(target):
            return
        work = home / "pg" / str(major) / "work"
        shutil.rmtree(work, ignore_errors=True)
        try:
            _Unpacking(major, work, target, home / "log" / f"provision-{major}.log").run()
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _command_output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _mirror() -> str:
    """The address of the Debian mirror that the machine itself uses."""
    fields = ("$(CREATED_BY)", "$(COMPONENT)", "$(RELEASE)", "$(REPO_URI)")
    listing = _command_output(
        "apt-get", "indextargets", "--no-release-info", "--format", " ".join(fields)
    )
    own = os_release().get("VERSION_CODENAME", "")
    names = (own, "stable", "testing", "unstable", "sid")
    lines = [line.split(" ") for line in listing.splitlines() if line.count(" ") == 3]
    for name in names:
        for created_by, component, release, uri in lines:
            if (created_by, component, release) == ("Packages", "main", name):
                return uri
    raise Problem(f"apt knows no Debian mirror: add one for {own} main to /etc/apt/sources.list.")


def _keyring() -> str:
    for place in ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp"):
        if (path := Path("/usr/share/keyrings", place)).exists():
            return str(path)
    raise Problem("Debian's keys are missing: run `apt-get install debian-archive-keyring`.")


@dataclass
class _Unpacking:
    """One run of unpacking a version: ``work`` is scratch, ``target`` the result."""

    major: int
    work: Path
    target: Path
    log: Path

    def run(self) -> None:
        if not Path("/usr/share/zoneinfo/UTC").exists():  # the path is compiled into PostgreSQL
            install_packages(["tzdata"], "PostgreSQL needs the time zone database")
        self.make_apt()
        self.new = make_folder(self.work / "root")
        self.step("downloading and unpacking the packages")
        self.fetch_packages()
        self.tidy()
        self.make_wrappers()
        if self.major in VECTOR_SOURCE:
            self.step("building pgvector")
            self.build_vector()
        self.step("compiling the Python library")
        self.compile_python()
        self.verify()
        (self.new / ".recipe").write_text(str(RECIPE), encoding="ascii")
        shutil.rmtree(self.target, ignore_errors=True)
        self.new.rename(self.target)

    def step(self, what: str) -> None:
        say(f"PostgreSQL {self.major}: {what} ...")

    def do(self, *command: str | Path, cwd: Path | None = None) -> str:
        """Run a command with its output in the log; return its standard output."""
        make_folder(self.log.parent)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(map(str, command))}\n")
            log.flush()
            done = subprocess.run(
                command,
                cwd=cwd or self.work,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"} | _proxies(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
            )
            log.write(done.stdout)
        if done.returncode:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            for line in lines[-15:]:
                say(f"    {line}")
            raise Problem(
                f"PostgreSQL {self.major} could not be provided: `{Path(command[0]).name}` failed;"
                f" its messages are above and in {self.log}."
            )
        return done.stdout

    # Packages -------------------------------------------------------------------------------

    def make_apt(self) -> None:
        """A configuration of our own for apt, on top of the machine's (which may name a proxy)."""
        self.step(f"reading the package lists of Debian {SUITES[self.major]}")
        apt = make_folder(self.work / "apt")
        for name in ("lists/partial", "cache/archives/partial"):
            make_folder(apt / name)
        arch = _command_output("dpkg", "--print-architecture")
        sources = [f"deb [arch={arch} target=Packages signed-by={{key}}] {{uri}} {{suite}} main"]
        suites = [SUITES[self.major]]
        if source := VECTOR_SOURCE.get(self.major):
            sources.append("deb-src [target=Sources signed-by={key}] {uri} {suite} main")
            suites.append(source)
        (apt / "sources.list").write_text(
            "".join(
                line.format(key=_keyring(), uri=_mirror(), suite=suite) + "\n"
                for line, suite in zip(sources, suites, strict=True)
            ),
            encoding="utf-8",
        )
        (apt / "status").touch()
        (apt / "apt.conf").write_text(
            f"""\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::NeverAutoRemove;
APT::Default-Release "";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Dir::Cache "{apt}/cache";
Dir::Cache::archives "archives";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Log "{apt}";
Dir::State "{apt}";
Dir::State::lists "{apt}/lists";
Dir::State::status "{apt}/status";
""",
            encoding="utf-8",
        )
        self.apt("update")

    def apt(self, *arguments: str, cwd: Path | None = None) -> str:
        return self.do("apt-get", "-q", "-c", self.work / "apt/apt.conf", *arguments, cwd=cwd)

    def fetch_packages(self) -> None:
        """Download the wanted packages with all they depend on, and unpack them."""
        v = self.major
        wanted = [f"postgresql-{v}", f"postgresql-{v}-cron", f"postgresql-plpython3-{v}"]
        if v not in VECTOR_SOURCE:
            wanted.append(f"postgresql-{v}-pgvector")
        known = self.do("apt-cache", "-c", self.work / "apt/apt.conf", "pkgnames", "postgresql-")
        wanted += {f"postgresql-{v}-plpgsql-check"} & set(known.split())
        plan = self.apt("--simulate", "install", *wanted)
        packages = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
        packages = [name for name in packages if not SKIPPED.fullmatch(name)]
        # The interpreter itself is only for compiling its library.
        packages += [
            name.removeprefix("lib").replace("-stdlib", "-minimal")
            for name in packages
            if re.fullmatch(r"libpython3\.\d+-stdlib", name)
        ]
        self.unpack_into(self.new, packages)

    def unpack_into(self, folder: Path, packages: Sequence[str]) -> None:
        debs = make_folder(self.work / "debs")
        self.apt("download", *packages, cwd=debs)
        for deb in sorted(debs.iterdir()):
            self.do("dpkg-deb", "--extract", deb, folder)
            deb.unlink()

    def tidy(self) -> None:
        """Merge /lib into /usr/lib, and drop what nobody will look at."""
        if (self.new / "lib").is_dir():
            shutil.copytree(
                self.new / "lib", self.new / "usr/lib", symlinks=True, dirs_exist_ok=True
            )
        pglib = self.new / f"usr/lib/postgresql/{self.major}/lib"
        # The JIT provider without the compiler would be an error; no provider means no JIT.
        (pglib / "llvmjit.so").unlink(missing_ok=True)
        share = self.new / "usr/share"
        for folder in (
            *(self.new / name for name in ("bin", "etc", "lib", "lib64", "sbin", "var")),
            *(share / name for name in ("doc", "info", "lintian", "locale", "man")),
            pglib / "bitcode",
        ):
            shutil.rmtree(folder, ignore_errors=True)

    # Programs -------------------------------------------------------------------------------

    @property
    def libdir(self) -> Path:
        """The folder of the shared libraries."""
        return self.loader.parent

    @property
    def loader(self) -> Path:
        """The dynamic loader, which starts a program with the libraries we name."""
        found = sorted((self.new / "usr/lib").glob("*-linux-*/ld-linux*.so.*"))
        found += sorted((self.new / "usr/lib").glob("*-linux-*/ld64.so.*"))
        if not found:
            raise Problem(f"no dynamic loader for {platform.machine()} was found in libc6.")
        return found[0]

    def make_wrappers(self) -> None:
        """Put a wrapper in the place of every program."""
        bindir = self.new / f"usr/lib/postgresql/{self.major}/bin"
        programs = sorted(bindir.iterdir())
        real = make_folder(bindir / ".real")
        for program in programs:
            if program.is_symlink():  # postmaster, an old name of postgres
                program.unlink()
                continue
            program.rename(real / program.name)
            server = program.name in ("postgres", "initdb")
            program.write_text(
                WRAPPER.format(
                    settings=SERVER_SETTINGS if server else "unset LD_LIBRARY_PATH",
                    triplet=self.libdir.name,
                    loader=self.loader.name,
                ),
                encoding="utf-8",
            )
            program.chmod(0o755)

    def load(self, *arguments: str | Path) -> str:
        """Start a program or library of the new folder through its loader."""
        return self.do(self.loader, "--library-path", self.libdir, *arguments)

    def compile_python(self) -> None:
        """Compile Python's library, as installing the package would have done."""
        python = next((self.new / "usr/bin").glob("python3.*"))
        library = self.new / f"usr/lib/{python.name}"
        interpreter = (python, "-I", "-W", "ignore")
        paths = ("-s", self.new, "-p", self.target, library)
        self.load(*interpreter, "-m", "compileall", "-q", *paths)
        self.load(*interpreter, "-c", "import difflib, hashlib, json, ssl, urllib.request")
        python.unlink()

    def verify(self) -> None:
        """Fail unless every program and extension finds its libraries."""
        base = self.new / f"usr/lib/postgresql/{self.major}"
        libraries = (f"lib/{name}.so" for name in ("vector", "plpython3", "pg_cron"))
        for path in ("bin/.real/postgres", "bin/.real/psql", *libraries):
            self.load("--list", base / path)
        self.do(base / "bin/initdb", "--version")

    # pgvector -------------------------------------------------------------------------------

    def build_vector(self) -> None:
        """Build pgvector from the source package of a newer release.

        The headers and the C library are those of the release that PostgreSQL comes from, so the
        result does not depend on the machine's.
        """
        if missing := [name for name in ("gcc", "make") if not shutil.which(name)]:
            why = f"a C compiler is needed to build pgvector for PostgreSQL {self.major}"
            install_packages(missing, why)
        source, sysroot = make_folder(self.work / "source"), make_folder(self.work / "sysroot")
        self.apt("source", "--download-only", "pgvector", cwd=source)
        archive = next(source.glob("pgvector_*.orig.tar.*"))
        self.do("tar", "--extract", "--strip-components=1", f"--file={archive}", cwd=source)
        self.unpack_into(self.new, [f"postgresql-server-dev-{self.major}"])
        self.unpack_into(sysroot, ["libc6", "libc6-dev", "linux-libc-dev"])
        pg_config = self.new / f"usr/lib/postgresql/{self.major}/bin/pg_config"
        make = ("make", "-j4", "with_llvm=no", "OPTFLAGS=", f"PG_CONFIG={pg_config}")
        self.do(*make, f"CC=gcc --sysroot={sysroot}", "install", cwd=source)
        for folder in ("usr/include", f"usr/lib/postgresql/{self.major}/lib/pgxs"):
            shutil.rmtree(self.new / folder)


def _proxies() -> dict[str, str]:
    """The environment variables that say how to reach the network."""
    names = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "APT_CONFIG")
    return {name: os.environ[name] for name in names if name in os.environ}
