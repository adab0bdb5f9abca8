"""Installing, installing again, failing, uninstalling; and CREATE EXTENSION as the other way."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from catalog import snapshot
from pgenv import Cluster
from support import INSTALL, ROOT, UNINSTALL, VERSION, Database, quote_name, run_program

PSQL_STOPPED = 3
OURS = """
select nspname::text from pg_namespace where nspname ~ '^steward'
union all select proname from pg_proc where pronamespace::regnamespace::text ~ '^steward'
union all select tgname from pg_trigger where tgname ~ '^steward'
"""


@pytest.fixture
def copy_of_bundle(tmp_path: Path) -> Path:
    """The SQL folder in another place, to be damaged; its name needs quoting."""
    folder = tmp_path / "a bundle's copy"
    shutil.copytree(ROOT / "sql", folder, ignore=shutil.ignore_patterns("src", "migrations"))
    return folder


@pytest.fixture
def extension(cluster: Cluster) -> Iterator[None]:
    """The files of the extension where the server looks for them, as make install puts them."""
    if not cluster.postgres.private:
        pytest.skip("the PostgreSQL in use is the machine's own, whose folders are not ours")

    def make(target: str) -> None:
        config = f"PG_CONFIG={cluster.bin('pg_config')}"
        subprocess.run(["make", "-s", "-C", ROOT, target, config], check=True)

    make("install")
    yield
    # Left there: another worker of the same run may be using them, and they are under .steward.


def track_something(db: Database) -> None:
    """A table with vectors, of which one row waits."""
    db.run("create table articles (id integer primary key, body text)")
    db.run("insert into articles values (1, 'Bread is baked.'), (2, 'Tides turn.')")
    db.run("select steward.track('articles', content => 'body')")
    db.work()
    db.run("update articles set body = 'Bread is baked in an oven.' where id = 1")


def test_install_says_what_it_did(bare: Database) -> None:
    """One line and a hint; a second time nothing changes and it says so."""
    done = bare.psql("-f", INSTALL)
    assert done.stdout == (
        f"pg_steward {VERSION} installed\nLook at it with: select * from steward.check();\n"
    )
    assert done.stderr == ""
    before = snapshot(bare)

    done = bare.psql("-f", INSTALL)
    assert done.stdout.startswith(f"pg_steward already at {VERSION}\n")
    assert done.stderr == ""
    assert snapshot(bare) == before
    assert bare.value("select steward.version()") == VERSION
    assert bare.run("select item from steward.check() where status = 'critical'") == []


def test_install_from_anywhere_and_inside_a_session(
    bare: Database, copy_of_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    r"""\i finds its parts wherever psql was started, and leaves psql's settings alone."""
    monkeypatch.chdir("/")
    path = str(copy_of_bundle / "install.sql").replace("'", "''")
    done = bare.psql(
        stdin=f"\\set ON_ERROR_STOP off\nbegin;\ncreate table mine (id integer);\n\\i '{path}'\n"
        "select 1/0;\n\\echo :ON_ERROR_STOP\nselect steward.version();\n"
    )
    assert "division by zero" in done.stderr
    assert VERSION in done.stdout
    assert "\noff\n" in done.stdout
    # documented: an open transaction of the caller's is committed
    assert bare.value("select count(*) from mine") == 0


def test_failed_install_leaves_nothing(bare: Database, copy_of_bundle: Path) -> None:
    """An error in the very last statement takes everything back."""
    built = copy_of_bundle / f"steward--{VERSION}.sql"
    built.write_text(built.read_text(encoding="utf-8") + "\nselect 1/0;\n", encoding="utf-8")
    done = bare.psql("-f", copy_of_bundle / "install.sql", check=False)
    assert done.returncode == PSQL_STOPPED
    assert "division by zero" in done.stderr
    assert bare.run(OURS) == []

    bare.psql("-f", INSTALL)
    assert bare.value("select steward.version()") == VERSION


def test_bundle_without_its_transaction_is_refused(bare: Database) -> None:
    """The built file run by itself stops before it makes anything."""
    done = bare.psql("-f", ROOT / "sql" / f"steward--{VERSION}.sql", check=False)
    assert "must run inside a transaction" in done.stderr
    assert bare.run(OURS) == []


