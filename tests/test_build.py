"""scripts/build.py on small trees: each rule, and each way the committed files can go stale."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import build

EMBED = """\
-- why it exists
create or replace function steward.embed(texts text[], model text default 'it''s')
returns table (text text, n integer)
language plpython3u
immutable strict parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $python$
    # import steward_py
    return steward_py.entry.embed(plpy, texts)
$python$;

comment on function steward.embed(text[], text) is 'Embeds.';
"""
WORK = """\
create or replace procedure steward.work()
language plpython3u
as $python$
# import steward_py
$python$;
"""


class Toy:
    """A checkout small enough to be read at a glance."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.set_version("0.1.0")
        for name, text in {
            "sql/src/preamble.sql": "select '@previous_version@ to @version@';\n",
            "sql/src/schema.sql": "-- tables\n\\ir schema/item.sql\n",
            "sql/src/schema/item.sql": "create table steward_private.item (item_id bigint);\n",
            "sql/src/code.sql": "\\ir code/version.sql\n-- @define_python@\n\\ir code/last.sql\n",
            "sql/src/code/version.sql": "select '@version@';\n",
            "sql/src/code/last.sql": "select 'last';\n",
            "sql/src/python.sql": "-- python\n\\ir code/embed.sql\n\\ir code/work.sql\n",
            "sql/src/code/embed.sql": EMBED,
            "sql/src/code/work.sql": WORK,
            "sql/src/extension.sql": "select 'extension';\n",
            "plpython/steward_py/__init__.py": "",
            "plpython/steward_py/entry.py": "ANSWER = 42\n",
        }.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

    def read(self, name: str) -> str:
        return (self.root / name).read_bytes().decode()

    def replace(self, name: str, old: str, new: str) -> None:
        assert old in self.read(name)
        self.write(name, self.read(name).replace(old, new))

    def set_version(self, version: str) -> None:
        self.write("VERSION", version + "\n")
        self.write("sql/steward.control", f"default_version = '{version}'\n")
        self.write("CHANGELOG.md", f"# Changes\n\n## [Unreleased]\n\n## [{version}] - 2026-01-01\n")

    def run(self, *arguments: str) -> int:
        return build.main(arguments, self.root)

    def released(self) -> Toy:
        assert self.run() == 0
        assert self.run("release") == 0
        return self

    def fresh(self) -> str:
        assert self.run() == 0
        return self.read(f"sql/steward--{self.read('VERSION').strip()}.sql")


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


@pytest.fixture
def refused(toy: Toy, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the builder, which must fail without a traceback, and return what it says."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert toy.run(*arguments) == 1
        return capsys.readouterr().err

    return run


Refused = Callable[..., str]


# ---- versions


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("VERSION", "0.1\n", "VERSION must be like 1.2.3"),
        ("sql/steward.control", "default_version = '0.0.9'\n", "steward.control is 0.0.9"),
        ("sql/steward.control", "", "steward.control is missing"),
        ("CHANGELOG.md", "## [0.2.0]\n\n## [0.1.0]\n", "CHANGELOG.md is 0.2.0"),
        ("CHANGELOG.md", "## [Unreleased]\n", "CHANGELOG.md is missing"),
    ],
)
def test_versions_must_agree(toy: Toy, refused: Refused, name: str, text: str, said: str) -> None:
    toy.write(name, text)
    assert said in refused()


def test_version_cannot_go_back(toy: Toy, refused: Refused) -> None:
    toy.set_version("0.10.0")
    toy.released()
    toy.set_version("0.9.0")
    assert "VERSION is 0.9.0, but 0.10.0 is released" in refused()


# ---- flattening


def test_parts_come_in_order_and_under_their_names(toy: Toy) -> None:
    names = re.findall(r"^-- (sql/src/\S+)$", toy.fresh(), re.MULTILINE)
    assert names == [
        "sql/src/preamble.sql",
        "sql/src/schema.sql",
        "sql/src/schema/item.sql",
        "sql/src/code.sql",
        "sql/src/code/version.sql",
        "sql/src/code/embed.sql",  # its definition
        "sql/src/code/work.sql",
        "sql/src/code/embed.sql",  # its comment
        "sql/src/code/work.sql",
        "sql/src/code/last.sql",
        "sql/src/extension.sql",
    ]


