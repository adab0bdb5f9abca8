"""Attacks. Each is refused with a clear SQLSTATE, or does no harm.

What pg_steward does with its own rights must never run what somebody else wrote, and nobody gets
through it what PostgreSQL would not give them. The attackers here are people with a role of ours
and with tables of their own; none is a superuser.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import errors
from pytest_postgresql import factories

from pgenv import Cluster
from support import Database, quote_name

MakeRole = Callable[..., str]
ME = "Mallory"

# What somebody who wrote a function wants: that another one runs it.
EVIL: LiteralString = """
create function evil.act(how text) returns boolean language plpgsql volatile as $$
begin
    raise warning 'evil: % as %', how, current_user;
    return true;
end
$$
"""


class Session:
    """A session that hears as whom hostile code runs."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.heard: list[str] = []
        connection.add_notice_handler(self.hear)

    def hear(self, notice: psycopg.errors.Diagnostic) -> None:
        """Remember what hostile code said."""
        message = notice.message_primary or ""
        if message.startswith("evil: "):
            self.heard.append(message)

    def run(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement."""
        cursor = self.connection.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []

    def attempt(self, statement: str, *parameters: Any) -> str:
        """Run a statement that may be refused: its SQLSTATE, or 'ok'."""
        try:
            self.run(statement, *parameters)
        except psycopg.Error as error:
            return error.sqlstate or "?"
        return "ok"


@contextlib.contextmanager
def session(database: Database, user: str = "postgres") -> Iterator[Session]:
    """A session of somebody's."""
    with database.connect(user) as connection:
        yield Session(connection)


@pytest.fixture
def mallory(db: Database, make_role: MakeRole) -> Iterator[Session]:
    """An admin of pg_steward with a schema of their own and the right to create in public."""
    make_role("steward_admin", name=ME)
    db.run(f"create schema evil authorization {quote_name(ME)}")
    db.run(f"grant create on schema public to {quote_name(ME)}")
    with session(db, ME) as mine:
        mine.run(EVIL)
        yield mine


def load_victim(**parameters: Any) -> None:
    """A table of somebody else's that is tracked and embedded."""
    wanted = {key: parameters[key] for key in ("host", "port", "user", "dbname")}
    with psycopg.connect(**wanted, autocommit=True) as connection:
        for statement in (
            "create table public.secret (id integer primary key, body text)",
            "insert into secret values (1, 'The combination is nine.'), (2, 'The safe is green.')",
            "select steward.track('secret', content => 'body')",
            "call steward.work(idle_seconds => 0)",
        ):
            connection.execute(statement.encode())


# Made once and cloned for every test: there are many.
victim_template = factories.postgresql_noproc(
    depends_on="installed_template", dbname="victim", load=[load_victim]
)
victim_connection = factories.postgresql("victim_template")


@pytest.fixture
def victim(cluster: Cluster, victim_connection: psycopg.Connection[Any]) -> Database:
    """The database, with a table of somebody else's that is tracked and embedded."""
    return Database(cluster, victim_connection.info.dbname)


@pytest.fixture
def db(victim: Database) -> Database:
    """The same, for the attacker."""
    return victim


EVERYTHING = (
    "select * from steward.claim('worker')",
    "select steward.complete(c.token, array(select (steward.embed(array[t]))[1] "
    "from unnest(c.texts) as t)) from steward.claim('worker') as c",
    "call steward.work(idle_seconds => 0)",
    "select steward.reap()",
    "select * from steward.jobs",
    "select * from steward.decisions",
    "select * from steward.freshness",
    "select * from steward.sources",
    "select * from steward.spaces",
    "select * from steward.check()",
    "select * from steward.status()",
    "select * from steward.queue",
    "select * from steward.failures",
    "select * from steward.workers",
    "select * from steward.decisions_summary",
    "select * from steward.health()",
    "call steward.reconcile_all()",
)


def everything(others: Session, source: str) -> None:
    """All that people do every day, with the source among what they do it with."""
    for statement in EVERYTHING:
        others.attempt(statement)
    for statement in (
        f"select * from steward.search('{source}', 'anything', 5)",
        f"select steward.fail(token, 'no') from steward.claim('worker', source => '{source}')",
        f"update {source} set body = body || '.'",
        "call steward.work(idle_seconds => 0)",
        f"select * from steward.search('{source}', 'anything', 5)",
    ):
        others.attempt(statement)


# Code of a table's owner -------------------------------------------------------------------------

TYPES: dict[str, tuple[LiteralString, ...]] = {
    "domain whose check is a function": (
        "create domain evil.key as integer check (evil.act('check ' || value))",
        "create table evil.source (id evil.key primary key, body text)",
        "insert into evil.source values (1, 'One.'), (2, 'Two.')",
    ),
    "domain that gets its check later": (
        "create domain evil.key as integer",
        "create table evil.source (id evil.key primary key, body text)",
        "insert into evil.source values (1, 'One.'), (2, 'Two.')",
    ),
    "domain over a domain": (
        "create domain evil.inner as text check (evil.act('check ' || value))",
        "create domain evil.key as evil.inner",
        "create table evil.source (id evil.key primary key, body text)",
        "insert into evil.source values ('1', 'One.'), ('2', 'Two.')",
    ),
    "array of a domain": (
        "create domain evil.inner as integer check (evil.act('check ' || value))",
        "create table evil.source (id evil.inner[] primary key, body text)",
        "insert into evil.source values ('{1}', 'One.'), ('{2}', 'Two.')",
    ),
    "composite type with a domain": (
        "create domain evil.inner as integer check (evil.act('check ' || value))",
        "create type evil.key as (part evil.inner)",
        "create table evil.source (id evil.key primary key, body text)",
        "insert into evil.source values (row(1), 'One.'), (row(2), 'Two.')",
    ),
    "range of a domain": (
        "create domain evil.inner as integer check (evil.act('check ' || value))",
        "create type evil.key as range (subtype = evil.inner)",
        "create table evil.source (id evil.key primary key, body text)",
        "insert into evil.source values ('[1,2]', 'One.'), ('[2,3]', 'Two.')",
    ),
    "enum with a cast to json": (
        "create type evil.key as enum ('1', '2')",
        "create function evil.to_json(evil.key) returns json language plpgsql "
        "as $$ begin perform evil.act('cast to json'); return to_json($1 = '1'); end $$",
        "create cast (evil.key as json) with function evil.to_json(evil.key)",
        "create table evil.source (id evil.key primary key, body text)",
        "insert into evil.source values ('1', 'One.'), ('2', 'Two.')",
    ),
    "enum with a cast to text": (
        "create type evil.key as enum ('1', '2')",
        "create function evil.to_text(evil.key) returns text language plpgsql "
        "as $$ begin perform evil.act('cast to text'); return '1'; end $$",
        "create cast (evil.key as text) with function evil.to_text(evil.key) as implicit",
        "create table evil.source (id evil.key primary key, body text)",
        "insert into evil.source values ('1', 'One.'), ('2', 'Two.')",
    ),
    "enum with a cast to integer": (
        "create type evil.key as enum ('1', '2')",
        "create function evil.to_integer(evil.key) returns integer language plpgsql "
        "as $$ begin perform evil.act('cast to integer'); return 1; end $$",
        "create cast (evil.key as integer) with function evil.to_integer(evil.key) as implicit",
        "create table evil.source (id evil.key primary key, body text)",
        "insert into evil.source values ('1', 'One.'), ('2', 'Two.')",
    ),
    "enum that gets its casts later": (
        "create type evil.key as enum ('1', '2')",
        "create table evil.source (id evil.key primary key, body text)",
        "insert into evil.source values ('1', 'One.'), ('2', 'Two.')",
    ),
    "operators of the key's type": (
        "create type evil.key as enum ('1', '2')",
        "create function evil.same(evil.key, evil.key) returns boolean language plpgsql "
        "as $$ begin return evil.act('operator'); end $$",
        "create operator evil.= (leftarg = evil.key, rightarg = evil.key, function = evil.same)",
        "create operator public.= (leftarg = evil.key, rightarg = evil.key, function = evil.same)",
        "create table evil.source (id evil.key primary key, body text)",
        "insert into evil.source values ('1', 'One.'), ('2', 'Two.')",
    ),
    "content of a domain": (
        "create domain evil.text as text check (evil.act('check ' || value))",
        "create table evil.source (id integer primary key, body evil.text)",
        "insert into evil.source values (1, 'One.'), (2, 'Two.')",
    ),
    "expressions of indexes and constraints": (
        "create function evil.measure(text) returns integer language plpgsql immutable "
        "as $$ begin perform evil.act('index'); return length($1); end $$",
        "create table evil.source (id integer primary key, body text check (evil.act('check')))",
        "create index on evil.source (evil.measure(body)) where evil.measure(body) > 0",
        "insert into evil.source values (1, 'One.'), (2, 'Two.')",
        "create statistics evil.statistics on (evil.measure(body)) from evil.source",
        "analyze evil.source",
    ),
    "policies": (
        "create table evil.source (id integer primary key, body text)",
        "insert into evil.source values (1, 'One.'), (2, 'Two.')",
        "alter table evil.source enable row level security",
        "alter table evil.source force row level security",
        "create policy evil on evil.source using (evil.act('policy'))",
    ),
    "rules": (
        "create table evil.source (id integer primary key, body text)",
        "insert into evil.source values (1, 'One.'), (2, 'Two.')",
        "create rule evil as on update to evil.source do also select evil.act('rule')",
    ),
}
# What is done to the types once they are in use, where that can be done.
LATER: tuple[LiteralString, ...] = (
    "alter domain evil.key add constraint late check (evil.act('late check ' || value)) not valid",
    "create function evil.late_json(evil.key) returns json language plpgsql "
    "as $$ begin perform evil.act('late cast to json'); return to_json($1 = '1'); end $$",
    "create cast (evil.key as json) with function evil.late_json(evil.key)",
    "create function evil.late_text(evil.key) returns text language plpgsql "
    "as $$ begin perform evil.act('late cast to text'); return '1'; end $$",
    "create cast (evil.key as text) with function evil.late_text(evil.key) as implicit",
)


@pytest.mark.parametrize("kind", TYPES)
def test_code_of_an_owner_runs_as_the_owner(kind: str, victim: Database, mallory: Session) -> None:
    """Whatever of theirs is reached through a table of theirs: it is with no rights but theirs."""
    for statement in TYPES[kind]:
        mallory.run(statement)
    tracked = mallory.attempt("select steward.track('evil.source', content => 'body')")
    # what cannot be made safe may be refused
    assert tracked in ("ok", "0A000", "42804", "42501", "42809"), tracked
    for statement in LATER:
        mallory.attempt(statement)

    # what the owner does sets off the triggers, which run with the rights of pg_steward
    for statement in (
        "update evil.source set body = 'New.' where body = 'Two.'",
        "delete from evil.source where body = 'One.'",
        "insert into evil.source select * from evil.source on conflict do nothing",
    ):
        mallory.attempt(statement)
    with session(victim) as postgres:
        for statement in EVERYTHING:
            postgres.attempt(statement)
        heard = [*mallory.heard, *postgres.heard]
    assert [line for line in heard if not line.endswith(f" as {ME}")] == []
    # the others' sources are worked on as ever
    works_for_others(victim)


@pytest.mark.parametrize("kind", TYPES)
def test_a_search_runs_nothing_with_the_rights_of_who_searches(
    kind: str, db: Database, mallory: Session, make_role: MakeRole
) -> None:
    """No more than reading the table would: a policy on it, which is PostgreSQL's to run."""
    reader = make_role("steward_reader")
    for statement in TYPES[kind]:
        mallory.run(statement)
    if mallory.attempt("select steward.track('evil.source', content => 'body')") != "ok":
        return
    db.work()
    mallory.run(f"grant usage on schema evil to {quote_name(reader)}")
    mallory.run(f"grant select on evil.source to {quote_name(reader)}")
    with session(db, reader) as reading:
        reading.run("select * from steward.search('evil.source', 'one', 5)")
        reading.run("select * from steward.search_vector('evil.source', (steward.embed('{a}'))[1])")
        heard = [line for line in reading.heard if not line.endswith(f" as {ME}")]
    assert [line for line in heard if not line.startswith("evil: policy as ")] == []


CONDITIONS: dict[str, tuple[LiteralString, str]] = {
    "function": (
        "create function evil.live(text) returns boolean language sql immutable as 'select true'",
        "evil.live(body)",
    ),
    "operator": (
        "create function evil.eq(text, text) returns boolean language sql immutable "
        "as 'select true'; "
        "create operator evil.=== (function = evil.eq, leftarg = text, rightarg = text)",
        "body operator(evil.===) 'x'",
    ),
    "domain": (
        "create function evil.ok(text) returns boolean language sql immutable as 'select true'; "
        "create domain evil.word as text check (evil.ok(value))",
        "body::evil.word = 'x'",
    ),
}


@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_condition_is_nothing_of_an_owner(kind: str, mallory: Session) -> None:
    """It runs with the rights of whoever searches; what is in it could be replaced at any time."""
    definition, condition = CONDITIONS[kind]
    mallory.run("create table evil.plain (id integer primary key, body text)")
    mallory.run(definition)
    where = "(%s::regclass, content => 'body', \"where\" => %s)"
    assert mallory.attempt("select steward.track" + where, "evil.plain", condition) == "0A000"
    mallory.run("select steward.track('evil.plain', content => 'body')")
    assert mallory.attempt("select steward.alter" + where, "evil.plain", condition) == "0A000"
    # an enum of theirs is nothing but names
    mallory.run("create type evil.state as enum ('live', 'dead')")
    mallory.run("alter table evil.plain add state evil.state")
    outcome = mallory.attempt("select steward.alter" + where, "evil.plain", "state = 'live'")
    assert outcome == "ok"


def works_for_others(database: Database) -> None:
    """A table of somebody else's is looked after, and that it is can be seen."""
    database.run("update secret set body = 'The combination is ten.' where id = 1")
    # as if the claims of before had run out, and the time until the next attempt were over
    database.run("update steward_private.claim set lease_expires_at = now() - interval '1 minute'")
    database.run("select steward.reap()")
    database.run(
        "update steward_data.secret_1_job set available_at = now(), position = null, attempts = 0 "
        "where token is null"
    )
    database.work()
    found = database.run(
        "select key ->> 'id', chunk from steward.search('secret', 'combination', 1)"
    )
    assert found == [("1", "The combination is ten.")]
    fresh = "select documents - fresh from steward.freshness where source::text = 'secret'"
    assert database.run(fresh) == [(0,)]
    assert database.run("select * from steward.jobs where source::text = 'secret'") == []


DAMAGE: dict[str, tuple[LiteralString, ...]] = {
    "takes their own right to read": ("revoke all on evil.source from current_user",),
    "gives the table away": ("alter table evil.source owner to steward_admin",),
    "loses the table to another owner": (
        "/* a superuser */ revoke all on evil.source from public",
        "/* a superuser */ alter table evil.source owner to postgres",
    ),
    "drops the table": ("drop table evil.source cascade",),
    "drops the content": ("alter table evil.source drop column body cascade",),
    "drops the key": ("alter table evil.source drop column id cascade",),
    "drops everything": ("drop owned by current_user cascade",),
    "drops the schema": ("drop schema evil cascade",),
    "hides the rows by an error": (
        "alter table evil.source enable row level security",
        "alter table evil.source force row level security",
        "create policy broken on evil.source using (1 / (id - id) = 1)",
    ),
    "renames everything": (
        "alter table evil.source rename to other",
        "alter table evil.other rename column id to number",
        "alter table evil.other rename column body to text",
    ),
    "changes the schema": ("alter table evil.source set schema public",),
    "disables the triggers": ("alter table evil.source disable trigger all",),
    "drops the triggers": (
        "drop trigger steward_insert on evil.source",
        "drop trigger steward_update on evil.source",
        "drop trigger steward_rekey on evil.source",
        "drop trigger steward_delete on evil.source",
        "drop trigger steward_truncate on evil.source",
    ),
    "makes a partition of it": (
        "create table evil.parts (id integer, body text) partition by range (id)",
        "alter table evil.parts attach partition evil.source default",
    ),
    "drops the primary key": ("alter table evil.source drop constraint source_pkey cascade",),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_an_owner_can_break_their_own_source_alone(
    kind: str, victim: Database, mallory: Session
) -> None:
    """No damage done to one table keeps the others from being looked after."""
    mallory.run("grant create on schema evil to steward_admin")
    mallory.run("create table evil.source (id integer primary key, body text)")
    mallory.run("insert into evil.source values (1, 'One.'), (2, 'Two.')")
    mallory.run("select steward.track('evil.source', content => 'body')")
    relation = mallory.run("select 'evil.source'::regclass::oid::integer")[0][0]
    victim.work()
    mallory.run("update evil.source set body = 'New.'")
    for statement in DAMAGE[kind]:
        if statement.startswith("/* a superuser */"):
            victim.run(statement)
        else:
            mallory.attempt(statement)

    victim.run("update secret set body = 'The safe is blue.' where id = 2")
    works_for_others(victim)
    assert victim.run("select chunk from steward.search('secret', 'safe', 1)") == [
        ("The safe is blue.",)
    ]
    for statement in EVERYTHING:
        victim.run(statement)
    # and it can be got rid of
    victim.run(f"select steward.untrack({relation}::regclass)")
    assert victim.run("select source from steward.sources where source <> 'secret'::regclass") == []


RENAMES: dict[str, tuple[LiteralString, ...]] = {
    "table": ("alter table source rename to other",),
    "key column": ("alter table source rename column id to number",),
    "content column": ("alter table source rename column body to text",),
    "schema": ("create schema other", "alter table source set schema other"),
    "owner": ("alter table source owner to steward_admin",),
}


@pytest.mark.parametrize("kind", RENAMES)
def test_altering_a_tracked_table_does_not_stop_its_writers(kind: str, db: Database) -> None:
    """What PostgreSQL allows to be done to a tracked table leaves it one that can be written."""
    db.run("create table source (id integer primary key, body text)")
    db.run("insert into source values (1, 'One.'), (2, 'Two.')")
    db.run("select steward.track('source', content => 'body')")
    db.work()
    relation = db.value("select 'source'::regclass::oid::integer")
    for statement in RENAMES[kind]:
        db.run(statement)
    name = db.value(f"select {relation}::regclass::text")
    key, content = (
        ("number" if kind == "key column" else "id"),
        ("text" if kind == "content column" else "body"),
    )
    for statement in (
        f"insert into {name} values (3, 'Three.')",
        f"update {name} set {content} = 'Changed.' where {key} = 1",
        f"update {name} set {key} = 4 where {key} = 2",
        f"delete from {name} where {key} = 3",
        f"truncate {name}",
    ):
        db.run(statement)


# Names in the caller's path ----------------------------------------------------------------------

# Better matches than PostgreSQL's own for the types that are at hand, so that they would be taken.
SHADOWS: tuple[LiteralString, ...] = (
    *(
        f"create function {{schema}}.{name}({arguments}) returns {result} language plpgsql as "
        f"$$ begin perform evil.act('{name}'); return null; end $$"
        for name, arguments, result in (
            ("format", "text, text", "text"),
            ("format", "text, name, text", "text"),
            ("format", "text, regclass", "text"),
            ("quote_ident", "name", "text"),
            ("coalesce_text", "text, text", "text"),
            ("jsonb_build_object", "text, integer", "jsonb"),
            ("unnest", "name[]", "setof name"),
            ("cardinality", "name[]", "integer"),
            ("array_position", "text[], text", "integer"),
            ("starts_with", "name, text", "boolean"),
            ("nextval", "text", "bigint"),
            ("clock_timestamp", "", "timestamptz"),
            ("now", "", "timestamptz"),
            ("make_interval", "double precision", "interval"),
            ("has_table_privilege", "regclass, unknown", "boolean"),
        )
        if result != "setof name" and "unknown" not in arguments
    ),
    *(
        f"create function {{schema}}.{function}({left}, {right}) returns {result} language plpgsql "
        f"as $$ begin perform evil.act('{operator}'); return null; end $$; "
        f"create operator {{schema}}.{operator} "
        f"(leftarg = {left}, rightarg = {right}, function = {{schema}}.{function})"
        for function, operator, left, right, result in (
            ("same_name", "=", "name", "text", "boolean"),
            ("same_integer", "=", "integer", "smallint", "boolean"),
            ("same_regclass", "=", "regclass", "regclass", "boolean"),
            ("same_oid", "=", "oid", "regclass", "boolean"),
            ("other_name", "<>", "name", "text", "boolean"),
            ("other_jsonb", "<>", "jsonb", "text", "boolean"),
            ("less", "<", "timestamptz", "timestamp", "boolean"),
            ("join_name", "||", "text", "name", "text"),
            ("join_integer", "||", "text", "integer", "text"),
            ("match_name", "~", "name", "name", "boolean"),
            ("get_jsonb", "->", "jsonb", "name", "jsonb"),
        )
    ),
    *(
        f"create table {{schema}}.{name} (trap integer)"
        for name in ("source", "space", "model", "claim", "decision", "pg_class", "pg_trigger")
    ),
    "create view {schema}.pg_proc as select evil.act('pg_proc')",
    "create view {schema}.pg_attribute as select evil.act('pg_attribute')",
    "create view {schema}.pg_extension as select evil.act('pg_extension'), 'vector' as extname",
    "create type {schema}.vector as (trap integer)",
    "create domain {schema}.text as pg_catalog.text check (evil.act('domain text'))",
    "create domain {schema}.jsonb as pg_catalog.jsonb check (evil.act('domain jsonb'))",
)

PATHS = ("evil, pg_catalog, public", "public, pg_temp, evil, pg_catalog", '"$user", public')


def lay_traps(mallory: Session) -> None:
    """Hostile objects in public, in a schema of the attacker's, and in their temporary one."""
    for schema in ("evil", "public"):
        for statement in SHADOWS:
            # pgvector's own type is in public already
            if (schema, "type {schema}.vector" in statement) != ("public", True):
                mallory.run(statement.replace("{schema}", schema))
    for name in ("source", "space", "model", "claim", "decision", "job", "pg_class", "pg_index"):
        mallory.run(f"create temporary table {name} (like steward.models)")
    mallory.run("create temporary view pg_proc as select evil.act('temporary pg_proc')")
    mallory.run(
        "create domain pg_temp.int4 as pg_catalog.int4 check (evil.act('temporary domain int4'))"
    )


@pytest.mark.parametrize("path", PATHS)
def test_the_search_path_of_a_caller_leads_nowhere(
    path: str, victim: Database, mallory: Session
) -> None:
    """Hostile objects with the names of those that we use are not used, whoever calls."""
    lay_traps(mallory)
    victim.run("update secret set body = body || ' Still.'")
    mallory.run("create table evil.mine (id integer primary key, body pg_catalog.text)")
    mallory.run("insert into evil.mine values (1, 'One.')")
    with session(victim) as postgres:
        for who in (mallory, postgres):
            who.run(f"set search_path = {path}")
        mallory.run("select steward.track('evil.mine', content => 'body')")
        mallory.run("update evil.mine set body = 'New.'")
        mallory.run("insert into evil.mine values (2, 'Two.')")
        for who in (mallory, postgres):
            everything(who, "evil.mine")
        mallory.run("delete from evil.mine where id = 1")
        mallory.run("truncate evil.mine")
        mallory.run("select steward.untrack('evil.mine')")
        assert postgres.heard == []
        assert mallory.heard == []
    works_for_others(victim)


def test_traps_work(db: Database, mallory: Session) -> None:
    """What the test above lays out is what somebody careless would step into."""
    lay_traps(mallory)
    with session(db) as careless:
        careless.run("set search_path = evil, pg_catalog")
        careless.attempt("select format('%s'::pg_catalog.text, 'a'::pg_catalog.text)")
        careless.attempt("select 'a'::name = 'a'::pg_catalog.text")
        careless.attempt("select * from pg_proc")
        assert [line.split()[1] for line in careless.heard] == ["format", "=", "pg_proc"]


# What belongs to pg_steward ----------------------------------------------------------------------


def test_an_owner_cannot_change_what_reads_their_table(victim: Database, mallory: Session) -> None:
    """The readers run as the owner and belong to them, and are out of their reach."""
    mallory.run("create table evil.source (id integer primary key, body text)")
    mallory.run("insert into evil.source values (1, 'One.')")
    mallory.run("select steward.track('evil.source', content => 'body')")
    ((owner,),) = victim.run(
        "select pg_get_userbyid(p.proowner) from pg_proc as p where p.proname = 'read_2'"
    )
    assert owner == ME
    for statement in (
        "alter function steward_private.read_2(jsonb) security invoker",
        "alter function steward_private.read_2(jsonb) set search_path = evil",
        "alter function steward_private.read_2(jsonb) rename to other",
        "alter function steward_private.read_2(jsonb) owner to steward_admin",
        "alter function steward_private.read_2(jsonb) set schema evil",
        "alter function steward_private.read_2(jsonb) depends on extension vector",
        "drop function steward_private.read_2(jsonb)",
        "comment on function steward_private.scan_2(jsonb, integer) is 'mine'",
        "grant execute on function steward_private.scan_2(jsonb, integer) to public",
        "grant all on all functions in schema steward_private to public",
        "create or replace function steward_private.scan_2(a jsonb, b integer) "
        "returns setof integer "
        "language sql return 1",
        "create function steward_private.mine() returns integer language sql return 1",
        "select steward_private.read_2('[]')",
        "create or replace function steward_data.source_2_mark() returns trigger "
        "language plpgsql as 'begin return null; end'",
        "alter function steward_data.source_2_mark() security invoker",
        "alter table steward_data.source_2_chunk disable row level security",
        "alter table steward_data.source_2_job add column mine integer",
        "create trigger mine before insert on steward_data.source_2_job "
        "for each row execute function steward_data.source_2_mark()",
        "create policy mine on steward_data.source_2_chunk using (true)",
        "create table evil.child () inherits (steward_data.source_2_job)",
        "create index on steward_data.source_2_chunk (evil.act(chunk))",
        "insert into steward_data.source_2_job values (7)",
        "alter schema steward_data owner to current_user",
    ):
        assert mallory.attempt(statement) in ("42501", "3F000"), statement
    # with no USAGE, not even by its number
    assert mallory.run("select 'secret'::regclass::text") == [("secret",)]
    works_for_others(victim)


def test_a_reader_cannot_turn_the_policies_off(victim: Database, make_role: MakeRole) -> None:
    """Asking for the rows without policies is an error, not a way around them."""
    reader = make_role("steward_reader")
    victim.run(f"grant select on secret to {quote_name(reader)}")
    with session(victim, reader) as reading:
        reading.run("set row_security = off")
        for statement in (
            "select * from steward_data.secret_1_chunk",
            "select * from steward.search('secret', 'combination', 1)",
        ):
            assert reading.attempt(statement) == "42501"


# The parts of track() and untrack() --------------------------------------------------------------


def test_beginning_on_the_table_of_another_is_harmless(
    victim: Database, mallory: Session, make_role: MakeRole
) -> None:
    """Without a right on the table nothing is registered that stands in anybody's way."""
    owner = make_role("steward_admin")
    victim.run("create table target (id integer primary key, body text)")
    victim.run("insert into target values (1, 'One.')")
    victim.run(f"alter table target owner to {quote_name(owner)}")

    begin = begin_track("target", "body", "s.body")
    assert mallory.attempt(begin) in ("ok", "42501", "55000")
    assert mallory.attempt("select steward._finish_track('target', true)") in (
        "42501",
        "42704",
        "55000",
    )
    for statement in EVERYTHING:
        victim.run(statement)
    works_for_others(victim)

    # whose table it is can have it tracked, and read by nobody else
    assert victim.run("select steward.track('target', content => 'body')", user=owner) == [(1,)]
    victim.work()
    assert victim.run("select chunk from steward.search('target', 'one')", user=owner) == [
        ("One.",)
    ]


def test_finishing_without_triggers_is_refused(victim: Database, mallory: Session) -> None:
    """The triggers are the proof of a right on the table; there is no other."""
    before = victim.run("select * from steward.sources")
    finish, end = (
        "select steward._finish_track(%s::regclass, true)",
        "select steward._finish_untrack('secret', false)",
    )
    victim.run("create table untracked (id integer primary key, body text)")
    assert mallory.attempt(finish, "untracked") == "42704"
    assert mallory.attempt(finish, None) == "22004"
    assert mallory.attempt(end) == "55000"
    assert mallory.attempt("select steward.untrack('secret')") == "42501"
    for statement in (
        "select steward._create_triggers('secret', '{body}', null, null, '{body}')",
        "select * from steward.alter('secret', content => 'id')",
        "create trigger mine after insert on secret execute function steward_data.secret_1_mark()",
        "drop trigger steward_insert on secret",
        "alter table secret disable trigger steward_insert",
        "select steward.track('secret', content => 'body')",
    ):
        assert mallory.attempt(statement) in ("42501", "42710", "42804"), statement
    # triggers on another table prove nothing about this one
    mallory.run("create table evil.secret (id integer primary key, body text)")
    mallory.attempt(
        "select steward._create_triggers('evil.secret', '{body}', null, null, '{body}')"
    )
    assert mallory.attempt(finish, "evil.secret") == "42704"
    assert mallory.attempt(end) == "55000"
    assert victim.run("select * from steward.sources") == before
    works_for_others(victim)


def test_the_trigger_function_of_another_source_is_of_no_use(
    victim: Database, mallory: Session
) -> None:
    """A table of one's own cannot be made to write to what belongs to the table of another."""
    mallory.run("create table evil.source (id integer primary key, body text)")
    for event, level, purpose in (
        ("insert", "row", "mark"),
        ("update", "row", "mark"),
        ("update", "row", "gone"),
        ("delete", "row", "gone"),
        ("truncate", "statement", "truncated"),
        ("truncate", "statement", "mark"),
    ):
        mallory.attempt(
            f"create trigger {event}_{purpose} after {event} on evil.source for each {level} "
            f"execute function steward_data.secret_1_{purpose}()"
        )
    for statement in (
        "insert into evil.source values (1, 'One.'), (2, 'Two.'), (3, 'Three.')",
        "update evil.source set id = id + 10, body = 'New.'",
        "delete from evil.source where id = 1",
        "truncate evil.source",
    ):
        mallory.attempt(statement)
    assert victim.run("select * from steward.jobs") == []
    assert victim.value("select count(*) from steward_data.secret_1_chunk") == 2
    assert victim.run("select outcome, count(*) from steward.decisions group by 1") == [
        ("embedded", 2)
    ]
    works_for_others(victim)


def test_finishing_twice_gives_nothing(victim: Database, mallory: Session) -> None:
    """To repeat the last part on a table of another is work for nothing, and no more."""
    count = "select count(*) from steward_data.secret_1_chunk"
    again = mallory.attempt("select steward._finish_track('secret', true)")
    assert again in ("42501", "42710", "55000")
    victim.work()
    assert victim.value(count) == 2
    assert mallory.attempt("select * from secret") == "42501"
    assert mallory.attempt("select * from steward_data.secret_1_chunk") == "42501"
    works_for_others(victim)


OPTIONS = (
    """'{"content": "body", "chunking": null, "on_delete": "drop", "mode": "queued", """
    """"priority": 0, "notify": false, "keep_history": "0"}'::jsonb"""
)


def begin_track(source: str, content: str, content_plain: str) -> str:
    """The second part of track(), called by itself."""
    return (
        f"select steward._begin_track('{source}', $a${content}$a$, $a${content_plain}$a$, "
        f"null, null, '{{body}}', null, 'builtin/hash@1', {OPTIONS})"
    )


# Expressions that are handed to the second part of track() ---------------------------------------

# What comes behind the end of a constant, if PostgreSQL sees that end where we do not.
BEHIND = (
    " from rows from (jsonb_to_recordset(keys) as (id integer)) with ordinality as k "
    "left join public.target as s on true; end; drop table public.canary; "
    "create function public.more(keys jsonb) returns setof bigint language sql "
    "begin atomic select k.ordinality --"
)

FORGED = {
    "the end of the parenthesis": "1) from public.secret; drop table public.canary; --",
    "the end of the statement": "s.body; drop table public.canary",
    "a comment": "s.body -- ",
    "a long comment": "s.body /* ",
    "a dollar": "$a$; drop table public.canary; $a$",
    "an open parenthesis": "(s.body",
    "a closed parenthesis": "s.body) || (s.body",
    "an open quotation": "s.body || 'a",
    "an open name": 's."body',
    "a subquery": "(select string_agg(body, '') from public.secret)",
    "a subquery in capitals": "(SELECT max(body) FROM public.secret)",
    "a list of values": "(values (s.body))",
    "a table": "exists (table public.secret)",
    "a constant that goes on in the next line": f"E'a'\n'b\\' || '{BEHIND}'",
    "a constant that goes on as another one": f"E'a'\n'b\\\\' || '{BEHIND}'",
    "a plain backslash": f"'\\' || '{BEHIND}'",
    "a type with other letters": f"\N{EURO SIGN}e'\\'{BEHIND}'",
    "a type with other letters in capitals": f"\N{EURO SIGN}E'\\'{BEHIND}'",
    "an escaped name": f"U&\"\\\\0022\" || '{BEHIND}'",
    "an escaped constant": f"U&'\\0027' || '{BEHIND}'",
    "a bit string": "b'1'::text",
    "a function of their own": "evil.pure(s.body)",
    "an operator of their own": "s.body operator(evil.+) s.body",
    "a cast of their own": "(s.body::evil.kind)::text",
    "a domain of their own": "(s.body::evil.checked)::text",
    "a function that runs a query": "query_to_xml('select evil.act(''x'')', true, true, '')::text",
    "a function that runs a query with a cursor": "cursor_to_xml('c', 1, true, true, '')::text",
    "a function that shows a table": "table_to_xml('public.secret', true, true, '')::text",
    "a function that becomes another": "set_config('role', 'postgres', true)",
    "a function that reads a file": "pg_read_file('/etc/passwd')",
    "a function that reads a setting": "current_setting('data_directory')",
    "a function that ends a session": "pg_terminate_backend(0)::text",
    "a function of the time": "now()::text",
    "a value of the session": "current_user::text",
    "a function of sets": "regexp_split_to_table(s.body, '')",
    "an aggregate": "max(s.body)",
    "a window": "first_value(s.secret) over ()",
    "a number that counts": "nextval('steward_private.claim_token_seq')::text",
    "something of ours": "steward_private.max_attempts()::text",
    "a parameter": "$1::text",
    "our argument": "(keys)::text",
    "nothing": "",
    "nothing but the row": "(s.body || E'\\\\ \\'--;'::text)",
    "a comma": "s.body, s.secret",
    "another column with a star": "s.*",
}


@pytest.mark.parametrize("kind", FORGED)
@pytest.mark.parametrize("place", ["content", "condition", "alter"])
def test_an_expression_that_was_forged_is_refused(
    kind: str, place: str, victim: Database, mallory: Session
) -> None:
    """Whoever may put triggers on a table of another's does not become the other, nor us."""
    victim.run("create table canary (alive boolean)")
    victim.run("create table target (id integer primary key, body text, secret text)")
    victim.run("insert into target values (1, 'One.', 'A secret.'), (2, 'Two.', 'Another.')")
    victim.run(f"grant trigger, select on target to {quote_name(ME)}")
    for statement in (
        "create function evil.pure(text) returns text language plpgsql immutable as "
        "$$ begin perform evil.act('pure'); return $1; end $$",
        "create function evil.plus(text, text) returns text language plpgsql immutable as "
        "$$ begin perform evil.act('plus'); return $1; end $$",
        "create operator evil.+ (leftarg = text, rightarg = text, function = evil.plus)",
        "create type evil.kind as enum ('One.', 'Two.')",
        "create function evil.to_kind(text) returns evil.kind language plpgsql immutable as "
        "$$ begin perform evil.act('cast'); return null; end $$",
        "create cast (text as evil.kind) with function evil.to_kind(text)",
        "create domain evil.checked as text check (evil.act('check'))",
        "create domain public.\N{EURO SIGN}e as text",
        "grant all on schema evil to public",
        "set search_path = public, evil",
        # an attacker chooses how their session reads a constant
        *(["set standard_conforming_strings = off"] if "backslash" in kind else []),
        *(["set escape_string_warning = off"] if "backslash" in kind else []),
    ):
        mallory.attempt(statement)

    forged = FORGED[kind]
    condition = None
    if place == "condition":
        condition = f"({forged}) is not null" if forged else forged
    parts: list[tuple[str, ...] | tuple[str, str | None, str | None, str | None]]
    if place == "alter":
        mallory.run("select steward.track('target', content => 'body')")
        parts = [
            (
                f"select steward._begin_alter('target', %s, null, '{{body}}', {OPTIONS})",
                forged,
            ),
            ("select steward._create_triggers('target', '{body}', null, null, '{body}')",),
            ("select steward._finish_alter('target', true)",),
        ]
    else:
        parts = [
            (
                "select steward._begin_track('target', 'body', %s, %s, %s, '{body}', null, "
                f"'builtin/hash@1', {OPTIONS})",
                "s.body" if condition else forged,
                "said" if condition else None,
                condition,
            ),
            (
                "select steward._create_triggers('target', '{body}', "
                + ("'true', 'true', " if condition else "null, null, ")
                + "'{body}')",
            ),
            ("select steward._finish_track('target', true)",),
        ]
    mallory.run("begin")
    outcome = "?"
    for statement, *parameters in parts:
        assert statement
        outcome = mallory.attempt(statement, *parameters)
        if outcome != "ok":
            break
    mallory.run("commit" if outcome == "ok" else "rollback")
    assert (outcome == "ok") == (kind in HARMLESS[place]), outcome

    victim.run("insert into target values (3, 'Three.', 'A third.')")
    if outcome == "ok":
        with session(victim) as postgres:
            everything(postgres, "target")
            assert postgres.heard == []
    assert [line for line in mallory.heard if not line.endswith(f" as {ME}")] == []
    assert victim.run("select * from canary") == []
    assert victim.value("select rolsuper from pg_roles where rolname = %s", ME) is False
    works_for_others(victim)


# Not what anybody would write, but an expression over the row, which gives no right. That these
# pass shows that the others are refused for what they are.
HARMLESS = {
    "content": ("nothing but the row", "something of ours", "our argument"),
    "condition": (
        "nothing but the row",
        "something of ours",
        "a closed parenthesis",
        "a comma",
        "another column with a star",
    ),
    "alter": ("nothing but the row", "something of ours", "our argument"),
}


@pytest.mark.parametrize(
    "statement",
    [
        "perform steward.alter('secret', content => 'id || body')",
        "perform steward.alter('secret', priority => 7)",
        f"perform steward._begin_alter('secret', 's.id::text', null, '{{id}}', {OPTIONS}); "
        "perform steward._create_triggers("
        "'secret', '{id}', null, null, '{id}'); "
        "perform steward._finish_alter('secret', true)",
        f"perform steward._begin_alter('secret', 's.id::text', null, '{{id}}', {OPTIONS}); "
        "perform steward._finish_alter('secret', true)",
        f"perform steward._begin_alter('secret', 's.id::text', null, '{{id}}', {OPTIONS})",
        "perform steward.untrack('secret')",
        "perform steward.untrack('secret', keep_vectors => true)",
        "perform steward._finish_untrack('secret', true)",
    ],
)
def test_a_session_of_somebody_mighty_lends_nothing(
    statement: str, victim: Database, mallory: Session
) -> None:
    """A definer of Mallory's that a superuser calls has Mallory's rights, also in our functions."""
    before = victim.run("select * from steward_private.source")
    body = statement.replace("'", "''")
    mallory.run("grant usage on schema evil to public")
    mallory.run(
        "create function evil.lure() returns void language plpgsql security definer "
        f"as 'begin {body}; end'"
    )
    with session(victim) as postgres:
        assert postgres.attempt("select evil.lure()") in ("42501", "55000")
    assert mallory.attempt(f"do '{'begin ' + body + '; end'}'") in ("42501", "55000")
    assert victim.run("select * from steward_private.source") == before
    works_for_others(victim)


def test_an_expression_of_an_owner_is_not_run_by_whoever_alters(
    victim: Database, mallory: Session
) -> None:
    """What an owner lets be computed of their rows is computed by them, also for a superuser."""
    mallory.run(
        "create function evil.pure(text) returns text language plpgsql immutable as "
        "$$ begin perform evil.act('pure'); return $1; end $$"
    )
    mallory.run("create table evil.source (id integer primary key, body text)")
    mallory.run("insert into evil.source values (1, 'One.'), (2, 'Two.')")
    mallory.run("select steward.track('evil.source', content => 'evil.pure(body)')")
    victim.work()
    with session(victim) as postgres:
        for statement in (
            "select * from steward.alter('evil.source', priority => 5)",
            "select * from steward.alter('evil.source', chunking => '{\"size\": 500}')",
            "select steward.backfill('evil.source')",
            "select * from steward.verify('evil.source')",
            "select steward.reconcile('evil.source')",
            "select * from steward.freshness_detail('evil.source')",
            "call steward.work(idle_seconds => 0)",
            "select * from steward.search('evil.source', 'one')",
            "select steward.untrack('evil.source')",
        ):
            postgres.run(statement)
        heard = [line for line in postgres.heard if not line.endswith(f" as {ME}")]
    assert heard == []
    works_for_others(victim)


# Text arguments ----------------------------------------------------------------------------------

PAYLOADS = (
    "",
    " ",
    "'",
    '"',
    "\\",
    "'; drop table canary; --",
    '"; drop table canary; --',
    "$sql$; drop table canary; $sql$",
    "$function$; drop table canary; $function$",
    "a'); drop table canary; --",
    "%s%I%L%1$s%",
    "%",
    "{}",
    '{"a": 1}',
    "[1,2,3]'::public.vector; drop table canary; --",
    "[1,2,3]",
    "[" + ",".join("1" * 256) + "]) or true; drop table canary; --",
    "steward_private.source",
    "builtin/hash@1'; drop table canary; --",
    "a@1'||(select 1)||'",
    ":name",
    "\N{GRINNING FACE}\N{COMBINING ACUTE ACCENT}\u2028\ufeff",
    "line\nbreak\r\ttab",
    "x" * 100_000,
)

# Every argument of type text, name or the like that somebody without superpowers can reach.
ARGUMENTS = (
    "select steward.track('mine', content => %s)",
    "select steward.track('mine', content => 'body', model => %s)",
    "select steward.track('mine', content => 'body', key => %s)",
    "select steward.track('mine', content => 'body', \"where\" => %s)",
    "select steward.track('mine', content => 'body', on_delete => %s)",
    "select steward.track('mine', content => 'body', mode => %s)",
    "select * from steward.alter(%s::regclass)",
    "select * from steward.alter('source', content => %s)",
    "select * from steward.alter('source', \"where\" => %s)",
    "select * from steward.alter('source', on_delete => %s)",
    "select * from steward.alter('source', mode => %s)",
    "select * from steward.dry_run(%s::regclass, 'body')",
    "select * from steward.dry_run('source', %s)",
    "select * from steward.dry_run('source', 'body', %s)",
    "select * from steward.dry_run('source', 'body', \"where\" => %s)",
    "select * from steward.preview(%s::regclass, content => 'body')",
    "select * from steward.preview('source', content => %s)",
    "select * from steward.preview('source', content => 'body', model => %s)",
    "select * from steward.preview('source', content => 'body', \"where\" => %s)",
    "select * from steward.preview('source', content => 'body', "
    "chunking => jsonb_build_object('tokenizer', %s::text))",
    "select * from steward.preview(%s::text)",
    "select * from steward.preview('text', model => %s)",
    "select * from steward._preview(array[%s], null, 'builtin/hash@1')",
    "select * from steward.chunk(%s)",
    "select * from steward.chunk('text', jsonb_build_object('strategy', %s::text))",
    "select * from steward.chunk('text', jsonb_build_object('tokenizer', 'tokenizers:' || %s))",
    "select steward.pause(%s::regclass)",
    "select steward.pause('source', %s)",
    "select steward.resume(%s::regclass)",
    "select steward.backfill(%s::regclass)",
    "select steward.cancel_backfill(%s::regclass)",
    "select * from steward.verify(%s::regclass)",
    "select steward.reconcile(%s::regclass)",
    "select * from steward.as_of(%s::regclass, now())",
    "select steward.significance(cosine_by => %s)",
    "select steward.significance(guards => array[%s])",
    "select steward.significance(always => array[%s])",
    "select * from steward.explain_change(%s, %s::text)",
    "select * from steward.explain_change('a', 'b', jsonb_build_object('guards', %s::text))",
    "select * from steward.explain_change("
    "'a', 'b', null, jsonb_build_object('strategy', %s::text))",
    "select * from steward.explain_change(%s::regclass, '{}'::jsonb)",
    "select * from steward.explain_change('source'::regclass, to_jsonb(%s::text))",
    "select * from steward.explain_change('source'::regclass, jsonb_build_object('id', %s::text))",
    "select * from steward.explain_change('source'::regclass, '{\"id\": 1}'::jsonb, %s)",
    "select * from steward.simulate(%s::regclass, '{}')",
    "select * from steward.simulate('source', jsonb_build_object('guards', %s::text))",
    "select * from steward.suggest_threshold(%s::regclass)",
    "select steward.prune(%s::regclass)",
    "select steward.rollback_document(%s::regclass, '{}')",
    "select steward.rollback_document('source', to_jsonb(%s::text))",
    "select steward.rollback_document('source', jsonb_build_object('id', %s::text))",
    "select steward.rollback_document('source', '{\"id\": 1}', null, %s)",
    "select * from steward.erase(%s::regclass, '{}')",
    "select * from steward.erase('source', to_jsonb(%s::text))",
    "select * from steward.erase('source', jsonb_build_object('id', %s::text))",
    "select steward._reconcile_slice(%s::regclass, 10)",
    "select * from steward.freshness_detail(%s::regclass)",
    "select steward.configure(%s, '1')",
    "select steward.configure('pending_warn', %s)",
    "select steward.configure('failed_warn', %s)",
    "select steward.configure('coverage_warn', %s)",
    "select steward.configure('expect_pg_cron', %s)",
    "select steward.track(%s::regclass, content => 'body')",
    "select steward.untrack(%s::regclass)",
    "select steward.add_space(%s::regclass, 'builtin/hash@1')",
    "select steward.add_space('source', %s)",
    "select steward.promote(%s::regclass, 'builtin/hash@1')",
    "select steward.promote('source', %s)",
    "select steward.demote(%s::regclass)",
    "select steward.retire_space(%s::regclass, 'builtin/hash@1')",
    "select steward.retire_space('source', %s)",
    "select * from steward.compare_spaces(%s::regclass)",
    "select steward.search_vector('source', '[1,0]', 3, %s)",
    "select steward.retry_failed(%s::regclass)",
    "select steward.add_model(%s, 3, 'mine')",
    "select steward.add_model('a@' || txid_current(), 3, %s)",
    *(
        f"select steward.add_model('a@1', 3, 'http', endpoint => 'http://127.0.0.1:1', "
        f"request => '[\"{{{{texts}}}}\"]', answer => 'x', {name} => %s)"
        for name in (
            "secret",
            "remote_name",
            "metric",
            "storage",
            "document_prefix",
            "query_prefix",
            "on_too_long",
            "encoding",
            "secret_header",
        )
    ),
    "select steward.add_model('a@1', 3, 'openai', endpoint => %s)",
    "select steward.add_model('a@1', 3, 'http', endpoint => 'http://127.0.0.1:1', "
    "request => '[\"{{texts}}\"]', answer => %s)",
    "select steward.test_model(%s)",
    "select steward._load_provider(%s)",
    "select steward._embed_query(%s, 'a')",
    "select steward._embed_query('builtin/hash@1', %s)",
    "select steward._model_settings(%s)",
    "select steward.set_secret(%s, 'a', 'http://a')",
    "select steward.refer_secret(%s, 'env:A', 'http://a')",
    "select steward.refer_secret('a', %s, 'http://a')",
    "select steward.refer_secret('a', 'env:A', %s)",
    "select steward.allow_endpoints(%s)",
    "select steward.set_secret('a', %s, 'http://a')",
    "select steward.set_secret('a', 'a', %s)",
    "select steward.drop_secret(%s)",
    "select * from steward.claim(%s)",
    "select * from steward.claim('me', provider => %s)",
    "select * from steward.claim('me', source => %s::regclass)",
    "select * from steward.claim('me', models => array[%s])",
    "select * from steward.claim_texts(%s)",
    "select * from steward.claim_texts('me', provider => %s, models => array[%s])",
    "select * from steward.submit_plans((select array_agg(token) from taken), array[%s])",
    "select steward.complete((select max(token) from taken), array[%s])",
    "select steward.complete((select max(token) from taken), %s::text[])",
    "select * from steward.complete((select array_agg(token) from taken), array[%s])",
    "select * from steward.complete((select array_agg(token) from taken), array[%s, %s])",
    "select steward.fail((select min(token) from taken), %s)",
    "select steward.fail((select min(token) from taken), 'no', %s)",
    "select * from steward.fail((select array_agg(token) from taken), %s)",
    "select * from steward.fail((select array_agg(token) from taken), 'no', %s)",
    "select * from steward.search('source', %s)",
    "select * from steward.search(%s::regclass, 'query')",
    "select * from steward.search_vector('source', %s)",
    "select steward.embed(array[%s])",
    "select steward.embed(array['a'], %s)",
    "call steward.work(idle_seconds => 0, worker => %s)",
    "select steward._active_model(%s::regclass)",
    "select steward._trigger_functions(%s::regclass)",
    "select steward._check_table(%s::regclass)",
    "select steward._options(%s::regclass)",
    "select steward._price(%s)",
    "select steward.set_price(%s, 1)",
    "select steward._describe(%s::regclass, 'body', null, true)",
    "select steward._describe('mine', %s, null, true)",
    "select steward._describe('mine', 'body', %s, true)",
    "select * from steward._count_chunks(array[%s], null)",
    "select steward._has_before_update_trigger(%s::regclass)",
    "select steward._search_statement('source', %s, 3, null)",
    "select steward._describe_content(%s::regclass, 'body', null)",
    "select steward._describe_content('mine', %s, null)",
    "select steward._describe_content('mine', 'body', %s)",
    "select steward._check_options(jsonb_build_object('mode', %s::text))",
    "select steward._parts('mine', %s)",
    "select steward._parts('mine', 'body, ' || %s)",
    "select steward._policy(jsonb_build_object('strategy', %s::text), null)",
    "select steward._policy(null, jsonb_build_object('cosine_by', %s::text))",
    "select steward._policy(null, jsonb_build_object('negations', array[%s::text]))",
    *(
        "select steward._begin_track('mine', " + arguments + ")"
        for arguments in (
            f"%s, 's.body', null, null, '{{body}}', null, 'builtin/hash@1', {OPTIONS}",
            f"'body', %s, null, null, '{{body}}', null, 'builtin/hash@1', {OPTIONS}",
            f"'body', 's.body', %s, null, '{{body}}', null, 'builtin/hash@1', {OPTIONS}",
            f"'body', 's.body', 'a', %s, '{{body}}', null, 'builtin/hash@1', {OPTIONS}",
            f"'body', 's.body', null, null, array[%s]::name[], null, 'builtin/hash@1', {OPTIONS}",
            f"'body', 's.body', null, null, '{{body}}', %s, 'builtin/hash@1', {OPTIONS}",
            f"'body', 's.body', null, null, '{{body}}', null, %s, {OPTIONS}",
            "'body', 's.body', null, null, '{body}', null, 'builtin/hash@1', "
            f"{OPTIONS} || jsonb_build_object('mode', %s::text)",
            "'body', 's.body', null, null, '{body}', null, 'builtin/hash@1', "
            f"{OPTIONS} || jsonb_build_object('on_delete', %s::text)",
        )
    ),
    *(
        "select steward._begin_alter('source', " + arguments + ")"
        for arguments in (
            f"%s, null, '{{body}}', {OPTIONS}",
            f"'s.body', %s, '{{body}}', {OPTIONS}",
            f"'s.body', null, array[%s]::name[], {OPTIONS}",
            f"'s.body', null, '{{body}}', {OPTIONS} || jsonb_build_object('content', %s::text)",
            f"'s.body', null, '{{body}}', {OPTIONS} || jsonb_build_object('mode', %s::text)",
        )
    ),
    "select steward._create_triggers('mine', array[%s]::name[], null, null, '{body}')",
    "select steward._create_triggers('mine', '{body}', %s, 'true', '{body}')",
    "select steward._create_triggers('mine', '{body}', 'true', %s, '{body}')",
    "select steward._create_triggers('mine', '{body}', null, null, array[%s]::name[])",
    "select steward._finish_alter(%s::regclass, true)",
)
# Syntax error, undefined function, internal error: signs of a text that was taken for a program.
SIGNS_OF_HARM = ("42601", "42883", "XX000", "42P10", "42P18", "38000", "?")
# Where PostgreSQL itself reads a name, and refuses it with a syntax error.
READ_BY_POSTGRES = ("::regclass", "::text[]")
# Where an expression is asked for: PostgreSQL reads it, as the caller, or we refuse what is none.
EXPRESSIONS = (
    "track('mine', content => %s",
    '"where" => %s',
    "alter('source', content => %s",
    "dry_run('source', %s",
    "preview('source', content => %s",
    "_describe_content('mine'",
    "_describe('mine'",
    "_create_triggers",
    "_begin_track",
    "_begin_alter",
)


@pytest.mark.parametrize("statement", ARGUMENTS)
def test_text_is_never_taken_for_a_program(
    statement: str, victim: Database, mallory: Session
) -> None:
    """Whatever is in an argument, it is a value or it is refused."""
    mallory.run("create table public.canary (alive boolean)")
    mallory.run("create table public.mine (id integer primary key, body text)")
    mallory.run("create table public.source (id integer primary key, body text)")
    mallory.run("insert into source values (1, 'One.'), (2, 'Two.')")
    mallory.run("select steward.track('source', content => 'body')")
    mallory.run("create temporary table taken as select token from steward.claim('me')")
    for payload in PAYLOADS:
        outcome = mallory.attempt(statement, *[payload] * statement.count("%s"))
        if outcome in SIGNS_OF_HARM and not (
            any(part in statement for part in READ_BY_POSTGRES)
            or (
                outcome in ("42601", "42883", "42P18")
                and any(part in statement for part in EXPRESSIONS)
            )
        ):
            pytest.fail(f"{outcome} from {statement} with {payload[:60]!r}")
        # whatever it made is undone, so that the next one finds the same
        mallory.attempt("select steward._finish_untrack('mine', false)")
        mallory.attempt("select steward.untrack('mine')")
    assert mallory.run("select * from canary") == []
    works_for_others(victim)


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        ("null, '[1]', 3", "22004"),
        ("0::oid, '[1]', 3", "42704"),
        ("'pg_class', '[1]', 3", "42704"),
        ("'steward_private.source', '[1]', 3", "42501"),
        ("'secret', null, 3", "22004"),
        ("'secret', '[1]', 3", "22000"),
        ("'secret', '[]', 3", "22000"),
        ("'secret', 'null', 3", "22P02"),
        ("'secret', '[1,NaN]', 3", "22000"),
        ("'secret', {vector}, 0", "22023"),
        ("'secret', {vector}, -1", "22023"),
        ("'secret', {vector}, 2147483647", "22023"),
        ("'secret', {vector}, null", "22023"),
        ("'secret', {zero}, 3", "22000"),
        ("'secret', {vector}, 3", "ok"),
    ],
)
def test_the_statement_of_a_search_is_only_words(
    arguments: str, sqlstate: str, victim: Database, make_role: MakeRole
) -> None:
    """It gives nothing away, and to whoever runs it no right that they have not got."""
    reader = make_role("steward_reader")
    vector = "'[" + ",".join(["0.5"] * 256) + "]'"
    zero = "'[" + ",".join(["0"] * 256) + "]'"
    called = arguments.replace("{vector}", vector).replace("{zero}", zero)
    with session(victim, reader) as reading:
        if sqlstate != "ok":
            assert reading.attempt(f"select steward._search_statement({called}, null)") == sqlstate
            return
        ((statement,),) = reading.run(f"select steward._search_statement({called}, null)")
        assert "combination" not in statement
        assert "0.5" not in statement
        # to run it by oneself is as good as to search
        with pytest.raises(errors.InsufficientPrivilege):
            reading.run(f"prepare search as {statement}; execute search({vector})")


