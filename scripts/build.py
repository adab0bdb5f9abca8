#!/usr/bin/env python3
"""Build the SQL bundle from sql/src, sql/migrations and plpython/steward_py.

    scripts/build.py            write sql/steward--V.sql, sql/steward--P--V.sql, sql/(un)install.sql
    scripts/build.py --check    write nothing; exit 1 and say what to do if a file is not current
    scripts/build.py release    freeze the built files of this version in sql/frozen.sha256

V is the content of VERSION, P the newest release before it. Upgrade scripts exist between adjacent
releases only: PostgreSQL chains them by itself, and the ladder in install.sql does the same.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = Path(__file__).resolve().parent / "templates"
Version = tuple[int, ...]

# What PostgreSQL and psql take as one piece: nothing in it is a command or a backslash command.
QUOTED = re.compile(
    r"""--[^\n]*|/\*.*?\*/|\be'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*"
    |(?P<tag>\$(?:[a-z_]\w*)?\$).*?(?P=tag)""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
NOT_IN_TEXT = (
    (re.compile(r"[^\x00-\x7f]"), "only ASCII, which no client encoding can garble"),
    (re.compile(r"@ext(schema|owner)"), "create extension would replace this; write the name out"),
)
NOT_IN_CODE = (
    (
        re.compile(
            r"^\s*(begin|start|commit|rollback|savepoint)\b(?!\s+atomic)[\w\s]*;",
            re.IGNORECASE | re.MULTILINE,
        ),
        "no transaction commands: the bundle runs inside one transaction of its caller",
    ),
    (
        re.compile(r"\bcreate\s+schema\s+if\s+not\s+exists\b", re.IGNORECASE),
        "a plain create schema: a schema that exists is somebody else's",
    ),
    (
        re.compile(r"(?<!:):[a-z_]", re.IGNORECASE),
        "psql would take this for a variable; put a space after :",
    ),
)
PYTHON_FUNCTION = re.compile(
    r"(?P<before>(?:\s|--[^\n]*\n)*)"
    r"(?P<header>create or replace (?P<kind>function|procedure) (?P<name>[\w.]+)\s*\(.*?)"
    r"\bas \$python\$\n(?P<body>.*?)\$python\$;(?P<after>.*)",
    re.DOTALL,
)
INCLUDE = re.compile(r"^-- @include ([\w.]+)@$", re.MULTILINE)
MIGRATION = re.compile(r"(\d+\.\d+\.\d+)-\d\d-[a-z0-9-]+\.sql")
BUILT = re.compile(r"steward--(\d+\.\d+\.\d+)(?:--(\d+\.\d+\.\d+))?\.sql")


class BuildError(Exception):
    """Something in the tree must be changed by a person; the message says where and what."""


def as_version(text: str) -> Version:
    return tuple(int(part) for part in text.split("."))


def mask(sql: str) -> str:
    """Blank out comments, strings and quoted names; every line and column stays in its place."""
    return QUOTED.sub(lambda piece: re.sub(r"[^\n]", " ", piece[0]), sql)


def dollar_quote(text: str, tag: str) -> str:
    tags = itertools.chain([tag], (f"{tag}_{number}" for number in itertools.count(2)))
    free = next(name for name in tags if f"${name}$" not in text)
    return f"${free}$\n{text.rstrip()}\n${free}$"


def quote_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def with_included(text: str) -> str:
    """Put in the templates that several files share."""
    return INCLUDE.sub(lambda found: with_included(template(found[1])).rstrip(), text)


def psql_file(verb: str) -> str:
    """What is read by psql to install or to uninstall."""
    return with_included(template(f"{verb}.sql")).replace("@verb@", verb)