def test_bundle_is_plain_sql(toy: Toy) -> None:
    text = toy.fresh()
    assert "\\" not in build.mask(text)
    assert "select '0.1.0';" in text
    assert "select ' to 0.1.0';" in text
    assert "@" not in text


def test_headings_of_manifests_are_kept(toy: Toy) -> None:
    assert "\n-- tables\n" in toy.fresh()


def test_includes_nest_and_are_relative_to_their_file(toy: Toy) -> None:
    toy.write("sql/src/schema/item.sql", "\\ir more/one.sql\n")
    toy.write("sql/src/schema/more/one.sql", "select 'one';\n")
    assert "-- sql/src/schema/more/one.sql\nselect 'one';" in toy.fresh()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\\i other.sql\n", "item.sql:1: the only backslash command here is \\ir"),
        ("select 1 \\gset\n", "item.sql:1: the only backslash"),
        ("select 1;\n\\ir missing.sql\n", "item.sql:2: missing.sql does not exist"),
        ("\\ir ../code/last.sql\n", "sql/src/code/last.sql is included a second time"),
        ("\\ir item.sql\n", "item.sql is included a second time"),
        ("select 1;\nbegin;\n", "item.sql:2: no transaction commands"),
        ("  COMMIT work;\n", "item.sql:1: no transaction commands"),
        ("start transaction read only;\n", "no transaction commands"),
        ("rollback to savepoint a;\n", "no transaction commands"),
        ("create schema\n    if not exists steward;\n", "a plain create schema"),
        ("select '@extschema@.x';\n", "write the name out"),
        ("select 1;\n\n-- caf\u00e9\n", "item.sql:3: only ASCII"),
        ("select a[1:n] from b;\n", "psql would take this for a variable"),
    ],
)
def test_what_a_source_file_may_not_hold(toy: Toy, refused: Refused, text: str, said: str) -> None:
    toy.write("sql/src/schema/item.sql", text)
    assert said in refused()


@pytest.mark.parametrize(
    "text",
    [
        "do $do$\nbegin\n    commit;\n    \\not a command\nend\n$do$;\n",
        "select '\\d', E'\\'\\n', \"a\\b\", 'it''s \\';\n-- don't \\worry\n/* it's\n\\fine */\n",
        "create function f() returns int begin atomic select 1; end;\n",
        "select x::text, a[1 : n], '{\"a\":b}', '12:mm';\n",
        "select $$ ' $$, $a$ $$ \\ $a$;\n",
    ],
)
def test_what_a_source_file_may_hold(toy: Toy, text: str) -> None:
    toy.write("sql/src/schema/item.sql", text)
    assert text in toy.fresh()


def test_every_source_file_is_in_a_manifest(toy: Toy, refused: Refused) -> None:
    toy.write("sql/src/code/forgotten.sql", "select 1;\n")
    assert "sql/src/code/forgotten.sql is in no manifest" in refused()


def test_a_manifest_must_exist(toy: Toy, refused: Refused) -> None:
    (toy.root / "sql/src/schema.sql").unlink()
    assert "sql/src/schema.sql is missing" in refused()


def test_python_manifest_holds_no_sql(toy: Toy, refused: Refused) -> None:
    toy.write("sql/src/python.sql", toy.read("sql/src/python.sql") + "select 1;\n")
    assert "sql/src/python.sql: only \\ir lines and comments" in refused()


@pytest.mark.parametrize("marker", ["", "-- @define_python@\n-- @define_python@\n"])
def test_python_has_one_place(toy: Toy, refused: Refused, marker: str) -> None:
    toy.replace("sql/src/code.sql", "-- @define_python@\n", marker)
    assert "exactly once" in refused()


# ---- PL/Python


def test_marker_becomes_two_lines(toy: Toy) -> None:
    text = toy.fresh()
    assert "# import steward_py" not in text
    shim = re.search(
        r"""as \$python\$
    if GD\.get\('steward_py\.digest'\) != '([0-9a-f]{16})': """
        r"""plpy\.execute\('select steward\._load_python\(\)'\)
    steward_py = GD\['steward_py'\]
    return steward_py\.entry\.embed\(plpy, texts\)
\$python\$""",
        text,
    )
    assert shim
    assert f"GD['steward_py.digest'] = '{shim[1]}'" in text