@pytest.mark.parametrize(
    "lease", ["infinity", "1000000000 years", "-1 second", "0", "1 microsecond"]
)
def test_odd_leases(lease: str, victim: Database, make_role: MakeRole) -> None:
    """A lease is a length of time that ends."""
    worker = make_role("steward_worker")
    victim.run("update secret set body = 'New.'")
    with session(victim, worker) as working:
        claim = "select * from steward.claim('me', lease => %s::interval)"
        outcome = working.attempt(claim, lease)
        if lease == "1 microsecond":
            assert outcome == "ok"
        else:
            assert outcome in ("22023", "22007", "22008", "22015")
    victim.run("select steward.reap()")
    assert victim.run("select state, count(*) from steward.jobs group by 1") == [("pending", 2)]


def all_calls(names: Sequence[str]) -> set[str]:
    """The functions that are called somewhere in ARGUMENTS."""
    return {name for name in names if any(f"{name}(" in statement for statement in ARGUMENTS)}


def test_no_text_argument_was_forgotten(db: Database) -> None:
    """A new function with a text argument belongs to the list above."""
    names = [
        name
        for (name,) in db.run(
            """
            select distinct format('steward.%I', p.proname)
            from pg_proc as p
            where
                p.pronamespace = 'steward'::regnamespace
                and string_to_array(p.proargtypes::text, ' ')::oid[] && array[
                    'text'::regtype, 'text[]'::regtype, 'name'::regtype, 'name[]'::regtype,
                    'regclass'::regtype, 'jsonb'::regtype
                ]::oid[]
            """
        )
    ]
    # these take the name of a table that must be one of ours, and are attacked above
    parts = {"steward._finish_track", "steward._finish_untrack", "steward._backfill_size"}
    assert set(names) - all_calls(names) == parts