class PythonFunction:
    """A file with one PL/Python function, taken apart."""

    def __init__(self, label: str, text: str) -> None:
        match = PYTHON_FUNCTION.fullmatch(text)
        if not match or re.search(r"\bcreate\b", mask(match["after"])):
            raise BuildError(f"{label}: expected one function, its body between $python$ tags")
        self.label = label
        self.kind, self.name, self.header = match["kind"], match["name"], match["header"]
        self.before = f"-- {label}\n" + match["before"].lstrip()
        self.body = match["body"]
        self.after = f"-- {label}\n" + match["after"].strip() + "\n"
        attributes = mask(self.header)
        if attributes.count("language plpython3u") != 1 or re.search(r"\btransform\b", attributes):
            raise BuildError(f"{label}: expected language plpython3u, and no transform")
        # To load the package is to open a subtransaction, which PostgreSQL refuses in a parallel
        # query, with an error that PL/Python does not survive: the server crashes.
        if re.search(r"\bparallel\s+(safe|restricted)\b", attributes):
            raise BuildError(f"{label}: PL/Python functions are parallel unsafe here")

    def expand_marker(self, digest: str) -> None:
        lines = MARKER_LINES.replace("@digest@", digest)
        self.body, count = re.subn(
            r"^([ \t]*)# import steward_py$",
            lambda found: re.sub("^", found[1], lines, flags=re.MULTILINE),
            self.body,
            flags=re.MULTILINE,
        )
        if count != 1:
            raise BuildError(f"{self.label}: expected the line # import steward_py once")

    def definition(self) -> str:
        function = f"{self.before}{self.header}as {dollar_quote(self.body, 'python')}"
        return f"execute {dollar_quote(function, 'definition')};"

    def stub(self) -> str:
        """Return the same signature in PL/pgSQL, which says what is missing."""
        header = self.header.replace("language plpython3u", "language plpgsql")
        body = template("python_stub.sql").replace("@function@", f"{self.kind} {self.name}")
        function = f"{header}as {dollar_quote(body, 'stub')}"
        return f"execute {dollar_quote(function, 'definition')};"