def test_digest_follows_the_sources(toy: Toy) -> None:
    digests = []
    for name, text in (
        ("entry.py", "ANSWER = 42\n"),
        ("entry.py", "ANSWER = 43\n"),
        ("other.py", ""),
        ("entry.py", "ANSWER = 42\n"),
    ):
        toy.write(f"plpython/steward_py/{name}", text)
        found = re.search(r"GD\['steward_py.digest'\] = '(\w+)'", toy.fresh())
        assert found
        digests.append(found[1])
    assert len(set(digests)) == 4


def test_stub_has_the_same_signature(toy: Toy) -> None:
    stub = re.search(
        r"execute (\$\w+\$)\n(create or replace function steward\.embed.*?)\1",
        toy.fresh(),
        re.DOTALL,
    )
    assert stub
    header = EMBED.partition("create")[2].partition("as $python$")[0]
    expected = "create" + header.replace("plpython3u", "plpgsql") + "as $stub$"
    assert stub[2].startswith(expected)
    assert "raise exception 'function steward.embed requires PL/Python'" in stub[2]
    assert "raise exception 'procedure steward.work requires PL/Python'" in toy.fresh()


def test_comments_follow_the_definitions(toy: Toy) -> None:
    text = toy.fresh()
    call = text.index("perform steward_private.define_python();")
    assert call < text.index("comment on function steward._load_python()")
    assert call < text.index("comment on function steward.embed(")
    assert text.count("comment on function steward.embed(") == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("$python$", "$$", "expected one function"),
        ("create or replace function", "create function", "expected one function"),
        ("comment on", "create view v as select 1;\ncomment on", "expected one function"),
        ("plpython3u", "plpgsql", "expected language plpython3u"),
        ("language plpython3u", "transform for type jsonb\nlanguage plpython3u", "no transform"),
        ("parallel unsafe", "parallel safe", "parallel unsafe here"),
        ("parallel unsafe", "parallel\nrestricted", "parallel unsafe here"),
        ("    # import steward_py\n", "", "expected the line # import steward_py once"),
    ],
)
def test_what_a_python_function_must_be(
    toy: Toy, refused: Refused, old: str, new: str, said: str
) -> None:
    toy.replace("sql/src/code/embed.sql", old, new)
    message = refused()
    assert "sql/src/code/embed.sql: " in message
    assert said in message


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("entry.py", "def f(:\n", "plpython/steward_py/entry.py: "),
        ("sub/deep.py", "", "plpython/steward_py/sub has no __init__.py"),
    ],
)
def test_what_the_package_must_be(
    toy: Toy, refused: Refused, name: str, text: str, said: str
) -> None:
    toy.write(f"plpython/steward_py/{name}", text)
    assert said in refused()


def test_the_package_must_exist(toy: Toy, refused: Refused) -> None:
    (toy.root / "plpython/steward_py/__init__.py").unlink()
    (toy.root / "plpython/steward_py/entry.py").unlink()
    assert "plpython/steward_py/__init__.py is missing" in refused()


NASTY = (
    "T = '''a\n\t\\n $$ $python$; $definition$ $definition_2$ $define_python$ \\\\ir x @version@\n"
    "@digest@ @modules@ @real@ @stubs@ \u00e9 \u2028 \U0001f600 \x0c 'q' \"d\"\n"
    "# import steward_py\n-- @define_python@\n'''\r\n# $python"
)


def unquote(sql: str) -> str:
    """Return what is between the first dollar quotes, as PostgreSQL reads it."""
    match = re.search(r"(\$\w+\$)(.*?)\1", sql, re.DOTALL)
    assert match
    return match[2]