# What is left to be done at the end of somebody else's transaction -------------------------------

FUSE: tuple[LiteralString, ...] = (
    "create table evil.notes (id integer primary key, body text)",
    "insert into evil.notes values (1, 'One.')",
    "create table evil.heard (who text)",
    "create table evil.fuse (n integer)",
    "create function evil.boom() returns trigger language plpgsql as $$ begin "
    "insert into evil.heard values (current_user || ' ' || current_setting('is_superuser')); "
    "return null; end $$",
    "create constraint trigger later after insert on evil.fuse deferrable initially deferred "
    "for each row execute function evil.boom()",
    "create function evil.light() returns boolean language plpgsql as $$ begin "
    "insert into evil.fuse values (1); return true; end $$",
    "create policy p on evil.notes using (evil.light())",
    "alter table evil.notes enable row level security",
)


def test_a_policy_leaves_nothing_for_the_end_of_the_transaction(
    victim: Database, mallory: Session
) -> None:
    """A deferred trigger fires with the rights of whoever commits: policies are never run by us."""
    for statement in FUSE:
        mallory.run(statement)
    mallory.run("select steward.track('evil.notes', content => 'body')")
    victim.work()
    mallory.run("alter table evil.notes force row level security")
    mallory.run("update evil.notes set body = 'Two.'")
    mallory.run("delete from evil.heard")
    for statement in EVERYTHING:
        victim.run(statement)
    assert victim.run("select * from evil.heard") == []
    works_for_others(victim)

    # the fuse itself is live
    victim.run("set row_security = on")
    mallory.run("select * from evil.notes")
    assert mallory.run("select count(*) > 0 from evil.heard") == [(True,)]


def test_a_schema_called_cron_is_not_pg_cron(victim: Database, mallory: Session) -> None:
    """Somebody's own functions of those names are not called by start(), stop() and status()."""
    victim.run("grant create on database " + quote_name(victim.name) + " to steward_admin")
    for statement in (
        "create schema cron",
        "grant usage on schema cron to public",
        "create function cron.schedule(text, text, text) returns bigint language plpgsql as "
        "$$ begin raise exception 'trapped'; end $$",
        "create function cron.jobs() returns table (jobid bigint, jobname text, database text) "
        "language plpgsql as $$ begin raise exception 'trapped'; end $$",
        "create view cron.job as select * from cron.jobs()",
    ):
        mallory.run(statement)
    for statement in (
        "select steward.start()",
        "select steward.stop()",
        "select * from steward.status()",
    ):
        victim.run(statement)