def test_unknown_version_is_refused(db: Database) -> None:
    """A database of a later version is not touched."""
    db.run(
        "create or replace function steward.version() returns text language sql immutable "
        "return '99.0.0'"
    )
    done = db.psql("-f", INSTALL, check=False)
    assert done.returncode == PSQL_STOPPED
    assert "pg_steward 99.0.0 is installed, which this copy does not know" in done.stderr
    assert "HINT:" in done.stderr
    assert db.value("select steward.version()") == "99.0.0"


@pytest.mark.parametrize("schema", ["steward", "steward_private", "steward_data"])
def test_schema_of_somebody_else_is_refused(bare: Database, schema: str) -> None:
    """What is there under our name is not ours."""
    bare.run(f"create schema {schema}")
    done = bare.psql("-f", INSTALL, check=False)
    assert done.returncode == PSQL_STOPPED
    assert f'schema "{schema}" already exists' in done.stderr
    assert bare.run(OURS) == [(schema,)]


def test_database_without_pgvector_is_refused(empty: Database) -> None:
    """With the line to type."""
    done = empty.psql("-f", INSTALL, check=False)
    assert done.returncode == PSQL_STOPPED
    assert "Run: create extension vector;" in done.stderr
    assert empty.run(OURS) == []


def test_two_installations_at_once(bare: Database) -> None:
    """One installs, the other finds the work done."""
    command = [bare.cluster.bin("psql"), "-X", "-f", str(INSTALL)]
    both = [
        subprocess.Popen(
            command, env=bare.cluster.env(bare.name), stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    first_lines = sorted(process.communicate(timeout=60)[0].split("\n")[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert first_lines == [f"pg_steward {VERSION} installed", f"pg_steward already at {VERSION}"]


def test_without_plpython(empty: Database) -> None:
    """Everything is there; what needs PL/Python says so, and works once it has come."""
    empty.run("create extension vector")
    empty.psql("-f", INSTALL)
    assert empty.run("select status, hint from steward.check() where item = 'plpython3u'") == [
        (
            "missing",
            "As a superuser, run: create extension plpython3u; select steward.enable_python();",
        )
    ]
    empty.run("create table articles (id integer primary key, body text)")
    empty.run("insert into articles values (1, 'Bread is baked.')")
    empty.run("select steward.track('articles', content => 'body')")
    empty.run("update articles set body = 'Bread is baked at home.'")
    assert empty.run("select state, generation from steward.jobs") == [("pending", 1)]

    for call in (
        "select steward.embed(array['x'])",
        "select * from steward.search('articles', 'x')",
        "select * from steward.claim('worker')",
        "call steward.work()",
        "select steward.enable_python()",
    ):
        with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
            empty.run(call)
        assert "PL/Python" in str(caught.value.diag.message_primary), call
        assert "create extension plpython3u" in str(caught.value.diag.message_hint), call
    assert empty.run("select state, attempts from steward.jobs") == [("pending", 0)]

    empty.run("create extension plpython3u")
    assert empty.value("select steward.enable_python()") is True
    empty.work()
    assert empty.run("select key from steward.search('articles', 'bread')") == [({"id": 1},)]


def test_with_and_without_plpython_the_catalog_is_the_same(bare: Database, empty: Database) -> None:
    """A language that came later makes no difference."""
    bare.psql("-f", INSTALL)
    empty.run("create extension vector")
    empty.psql("-f", INSTALL)
    empty.run("create extension plpython3u")
    empty.run("select steward.enable_python()")
    assert snapshot(empty) == snapshot(bare)


def test_installed_by_an_ordinary_role(make_role: Callable[..., str], empty: Database) -> None:
    """The owner of a database who is no superuser can install, track and hand in vectors."""
    empty.run("create extension vector")
    owner = make_role()
    Database(empty.cluster, "postgres").run(f"alter role {quote_name(owner)} createrole")
    empty.run(f"alter database {empty.name} owner to {quote_name(owner)}")
    run_program(empty.cluster, empty.name, "psql", ["-X", "-U", owner, "-f", INSTALL])
    empty.run(
        "create schema app; create table app.notes (id integer primary key, body text)",
    )
    empty.run(f"alter schema app owner to {quote_name(owner)}")
    empty.run(f"alter table app.notes owner to {quote_name(owner)}")
    empty.run("select steward.track('app.notes', content => 'body')", user=owner)
    empty.run("insert into app.notes values (1, 'x')", user=owner)
    assert empty.run("select key, state from steward.jobs", user=owner) == [({"id": 1}, "pending")]
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        empty.run("select * from steward.claim('w')", user=owner)
    empty.run("select steward.untrack('app.notes')", user=owner)


# Somebody else was here first ---------------------------------------------------------------------

TRAP = """
create function steward.version() returns text language plpgsql as $$
begin
    if (select rolsuper from pg_roles where rolname = current_user) then
        alter role {thief} superuser;
    end if;
    return '{version}';
end
$$
"""


@pytest.fixture
def thief(bare: Database, make_role: Callable[..., str]) -> Iterator[str]:
    """The owner of the database, no superuser, who would be one."""
    name = make_role()
    bare.run(f"alter database {bare.name} owner to {quote_name(name)}")
    yield name
    bare.run(f"alter database {bare.name} owner to postgres")


def set_trap(database: Database, thief: str, version: str) -> None:
    """A function that whoever looks for pg_steward would call."""
    database.run("create schema if not exists steward", user=thief)
    database.run(TRAP.format(thief=quote_name(thief), version=version), user=thief)


def is_superuser(database: Database, role: str) -> bool:
    """Did it work?"""
    return bool(database.value("select rolsuper from pg_roles where rolname = %s", role))


@pytest.mark.parametrize("version", [VERSION, "0.1.0", "99.0.0"])
@pytest.mark.parametrize("script", [INSTALL, UNINSTALL])
def test_trap_is_not_stepped_into(bare: Database, thief: str, script: Path, version: str) -> None:
    """A function of an ordinary role is not called with the privileges of a superuser."""
    set_trap(bare, thief, version)
    done = bare.psql("-f", script, check=False)
    assert not is_superuser(bare, thief)
    assert done.returncode == PSQL_STOPPED
    assert "cannot be trusted" in done.stderr
    assert f"schema steward is owned by {quote_name(thief)}" in done.stderr
    assert f"function steward.version() is owned by {quote_name(thief)}" in done.stderr
    assert f"connect as {quote_name(thief)}" in done.stderr
    assert bare.run(OURS) == [("steward",), ("version",)]


@pytest.mark.parametrize("script", [INSTALL, UNINSTALL])
@pytest.mark.parametrize("thing", ["schema steward_data", "function steward.version()"])
def test_one_thing_of_somebody_else_is_enough(
    db: Database, make_role: Callable[..., str], script: Path, thing: str
) -> None:
    """In a genuine installation, too."""
    thief = make_role()
    db.run(f"alter {thing} owner to {quote_name(thief)}")
    before = snapshot(db)
    done = db.psql("-f", script, check=False)
    assert done.returncode == PSQL_STOPPED
    assert f"{thing} is owned by {quote_name(thief)}" in done.stderr
    assert snapshot(db) == before


@pytest.mark.usefixtures("extension")
def test_trap_for_create_extension(bare: Database, thief: str) -> None:
    """The built file asks, too."""
    set_trap(bare, thief, "0.1.0")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="cannot be trusted"):
        bare.run("create extension steward")
    assert not is_superuser(bare, thief)
    assert bare.run(OURS) == [("steward",), ("version",)]


# Settings that a database or a role brings along -------------------------------------------------

HABITS = {
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "escape_string_warning": "on",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "row_security": "off",
    "check_function_bodies": "off",
    "search_path": "trap",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "bytea_output": "escape",
    "intervalstyle": "sql_standard",
    "datestyle": "German",
    "plpgsql.variable_conflict": "use_column",
    "plpgsql.extra_errors": "all",
}
# Operators and functions that would be taken before those of pg_catalog.
TRAP_SCHEMA = """
create schema trap;
create function trap.no(text, text) returns boolean language plpgsql
as 'begin raise ''a function of the user was called''; end';
create operator trap.= (leftarg = text, rightarg = text, function = trap.no);
create table trap.pg_proc (oid oid);
create table trap.pg_namespace (oid oid);
"""


def set_habits(database: Database) -> None:
    """From now on, for every new session."""
    database.run(TRAP_SCHEMA)
    for name, value in HABITS.items():
        # A new session has them already.
        with database.connect() as session:
            session.execute("set default_transaction_read_only = off")
            session.execute(f"alter database {database.name} set {name} = '{value}'")


def forget_habits(database: Database) -> None:
    """As a test wants it that looks at the result."""
    with database.connect() as session:
        session.execute("set default_transaction_read_only = off")
        session.execute(f"alter database {database.name} reset all")
    database.run("drop schema trap cascade")


def test_settings_of_the_database_do_not_matter(bare: Database, db: Database) -> None:
    """The same comes out, and the settings are as they were; so too when uninstalling."""
    set_habits(bare)
    show = "".join(f"show {name};\n" for name in HABITS)
    before = bare.psql("-At", stdin=show).stdout
    assert before.startswith("off\n")
    for _ in range(2):
        done = bare.psql("-At", stdin=f"\\set QUIET on\n\\i {INSTALL}\n{show}")
        assert done.stderr == ""
        assert done.stdout.endswith(f"check();\n{before}")
    forget_habits(bare)
    assert snapshot(bare) == snapshot(db)

    set_habits(bare)
    done = bare.psql("-At", stdin=f"\\set QUIET on\n\\i {UNINSTALL}\n{show}")
    assert done.stderr == ""
    assert done.stdout == f"pg_steward {VERSION} uninstalled\n{before}"
    assert bare.run(OURS) == []


def test_settings_come_back_after_a_failure(bare: Database, copy_of_bundle: Path) -> None:
    """In the session, where set local is not enough if the transaction is left open."""
    built = copy_of_bundle / f"steward--{VERSION}.sql"
    built.write_text(built.read_text(encoding="utf-8") + "\nselect 1/0;\n", encoding="utf-8")
    path = str(copy_of_bundle / "install.sql").replace("'", "''")
    done = bare.psql(
        "-At",
        stdin="set standard_conforming_strings = off;\n"
        f"\\i '{path}'\nshow standard_conforming_strings;\nselect length('\\\\');\n",
    )
    assert "division by zero" in done.stderr
    assert done.stdout.endswith("off\n1\n")
    assert bare.run(OURS) == []


@pytest.mark.usefixtures("extension")
def test_settings_do_not_matter_to_create_extension(bare: Database, db: Database) -> None:
    """The server reads the whole file before it runs the first statement of it."""
    set_habits(bare)
    with bare.connect() as session:
        session.execute("set default_transaction_read_only = off")
        session.execute("create extension steward")
        row = session.execute("show standard_conforming_strings").fetchone()
        assert row == ("off",)
    forget_habits(bare)
    assert snapshot(bare) == snapshot(db)


# Uninstalling -----------------------------------------------------------------------------------


def test_uninstall_asks_before_vectors_are_lost(db: Database) -> None:
    """Without the word, nothing happens; with it, only the user's things remain, as they were."""
    db.run("create table untouched (id integer)")
    track_something(db)
    before = snapshot(db)
    done = db.psql("-f", UNINSTALL, check=False)
    assert done.returncode == PSQL_STOPPED
    assert "confirm_drop_vectors=yes" in done.stderr
    assert snapshot(db) == before

    db.psql("-v", "confirm_drop_vectors=yes", "-f", UNINSTALL)
    assert db.run(OURS) == []
    assert db.run("select id, body from articles order by id") == [
        (1, "Bread is baked in an oven."),
        (2, "Tides turn."),
    ]
    db.run("update articles set body = 'still writable'")
    assert db.run("select extname::text from pg_extension where extname in ('vector', 'steward')")

    # and back again
    db.psql("-f", INSTALL)
    db.run("select steward.track('articles', content => 'body')")


def test_uninstall_without_vectors_needs_no_word(db: Database) -> None:
    """Nothing is lost, nothing is asked; a second time there is nothing to do."""
    db.psql("-f", UNINSTALL)
    assert db.run(OURS) == []
    done = db.psql("-f", UNINSTALL)
    assert "not installed" in done.stdout + done.stderr


def test_uninstall_names_what_depends_on_us(db: Database) -> None:
    """A view of the user's is not dropped behind their back."""
    db.run("create view what_we_track as select source from steward.sources")
    done = db.psql("-f", UNINSTALL, check=False)
    assert done.returncode == PSQL_STOPPED
    assert "what_we_track" in done.stderr
    assert db.value("select count(*) from what_we_track") == 0

    db.psql("-v", "drop_dependents=yes", "-f", UNINSTALL)
    assert db.run(OURS) == []
    assert db.value("select to_regclass('what_we_track')") is None


# CREATE EXTENSION -------------------------------------------------------------------------------


@pytest.mark.usefixtures("extension")
def test_extension_has_the_same_catalog(bare: Database, db: Database) -> None:
    """Both ways make the same thing; install.sql and the extension know of each other."""
    bare.run("create extension steward")
    assert snapshot(bare) == snapshot(db)
    assert bare.psql("-f", INSTALL).stdout.startswith(f"pg_steward already at {VERSION}\n")
    with pytest.raises(psycopg.errors.DuplicateObject):
        db.run("create extension steward")


@pytest.mark.usefixtures("extension")
def test_extension_works_and_is_restored(bare: Database, empty: Database, tmp_path: Path) -> None:
    """What was tracked before a dump is tracked, embedded and searchable after it."""
    bare.run("create extension steward")
    bare.run("select steward.add_model('tiny@1', dimensions => 3, provider => 'mine')")
    track_something(bare)
    bare.run("select * from steward.tidy()")
    decisions = "select * from steward.decisions order by decision_id"
    assert bare.run(decisions)
    dump = tmp_path / "dump"
    run_program(bare.cluster, bare.name, "pg_dump", ["-Fc", "-f", dump])
    run_program(empty.cluster, empty.name, "pg_restore", ["-d", empty.name, "-e", dump])
    assert snapshot(empty) == snapshot(bare)
    query = "select key, chunk from steward.search('articles', 'bread') order by key"
    assert empty.run(query) == bare.run(query)
    assert empty.run("select key, state from steward.jobs") == [({"id": 1}, "pending")]
    assert empty.run("select model from steward.models order by model") == [
        ("builtin/hash@1",),
        ("tiny@1",),
    ]
    empty.work()
    assert empty.value("select fresh from steward.freshness") == 2
    assert empty.run(decisions)[: len(bare.run(decisions))] == bare.run(decisions)
    months = (
        "select count(*) from pg_inherits where inhparent = 'steward_private.decision'::regclass"
    )
    assert empty.value(months) == bare.value(months) == 1
    # as an extension, old decisions are deleted one by one
    empty.run("update steward_private.decision set decided_at = now() - interval '91 days'")
    count = len(empty.run(decisions))
    assert empty.run("select * from steward.tidy()")[0] == ("decisions", count)
    assert empty.run(decisions) == []
    empty.run("create table more (id integer primary key, body text)")
    empty.run("select steward.track('more', content => 'body')")


@pytest.mark.usefixtures("extension")
def test_extension_is_uninstalled(bare: Database) -> None:
    """uninstall.sql takes the generated objects along, which DROP EXTENSION alone cannot."""
    bare.run("create extension steward")
    track_something(bare)
    assert bare.psql("-f", UNINSTALL, check=False).returncode == PSQL_STOPPED
    bare.psql("-v", "confirm_drop_vectors=yes", "-f", UNINSTALL)
    assert bare.run(OURS) == []
    assert bare.run("select from pg_extension where extname = 'steward'") == []
    bare.run("update articles set body = 'still writable'")
