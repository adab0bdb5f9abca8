"""Every released version climbs to this one, and nobody can tell it from a fresh installation."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import build
from catalog import snapshot
from support import INSTALL, ROOT, VERSION, Database
from test_install import extension  # noqa: F401 - a fixture

FROZEN = (ROOT / "sql" / "frozen.sha256").read_text(encoding="utf-8")
RELEASED = re.findall(r"sql/steward--(\d+\.\d+\.\d+)\.sql", FROZEN)
OLDER = [version for version in RELEASED if version != VERSION]


def install_released(database: Database, version: str) -> None:
    """Install exactly what was released then."""
    database.psql(
        "-1", "-v", "ON_ERROR_STOP=1", "-q", "-f", ROOT / "sql" / f"steward--{version}.sql"
    )


def put_data(database: Database) -> None:
    """What a user of 0.1.0 can have: another model."""
    database.run(
        "insert into steward_private.model (model_name, dimensions) values ('house/words@3', 4)"
    )


def check_data(database: Database) -> None:
    """It is still there and is of use."""
    assert database.run(
        "select model, dimensions, provider from steward.models order by model"
    ) == [("builtin/hash@1", 256, "builtin"), ("house/words@3", 4, "external")]
    database.run("create table notes (id integer primary key, body text)")
    database.run("insert into notes values (1, 'Bread is baked.')")
    database.run("select steward.track('notes', content => 'body', model => 'house/words@3')")
    ((token,),) = database.run("select token from steward.claim('w', provider => 'external')")
    assert database.value("select steward.complete(%s, array['[1,2,3,4]'])", token) == "embedded"


def test_there_is_something_to_climb_from() -> None:
    """An upgrade that nobody tests is broken."""
    assert OLDER


@pytest.mark.parametrize("version", OLDER)
def test_psql_upgrade_equals_fresh(version: str, bare: Database, db: Database) -> None:
    """Same catalog, and the data have survived."""
    install_released(bare, version)
    assert bare.value("select steward.version()") == version
    put_data(bare)
    done = bare.psql("-f", INSTALL)
    assert done.stdout.startswith(f"pg_steward upgraded from {version} to {VERSION}\n")
    assert snapshot(bare) == snapshot(db)
    check_data(bare)


@pytest.mark.parametrize("version", OLDER)
@pytest.mark.usefixtures("extension")
def test_extension_upgrade_equals_fresh(version: str, bare: Database, db: Database) -> None:
    """ALTER EXTENSION UPDATE goes the same way; install.sql leaves an extension to it."""
    bare.run(f"create extension steward version '{version}'")
    put_data(bare)
    done = bare.psql("-f", INSTALL, check=False)
    assert done.returncode == 3
    assert "alter extension steward update" in done.stderr
    bare.run("alter extension steward update")
    assert bare.value("select steward.version()") == VERSION
    assert snapshot(bare) == snapshot(db)
    check_data(bare)


@pytest.mark.parametrize("version", OLDER)
def test_failed_upgrade_changes_nothing(version: str, bare: Database, tmp_path: Path) -> None:
    """An error in the last statement of the last step leaves the old version as it was."""
    install_released(bare, version)
    before = snapshot(bare)
    folder = tmp_path / "sql"
    shutil.copytree(ROOT / "sql", folder)
    ladder = sorted(folder.glob("steward--*--*.sql"))[-1]
    ladder.write_text(ladder.read_text(encoding="utf-8") + "\nselect 1/0;\n", encoding="utf-8")
    done = bare.psql("-f", folder / "install.sql", check=False)
    assert done.returncode == 3
    assert "division by zero" in done.stderr
    assert snapshot(bare) == before
    assert bare.value("select steward.version()") == version


def next_version(folder: Path) -> Path:
    """A copy of the project in which this version is released and the next one embeds otherwise."""
    for name in ("sql", "plpython", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "VERSION").write_text(VERSION, encoding="utf-8")
    shutil.copy(ROOT / "CHANGELOG.md", folder)
    if VERSION not in RELEASED:
        assert build.main(["release"], folder) == 0

    (folder / "VERSION").write_text("99.0.0\n", encoding="utf-8")
    for name, before, after in (
        ("sql/steward.control", f"'{VERSION}'", "'99.0.0'"),
        ("CHANGELOG.md", "## [", "## [99.0.0] - 2099-01-01\n\n## ["),
        (
            "plpython/steward_py/models.py",
            "def embed(",
            'def embed(*_: object) -> list[str]:\n    return ["the next version was here"]\n\n\n'
            "def embed_of_before(",
        ),
    ):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after, 1), encoding="utf-8")
    assert build.main([], folder) == 0
    return folder


def test_open_session_runs_the_new_python_on_its_next_call(db: Database, tmp_path: Path) -> None:
    """No restart, no reconnect: not even a pooler notices."""
    with db.connect() as session:

        def embed() -> Any:
            row = session.execute("select (steward.embed(array['x']))[1]").fetchone()
            return row and row[0]

        before = embed()
        assert before.startswith("[")
        folder = next_version(tmp_path / "next")
        done = db.psql("-f", folder / "sql" / "install.sql")
        assert done.stdout.startswith(f"pg_steward upgraded from {VERSION} to 99.0.0\n")
        assert embed() == "the next version was here"
    assert db.value("select (steward.embed(array['x']))[1]") == "the next version was here"


def test_generated_objects_are_made_anew(db: Database, tmp_path: Path) -> None:
    """A source tracked by one version is looked after by the code of the next; data survive."""
    db.run("create table notes (id integer primary key, body text)")
    db.run("insert into notes values (1, 'Bread is baked.'), (2, 'Tides turn.')")
    db.run("select steward.track('notes', content => 'body')")
    db.work()
    db.run("update notes set body = 'Tides turn twice.' where id = 2")
    before = snapshot(db)
    # as an earlier version might have made it
    db.run(
        "create or replace function steward_data.notes_1_mark() returns trigger language plpgsql "
        "as 'begin return null; end'"
    )
    db.run(
        'create or replace function steward_private.scan_1(last_key jsonb, "limit" integer) '
        "returns table (key jsonb) language sql security definer "
        "begin atomic select '{\"id\": 7}'::jsonb; end"
    )
    folder = next_version(tmp_path / "next")
    db.psql("-f", folder / "sql" / "install.sql")
    for name in ("notes_1_mark()", "scan_1("):
        assert lines_about(snapshot(db), name) == lines_about(before, name)
    db.run("insert into notes values (3, 'Locks hold.')")
    assert db.run("select key, state from steward.jobs order by key") == [
        ({"id": 2}, "pending"),
        ({"id": 3}, "pending"),
    ]
    assert db.run("select documents, fresh, pending from steward.freshness") == [(3, 1, 2)]


def lines_about(text: str, name: str) -> list[str]:
    """What a snapshot says of a generated function."""
    found = [line for line in text.splitlines() if name in line]
    assert found
    return found


def test_traceback_names_file_and_line(db: Database, tmp_path: Path) -> None:
    """An error inside the package is told with the place where it is in the sources."""
    folder = next_version(tmp_path / "next")
    path = folder / "plpython" / "steward_py" / "models.py"
    text = path.read_text(encoding="utf-8").replace(
        'return ["the next version was here"]',
        "with reporting(_[0]):\n        raise KeyError('here')",
    )
    path.write_text(text, encoding="utf-8")
    line = text[: text.index("raise KeyError('here')")].count("\n") + 1
    assert build.main([], folder) == 0
    db.psql("-f", folder / "sql" / "install.sql")
    done = db.psql("-c", "select steward.embed(array['x'])", check=False)
    assert f'steward_py/models.py", line {line}' in done.stderr
    assert "KeyError" in done.stderr