def test_sources_arrive_byte_for_byte(toy: Toy) -> None:
    toy.write("plpython/steward_py/sub/__init__.py", "")
    toy.write("plpython/steward_py/sub/nasty.py", NASTY)
    text = toy.fresh()
    assert text.isascii()

    # As PostgreSQL does: the body of define_python, in it the definition, in it the Python body.
    body = unquote(text[text.index("function steward_private.define_python()") :])
    loader = unquote(unquote(body[body.index("-- plpython/steward_py\n") - 30 :]))
    # As PL/Python does: indent every line, and run it as a function.
    source = "def run(GD):" + f"\n{loader}".replace("\n", "\n\t")
    source = source.partition("\n\tclass StewardFinder")[0] + "\n\treturn modules\n"
    scope: dict[str, Callable[[object], dict[str, tuple[str, str]]]] = {}
    exec(source, scope)  # noqa: S102
    assert scope["run"]({}) == {
        "steward_py": ("plpython/steward_py/__init__.py", ""),
        "steward_py.entry": ("plpython/steward_py/entry.py", "ANSWER = 42\n"),
        "steward_py.sub": ("plpython/steward_py/sub/__init__.py", ""),
        "steward_py.sub.nasty": ("plpython/steward_py/sub/nasty.py", NASTY),
    }


def test_dollar_quote_finds_a_free_tag() -> None:
    assert build.dollar_quote("a\n", "t") == "$t$\na\n$t$"
    assert build.dollar_quote("a $t$ $t_2$", "t") == "$t_3$\na $t$ $t_2$\n$t_3$"


# ---- upgrades and the ladder


def test_first_version_has_no_upgrade(toy: Toy) -> None:
    toy.fresh()
    assert [path.name for path in sorted((toy.root / "sql").glob("steward--*"))] == [
        "steward--0.1.0.sql"
    ]
    assert "--0.1.0.sql\n\\else" not in toy.read("sql/install.sql")


def test_upgrade_is_migrations_and_the_whole_code(toy: Toy) -> None:
    toy.set_version("0.9.0")
    toy.released()
    toy.set_version("0.11.0")
    toy.write("sql/migrations/0.10.0-01-first.sql", "select 'm1';\n")
    toy.write("sql/migrations/0.11.0-02-third.sql", "\\ir ../src/schema/fresh.sql\nselect 'm3';\n")
    toy.write("sql/migrations/0.11.0-01-second.sql", "select 'm2';\n")
    toy.write("sql/src/schema/fresh.sql", "create table steward_private.fresh (i integer);\n")
    toy.replace("sql/src/schema.sql", "item.sql\n", "item.sql\n\\ir schema/fresh.sql\n")
    assert toy.run() == 0
    upgrade = toy.read("sql/steward--0.9.0--0.11.0.sql")
    places = [
        upgrade.index(text)
        for text in (
            "select '0.9.0 to 0.11.0';",
            "select 'm1';",
            "select 'm2';",
            "-- sql/src/schema/fresh.sql\ncreate table",
            "select 'm3';",
            "select '0.11.0';",
            "perform steward_private.define_python();",
            "select 'last';",
            "select 'extension';",
        )
    ]
    assert places == sorted(places)
    assert "steward_private.item (" not in upgrade


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("0.2.0-first.sql", "expected a name like"),
        ("0.3.0-01-late.sql", "is for a version after 0.2.0"),
        ("0.1.0-01-early.sql", "is for a version that is already released"),
    ],
)
def test_a_migration_that_would_never_run(toy: Toy, refused: Refused, name: str, said: str) -> None:
    toy.released().set_version("0.2.0")
    toy.write(f"sql/migrations/{name}", "select 1;\n")
    assert said in refused()


def test_released_migrations_may_stay(toy: Toy, refused: Refused) -> None:
    toy.released().set_version("0.2.0")
    toy.write("sql/migrations/0.2.0-01-what.sql", "select 1;\n")
    toy.released().set_version("0.3.0")
    assert toy.run() == 0
    toy.write("sql/migrations/0.2.0-02-too-late.sql", "select 1;\n")
    assert "0.2.0-02-too-late.sql is for a version that is already released" in refused()


def test_ladder_has_one_rung_for_each_release(toy: Toy) -> None:
    toy.released().set_version("0.2.0")
    toy.released().set_version("0.3.0")
    assert toy.run() == 0
    install = toy.read("sql/install.sql")
    assert re.findall(r"^\\ir (.*)", install, re.MULTILINE) == [
        "steward--0.3.0.sql",
        "steward--0.1.0--0.2.0.sql",
        "steward--0.2.0--0.3.0.sql",
    ]
    assert "array['0.1.0', '0.2.0', '0.3.0']" in install
    assert "@" not in install


# ---- what is committed