class Tree:
    """One checkout: what its files say, and what the built files must therefore be."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sql = root / "sql"
        self.version = self.agreed_version()
        self.frozen = self.frozen_hashes()
        self.releases = sorted(
            {match[1] for path in self.frozen if (match := BUILT.fullmatch(Path(path).name))},
            key=as_version,
        )
        if self.releases and as_version(self.version) < as_version(self.releases[-1]):
            raise BuildError(f"VERSION is {self.version}, but {self.releases[-1]} is released")
        earlier = [release for release in self.releases if release != self.version]
        self.previous = earlier[-1] if earlier else None

    # ---- reading

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def read(self, path: Path) -> str:
        try:
            # newline="": what is embedded and hashed is what is on disk.
            with path.open(encoding="utf-8", newline="") as file:
                return file.read()
        except FileNotFoundError:
            raise BuildError(f"{self.name(path)} is missing") from None

    def agreed_version(self) -> str:
        version = self.read(self.root / "VERSION").strip()
        if not re.fullmatch(r"\d+\.\d+\.\d+", version):
            raise BuildError(f"VERSION must be like 1.2.3, not {version!r}")
        control = re.search(
            r"^default_version\s*=\s*'([^']*)'",
            self.read(self.sql / "steward.control"),
            re.MULTILINE,
        )
        headings = re.findall(
            r"^## \[([^]]+)\]", self.read(self.root / "CHANGELOG.md"), re.MULTILINE
        )
        entries = [heading for heading in headings if heading.lower() != "unreleased"]
        for where, found in (
            ("default_version in sql/steward.control", control[1] if control else None),
            ("the top entry of CHANGELOG.md", entries[0] if entries else None),
        ):
            if found != version:
                raise BuildError(f"VERSION is {version}, but {where} is {found or 'missing'}")
        return version

    def frozen_hashes(self) -> dict[str, str]:
        path = self.sql / "frozen.sha256"
        lines = self.read(path).splitlines() if path.exists() else []
        return {name: digest for digest, name in (line.split() for line in lines)}

    def read_sql(self, path: Path) -> str:
        text = self.read(path).replace("@version@", self.version)
        for rules, subject in ((NOT_IN_TEXT, text), (NOT_IN_CODE, mask(text))):
            for rule, reason in rules:
                if found := rule.search(subject):
                    line = subject.count("\n", 0, found.end() - 1) + 1
                    raise BuildError(f"{self.name(path)}:{line}: {reason}")
        return text

    # ---- flattening

    def flatten(self, path: Path, included: list[Path]) -> str:
        r"""Put the file in the place of each `\ir` line; note in `included` what came in."""
        lines = [f"-- {self.name(path)}"]
        text = self.read_sql(path).rstrip("\n")
        for number, (line, code) in enumerate(
            zip(text.split("\n"), mask(text).split("\n"), strict=True), start=1
        ):
            if "\\" not in code:
                lines.append(line)
                continue
            where = f"{self.name(path)}:{number}"
            include = re.fullmatch(r"\\ir\s+([\w./-]+)\s*", line)
            if not include:
                raise BuildError(
                    f"{where}: the only backslash command here is \\ir, on its own line"
                )
            target = (path.parent / include[1]).resolve()
            if not target.is_file():
                raise BuildError(f"{where}: {include[1]} does not exist")
            if target in included:
                raise BuildError(f"{where}: {self.name(target)} is included a second time")
            included.append(target)
            lines += ["", self.flatten(target, included).rstrip("\n")]
        return "\n".join(lines) + "\n"

    def parts(self) -> tuple[str, str]:
        """Return the schema part and the code part; every source file is in exactly one of them."""
        source = self.sql / "src"
        included: list[Path] = []
        schema = self.flatten(source / "schema.sql", included)
        code = self.flatten(source / "code.sql", included)
        before_python = len(included)
        manifest = source / "python.sql"
        self.flatten(manifest, included)
        if re.sub(r"^\\ir .*$", "", mask(self.read(manifest)), flags=re.MULTILINE).strip():
            raise BuildError(f"{self.name(manifest)}: only \\ir lines and comments")
        roots = {"preamble.sql", "schema.sql", "code.sql", "python.sql", "extension.sql"}
        for path in sorted(source.rglob("*")):
            known = path in included or (path.parent == source and path.name in roots)
            if path.is_file() and not path.name.startswith(".") and not known:
                raise BuildError(f"{self.name(path)} is in no manifest; add an \\ir line")
        python = self.define_python(included[before_python:])
        code, count = re.subn(
            r"^-- @define_python@$", lambda _: python.rstrip(), code, flags=re.MULTILINE
        )
        if count != 1:
            raise BuildError("sql/src/code.sql must have the line -- @define_python@ exactly once")
        return schema, code

    # ---- PL/Python

    def loader(self) -> tuple[PythonFunction, str]:
        """Return the function that serves plpython/steward_py inside a session, and its digest."""
        package = self.root / "plpython" / "steward_py"
        modules = ""
        for path in sorted(package.rglob("*.py")):
            if not (path.parent / "__init__.py").exists():
                raise BuildError(f"{self.name(path.parent)} has no __init__.py")
            parts = path.relative_to(package.parent).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            source = self.read(path)
            try:
                compile(source, self.name(path), "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                raise BuildError(f"{self.name(path)}: {error}") from None
            # One literal per line: readable in a diff, and out of reach of PL/Python, which indents
            # every line of a function. ascii(): out of reach of encodings.
            literals = [ascii(line) for line in source.splitlines(keepends=True)] or ["''"]
            literal = "\n        ".join(literals)
            modules += (
                f"    {module!r}: (\n        {self.name(path)!r},\n        {literal},\n    ),\n"
            )
        if "'steward_py':" not in modules:
            raise BuildError("plpython/steward_py/__init__.py is missing")
        loader = PythonFunction("plpython/steward_py", template("load_python.sql"))
        digest = hashlib.sha256((loader.body + modules).encode()).hexdigest()[:16]
        # The sources come in last: what is in them stays as it is.
        loader.body = loader.body.replace("@digest@", digest).replace("@modules@", modules)
        return loader, digest

    def define_python(self, files: list[Path]) -> str:
        """Return the SQL that defines each PL/Python function, or, at run time, a stub of it."""
        loader, digest = self.loader()
        functions = [PythonFunction(self.name(path), self.read_sql(path)) for path in files]
        for function in functions:
            function.expand_marker(digest)
        functions.insert(0, loader)
        before, body, after = template("define_python.sql").split("$define_python$")
        stubs = "\n\n".join(function.stub() for function in functions)
        real = "\n\n".join(function.definition() for function in functions)
        body = dollar_quote(body.replace("@stubs@", stubs).replace("@real@", real), "define_python")
        return "\n".join([f"{before}{body}{after}", *(function.after for function in functions)])

    # ---- the built files

    def migrations(self) -> list[Path]:
        """Return the migrations since the previous release; fail for one that would never run."""
        wanted = []
        for path in (self.sql / "migrations").glob("*.sql"):
            match = MIGRATION.fullmatch(path.name)
            if not match:
                raise BuildError(f"{self.name(path)}: expected a name like 0.2.0-01-what.sql")
            target = as_version(match[1])
            if target > as_version(self.version):
                raise BuildError(f"{self.name(path)} is for a version after {self.version}")
            if self.previous and target > as_version(self.previous):
                wanted.append((target, path.name, path))
            elif not any(self.name(path) in self.read(built) for built in self.frozen_upgrades()):
                raise BuildError(f"{self.name(path)} is for a version that is already released")
        return [path for _, _, path in sorted(wanted)]

    def frozen_upgrades(self) -> list[Path]:
        return [self.root / name for name in self.frozen if name.count("--") == 2]

    def outputs(self) -> dict[str, str]:
        schema, code = self.parts()
        extension = self.flatten(self.sql / "src" / "extension.sql", [])
        preamble = self.flatten(self.sql / "src" / "preamble.sql", [])

        def bundle(what: str, previous: str, *parts: str) -> str:
            banner = BANNER.replace("@what@", what)
            head = with_included(preamble).replace("@previous_version@", previous)
            return "\n".join((banner, head, *parts, extension))

        built = {
            f"sql/steward--{self.version}.sql": bundle(
                f"pg_steward {self.version}", "", schema, code
            ),
            "sql/install.sql": self.install_sql(),
            "sql/uninstall.sql": psql_file("uninstall"),
        }
        migrations = [self.flatten(path, []) for path in self.migrations()]
        if self.previous:
            built[f"sql/steward--{self.previous}--{self.version}.sql"] = bundle(
                f"pg_steward, from {self.previous} to {self.version}",
                self.previous,
                *migrations,
                code,
            )
        return built

    def install_sql(self) -> str:
        versions = [release for release in self.releases if release != self.version]
        versions.append(self.version)
        rungs = "".join(
            template("install_rung.sql").replace("@from@", lower).replace("@to@", upper)
            for lower, upper in itertools.pairwise(versions)
        )
        known = ", ".join(quote_literal(version) for version in versions)
        text = psql_file("install").replace("-- @rungs@", rungs.strip()).replace("@known@", known)
        return text.replace("@version@", self.version)

    # ---- comparing, writing, freezing

    def problems(self, outputs: dict[str, str]) -> list[str]:
        """Say what keeps the committed files from being what the sources and releases make them."""
        found = []
        for name, digest in self.frozen.items():
            path = self.root / name
            if not path.exists():
                found.append(f"{name} was released and is missing; run: git checkout -- {name}")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                found.append(f"{name} was released and has changed; run: git checkout -- {name}")
        for name, text in outputs.items():
            path = self.root / name
            if name in self.frozen:
                if hashlib.sha256(text.encode()).hexdigest() != self.frozen[name]:
                    found.append(
                        f"the sources no longer make {name}, and {self.version} is released; raise "
                        "the version in VERSION, sql/steward.control and CHANGELOG.md"
                    )
            elif not path.exists() or path.read_bytes() != text.encode():
                found.append(f"{name} is not what the sources make; run: scripts/build.py")
        found += [f"{name} belongs to no release; delete it" for name in self.strays(outputs)]
        return found

    def strays(self, outputs: dict[str, str]) -> list[str]:
        built = sorted(self.name(path) for path in self.sql.glob("steward--*.sql"))
        return [name for name in built if name not in outputs and name not in self.frozen]

    def write(self) -> list[str]:
        outputs = self.outputs()
        for name, text in outputs.items():
            if name not in self.frozen:
                (self.root / name).write_bytes(text.encode())
        return self.problems(outputs)

    def release(self) -> list[str]:
        if self.version in self.releases:
            return [f"{self.version} is already released"]
        outputs = self.outputs()
        if problems := self.problems(outputs):
            return problems
        lines = [f"{digest}  {name}\n" for name, digest in self.frozen.items()]
        lines += [
            f"{hashlib.sha256(outputs[name].encode()).hexdigest()}  {name}\n"
            for name in sorted(outputs)
            if BUILT.fullmatch(Path(name).name)
        ]
        (self.sql / "frozen.sha256").write_text("".join(lines), encoding="utf-8", newline="\n")
        return []


BANNER = """\
-- @what@
--
-- Generated by scripts/build.py: do not edit. Change sql/src, sql/migrations or plpython instead.
-- Install or upgrade with: psql -d mydb -f sql/install.sql
-- This file must run inside a transaction, as install.sql and create extension run it.
"""

MARKER_LINES = """\
if GD.get('steward_py.digest') != '@digest@': plpy.execute('select steward._load_python()')
steward_py = GD['steward_py']"""


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", nargs="?", choices=["build", "release"], default="build")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    options = parser.parse_args(arguments)
    try:
        tree = Tree(root)
        if options.check:
            problems = tree.problems(tree.outputs())
        else:
            problems = tree.release() if options.command == "release" else tree.write()
    except BuildError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"build: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