def test_check_accepts_what_build_wrote(toy: Toy) -> None:
    assert toy.run() == 0
    assert toy.run("--check") == 0
    toy.released().set_version("0.2.0")
    assert toy.run() == 0
    assert toy.run("--check") == 0


def test_check_writes_nothing(toy: Toy, refused: Refused) -> None:
    assert "sql/steward--0.1.0.sql is not what the sources make; run: scripts/build.py" in refused(
        "--check"
    )
    assert not list((toy.root / "sql").glob("steward--*"))


@pytest.mark.parametrize("name", ["steward--0.2.0.sql", "steward--0.1.0--0.2.0.sql", "install.sql"])
@pytest.mark.parametrize("how", ["edited", "deleted"])
def test_check_sees_a_stale_file(toy: Toy, refused: Refused, name: str, how: str) -> None:
    toy.released().set_version("0.2.0")
    assert toy.run() == 0
    if how == "edited":
        toy.write(f"sql/{name}", toy.read(f"sql/{name}") + "\n")
    else:
        (toy.root / "sql" / name).unlink()
    assert refused("--check") == (
        f"build: sql/{name} is not what the sources make; run: scripts/build.py\n"
    )
    assert toy.run() == 0
    assert toy.run("--check") == 0


@pytest.mark.parametrize(
    "name",
    ["sql/src/preamble.sql", "sql/src/schema/item.sql", "plpython/steward_py/entry.py"],
)
def test_check_sees_a_changed_source(toy: Toy, refused: Refused, name: str) -> None:
    assert toy.run() == 0
    toy.write(name, toy.read(name) + "\n# -- '\n" if name.endswith("py") else "select 2;\n")
    assert "sql/steward--0.1.0.sql is not what the sources make" in refused("--check")


def test_check_sees_a_file_of_no_release(toy: Toy, refused: Refused) -> None:
    assert toy.run() == 0
    toy.set_version("0.2.0")
    said = "sql/steward--0.1.0.sql belongs to no release; delete it"
    assert said in refused()
    assert said in refused("--check")


# ---- releases


def test_release_freezes_the_built_files(toy: Toy) -> None:
    toy.released().set_version("0.2.0")
    toy.released()
    lines = toy.read("sql/frozen.sha256").splitlines()
    assert [line.split("  ")[1] for line in lines] == [
        "sql/steward--0.1.0.sql",
        "sql/steward--0.1.0--0.2.0.sql",
        "sql/steward--0.2.0.sql",
    ]
    for line in lines:
        digest, name = line.split("  ")
        assert digest == hashlib.sha256(toy.read(name).encode()).hexdigest()


def test_release_only_what_is_built(toy: Toy, refused: Refused) -> None:
    assert "run: scripts/build.py" in refused("release")
    assert not (toy.root / "sql/frozen.sha256").exists()


def test_release_once(toy: Toy, refused: Refused) -> None:
    toy.released()
    assert refused("release") == "build: 0.1.0 is already released\n"


@pytest.mark.parametrize("arguments", [(), ("--check",)])
@pytest.mark.parametrize("version", ["0.1.0", "0.2.0"])
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_released_files_stay(
    toy: Toy, refused: Refused, arguments: tuple[str, ...], version: str, how: str
) -> None:
    toy.released().set_version(version)
    assert toy.run() == 0
    path = toy.root / "sql/steward--0.1.0.sql"
    if how == "changed":
        path.write_text("select 1;\n")
    else:
        path.unlink()
    assert refused(*arguments) == (
        f"build: sql/steward--0.1.0.sql was released and {'has' if how == 'changed' else 'is'} "
        f"{how}; run: git checkout -- sql/steward--0.1.0.sql\n"
    )


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_released_version_is_not_rebuilt(
    toy: Toy, refused: Refused, arguments: tuple[str, ...]
) -> None:
    toy.released()
    before = toy.read("sql/steward--0.1.0.sql")
    toy.write("sql/src/code/last.sql", "select 'changed';\n")
    message = refused(*arguments)
    assert "the sources no longer make sql/steward--0.1.0.sql, and 0.1.0 is released" in message
    assert "raise the version in VERSION" in message
    assert toy.read("sql/steward--0.1.0.sql") == before
    toy.set_version("0.2.0")
    assert toy.run() == 0
    assert toy.read("sql/steward--0.1.0.sql") == before
