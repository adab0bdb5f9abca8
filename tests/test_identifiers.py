"""Names that hurt and keys of every type: the whole life of a source with each of them.

A table is tracked, embedded, searched, edited, its keys changed, rows deleted, truncated, and it is
let go; in the end it is as it was found.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
import pytest

from catalog import snapshot
from pgenv import Cluster
from support import INSTALL, Database, quote_name

MakeRole = Callable[..., str]

# Every name is tried as that of a schema, a table, a key column, a content column and a role.
NAMES = (
    'a"; drop table x--',
    "MixedCase",
    "with spaces",
    "it's a \\ back\\slash",
    "n" * 63,
    "\N{GRINNING FACE}" * 15 + "abc",  # 63 bytes
    "p" + "\N{LATIN SMALL LETTER E WITH ACUTE}" * 31,  # 63 bytes, and cut inside of a letter
    "$body$",
    "$sql$",
    "$function$",
    "%I %s %1$L",
    "%",
    "new",
    "t",
    "key_1",
    "generation",
    "embedding",
    "select",
    "old",
    "excluded",
    "s",
    "k",
    "v_known",
    "tg_op",
    "content",
    "key",
    "keys",
    "position",
    ":name",
    "a.b",
    "\N{CYRILLIC CAPITAL LETTER ZHE}\n\t",
)

TEXTS = (
    "Knead flour, water and salt, and bake the bread in a hot oven.",
    "The moon pulls at the oceans, and the tide comes in and goes out.",
    "A mutex lets one thread into the critical section.",
    "Grandmother planted roses along the garden fence.",
)


def literal(text: str) -> str:
    """A string constant that no setting of the session makes another one."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass
class Subject:
    """A table to be tracked, and values for its keys, written as SQL; each key has five of them."""

    types: Sequence[str]
    keys: Sequence[Sequence[str]]
    schema: str = "public"
    table: str = "subject"
    key_columns: Sequence[str] = ("id",)
    content: str = "body"
    setup: Sequence[str] = field(default_factory=tuple)
    schemas: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of the table as SQL wants it."""
        return f"{quote_name(self.schema)}.{quote_name(self.table)}"

    @property
    def columns(self) -> str:
        """The names of the key's columns as SQL wants them."""
        return ", ".join(map(quote_name, self.key_columns))

    def create(self) -> Iterator[str]:
        """The statements that make the table, with something in it of everything."""
        yield from self.setup
        columns = [
            f"{quote_name(name)} {type}"
            for name, type in zip(self.key_columns, self.types, strict=True)
        ]
        content = quote_name(self.content)
        yield (
            f"create table {self.name} (before_it integer default 7, {content} text, "
            f"{', '.join(columns)}, after_it numeric, dropped integer, "
            f"constraint subject_key primary key ({self.columns}))"
        )
        yield f"alter table {self.name} drop column dropped"
        yield f"create index subject_content on {self.name} (({content} || '')) where after_it > 0"
        yield f"comment on table {self.name} is 'A subject.'"

    def insert(self, number: int) -> str:
        """A row with one of the keys."""
        return (
            f"insert into {self.name} ({self.columns}, {quote_name(self.content)}) values "
            f"({', '.join(self.keys[number])}, {literal(TEXTS[number])})"
        )

    def where(self, number: int) -> str:
        """The condition that selects the row with one of the keys."""
        pairs = zip(self.key_columns, self.types, self.keys[number], strict=True)
        return " and ".join(
            f"{quote_name(column)} = ({value})::{type}" for column, type, value in pairs
        )

    def key(self, number: int) -> str:
        """One of the keys as search() and the jobs show it."""
        pairs = zip(self.key_columns, self.types, self.keys[number], strict=True)
        parts = [f"{literal(column)}, ({value})::{type}" for column, type, value in pairs]
        return f"jsonb_build_object({', '.join(parts)})"


class Life:
    """A subject in a database, and what is asked of it.

    Sessions are kept: in a new one, PL/Python starts anew, which takes longer than all the rest.
    """

    def __init__(self, database: Database, subject: Subject, user: str = "postgres") -> None:
        self.database, self.subject, self.user = database, subject, user
        self.source = f"{literal(subject.name)}::regclass"
        self.sessions: dict[str, psycopg.Connection[Any]] = {}

    def __enter__(self) -> Life:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self.sessions.values():
            session.close()

    def query(self, statement: str, user: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as somebody."""
        if user not in self.sessions:
            self.sessions[user] = self.database.connect(user)
        cursor = self.sessions[user].execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the owner of the subject."""
        return self.query(statement, self.user)

    def work(self) -> None:
        """Let the worker inside the database do all there is to do."""
        self.query("call steward.work(idle_seconds => 0)")

    def found(self, number: int, user: str | None = None) -> list[tuple[Any, ...]]:
        """Search for one of the texts: the nearest row's key is that one's, and its text."""
        return self.query(
            f"select key = {self.subject.key(number)}, chunk "
            f"from steward.search({self.source}, {literal(TEXTS[number])}, 1)",
            user or self.user,
        )

    def count(self, what: str) -> int:
        """How many rows the generated table of that kind has."""
        ((table,),) = self.query(f"select s.{what}_table::text from steward_private.space as s")
        ((count,),) = self.query(f"select count(*) from {table}")
        return int(count)

    def states(self) -> tuple[int, int, int, int, int]:
        """How many documents there are, and how many are fresh, pending, failed, missing."""
        ((*numbers,),) = self.query(
            "select documents, fresh, pending, failed, missing from steward.freshness"
        )
        documents, fresh, pending, failed, missing = numbers
        return documents, fresh, pending, failed, missing

    def live(self, reader: str | None = None) -> None:
        """The whole life."""
        subject, run = self.subject, self.run
        for statement in subject.create():
            run(statement)
        run(subject.insert(0))
        run(subject.insert(1))
        schemas = [subject.schema, *subject.schemas]
        before = snapshot(self.database, schemas)

        content = literal(subject.content)
        assert run(f"select steward.track({self.source}, content => {content})") == [(2,)]
        assert self.states() == (2, 0, 2, 0, 0)
        self.work()
        assert self.states() == (2, 2, 0, 0, 0)
        assert self.found(0) == [(True, TEXTS[0])]
        assert self.found(1) == [(True, TEXTS[1])]
        if reader:
            self.readable(reader)

        run(subject.insert(2))
        jobs = f"select key = {subject.key(2)} from steward.jobs"
        assert self.query(jobs) == [(True,)]
        self.work()
        assert self.found(2) == [(True, TEXTS[2])]

        edit = f"update {subject.name} set {quote_name(subject.content)} = "
        run(edit + f"{literal(TEXTS[3])} where {subject.where(0)}")
        # what is no change of the text makes no work
        run(f"update {subject.name} set after_it = 1")
        assert self.states() == (3, 2, 1, 0, 0)
        self.work()
        assert self.states() == (3, 3, 0, 0, 0)
        assert self.count("chunk") == 3
        nearest = f"select key = {subject.key(0)} from steward.search({self.source}, "
        assert run(nearest + f"{literal(TEXTS[3])}, 1)") == [(True,)]

        self.change_key()

        run(f"delete from {subject.name} where {subject.where(0)}")
        assert (self.count("doc"), self.count("chunk"), self.count("job")) == (2, 2, 0)
        run(f"truncate {subject.name}")
        assert (self.count("doc"), self.count("chunk"), self.count("job")) == (0, 0, 0)
        run(subject.insert(3))
        self.work()
        assert self.found(3) == [(True, TEXTS[3])]
        failed = "select key, reason from steward.decisions where outcome = 'failed'"
        assert self.query(failed) == []
        assert self.query("select * from steward.check() where status = 'critical'") == []

        run(f"select steward.untrack({self.source})")
        assert snapshot(self.database, schemas) == before
        assert (
            self.query(
                "select c.relname from pg_class as c "
                "where c.relnamespace = 'steward_data'::regnamespace union all "
                "select p.proname from pg_proc as p "
                "where p.pronamespace = 'steward_data'::regnamespace or "
                "p.pronamespace = 'steward_private'::regnamespace and p.proname ~ '_[0-9]+$'"
            )
            == []
        )

    def change_key(self) -> None:
        """The row's chunks go with the old key and come back with the new one."""
        subject = self.subject
        new = ", ".join(
            f"{quote_name(column)} = {value}"
            for column, value in zip(subject.key_columns, subject.keys[4], strict=True)
        )
        self.run(f"update {subject.name} set {new} where {subject.where(1)}")
        assert (self.count("doc"), self.count("chunk")) == (2, 2)
        # a row that goes, and one that comes
        noted = f"select count(*) from steward.jobs where key = {subject.key(4)} "
        noted += f"or key = {subject.key(1)}"
        assert self.query(noted) == [(2,)]
        self.work()
        assert self.states() == (3, 3, 0, 0, 0)
        nearest = f"select key = {subject.key(4)} from steward.search({self.source}, "
        assert self.run(nearest + f"{literal(TEXTS[1])}, 1)") == [(True,)]

    def readable(self, reader: str) -> None:
        """Somebody who may read the table finds what is in it; the policies name it rightly."""
        subject, query = self.subject, self.query
        query(f"grant usage on schema {quote_name(subject.schema)} to {quote_name(reader)}")
        query(f"grant select on {subject.name} to {quote_name(reader)}")
        assert self.found(0, user=reader) == [(True, TEXTS[0])]
        for table in ("chunk_table", "doc_table"):
            name = query(f"select {table}::text from steward.spaces")[0][0]
            assert query(f"select count(*) from {name}", reader) == [(2,)]
        query(f"revoke all on {subject.name} from {quote_name(reader)}")
        query(f"revoke all on schema {quote_name(subject.schema)} from {quote_name(reader)}")


@pytest.mark.parametrize(
    ("name", "content"), [*itertools.pairwise(NAMES), (NAMES[-1], NAMES[0])], ids=range(len(NAMES))
)
def test_life_with_hostile_names(
    name: str, content: str, db: Database, make_role: MakeRole
) -> None:
    """Schema, table, key column and owner have the name; the content column has the next one."""
    owner = make_role("steward_admin", name=name)
    reader = make_role("steward_reader", name=content)
    subject = Subject(
        types=["bigint"],
        keys=[["1"], ["2"], ["3"], ["4"], ["5"]],
        schema=name,
        table=name,
        key_columns=[name],
        content=content,
    )
    db.run("create table x (still_here integer)")
    db.run(f"create schema {quote_name(name)} authorization {quote_name(owner)}")
    with Life(db, subject, owner) as life:
        life.live(reader)
    assert db.run("select * from x") == []


KEYS: dict[str, Subject] = {
    "bigint": Subject(
        ["bigint"],
        [["'-9223372036854775808'"], ["'9223372036854775807'"], ["0"], ["1"], ["9007199254740993"]],
    ),
    "smallint": Subject(["smallint"], [["1"], ["-2"], ["3"], ["4"], ["5"]]),
    "uuid": Subject(["uuid"], [[f"'{digit * 32}'"] for digit in "0123f"]),
    "text": Subject(
        ["text"],
        [
            ["''"],
            ["'''; drop table subject; --'"],
            ["E'$body$ \\\\ %I {\"a\": null} \\n'"],
            ["' a'"],
            ["'\N{GRINNING FACE}'"],
        ],
    ),
    "text with a nondeterministic collation": Subject(
        ["text collate names"],
        [["'one'"], ["'Two'"], ["'THREE'"], ["'four'"], ["'five'"]],
        setup=[
            "create collation names "
            "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        ],
    ),
    "text with the collation C": Subject(
        ['text collate "C"'], [["'one'"], ["'One'"], ["'ONE'"], ["'onE'"], ["'oNe'"]]
    ),
    "timestamptz": Subject(
        ["timestamptz"],
        [
            ["'2026-03-29 02:30:00.123456+01'"],
            ["'infinity'"],
            ["'0044-03-15 12:00:00+00 BC'"],
            ["'2026-10-25 02:30:00+01'"],
            ["'2026-10-25 02:30:00+02'"],
        ],
    ),
    "timestamp": Subject(
        ["timestamp(3)"], [[f"'2026-03-29 02:30:00.12{digit}'"] for digit in range(5)]
    ),
    "numeric": Subject(
        ["numeric"], [["'NaN'"], ["1.10"], ["1e40"], ["-0.0000000000000000000001"], ["'Infinity'"]]
    ),
    "numeric with a scale": Subject(["numeric(6, 2)"], [["1"], ["1.1"], ["1.11"], ["0"], ["-1"]]),
    "double precision": Subject(
        ["double precision"],
        [["0.1::float8 + 0.2"], ["'NaN'"], ["1e300"], ["'-infinity'"], ["1.0 / 3::float8"]],
    ),
    "real": Subject(["real"], [["0.1"], ["1e-30"], ["3.4e38"], ["16777217"], ["1.0 / 3"]]),
    "date": Subject(
        ["date"],
        [["'2026-02-03'"], ["'infinity'"], ["'0044-03-15 BC'"], ["'99999-01-01'"], ["'1-1-1'"]],
    ),
    "time": Subject(["time"], [["'00:00'"], ["'24:00'"], ["'1:2:3.456789'"], ["'1:2'"], ["'3:4'"]]),
    "interval": Subject(
        ["interval"],
        [
            ["'-1 day +02:03:04.56'"],
            ["'1 year -2 months'"],
            ["'0'"],
            ["'1 day'"],
            ["'1 month -1 day'"],
        ],
    ),
    "bytea": Subject(["bytea"], [["''"], ["'\\x00ff'"], ["'\\x5c27'"], ["'\\x22'"], ["'\\x01'"]]),
    "boolean": Subject(
        ["boolean", "integer"],
        [["true", "1"], ["false", "1"], ["true", "2"], ["false", "2"], ["true", "3"]],
        key_columns=["yes", "number"],
    ),
    "char": Subject(["char(5)"], [["'a'"], ["'b'"], ["'c d'"], ["'e'"], ["'fghij'"]]),
    "varchar": Subject(["varchar(9)"], [["'a'"], ["'b '"], ["'b'"], ["'A'"], ["'fghij'"]]),
    "name": Subject(["name"], [["'a'"], ["'b'"], ["'c d'"], ["'E'"], ["'%'"]]),
    "inet": Subject(
        ["inet"], [["'10.0.0.1'"], ["'10.0.0.1/8'"], ["'::1'"], ["'::/0'"], ["'127.0.0.1'"]]
    ),
    "bit": Subject(["bit(3)"], [["B'000'"], ["B'001'"], ["B'010'"], ["B'011'"], ["B'111'"]]),
    "array": Subject(
        ["text[]"],
        [["'{}'"], ['\'{a,NULL,"b\\"c"}\''], ["'{{1,2},{3,4}}'"], ["'{a}'"], ["'{\"\"}'"]],
    ),
    "range": Subject(["int4range"], [["'empty'"], ["'[1,2)'"], ["'(,5)'"], ["'[3,)'"], ["'(,)'"]]),
    "citext": Subject(
        ["citext"],
        [["'one'"], ["'Two'"], ["'THREE'"], ["'four'"], ["'Five'"]],
        setup=["create extension citext"],
    ),
    "citext in a schema of its own": Subject(
        ['"My types".citext'],
        [["'one'"], ["'Two'"], ["'THREE'"], ["'four'"], ["'Five'"]],
        setup=['create schema "My types"', 'create extension citext schema "My types"'],
        schemas=["My types"],
    ),
    "enum in another schema": Subject(
        ['"My types"."Mood%"'],
        [["'so-so'"], ["'it''s'"], ["'\"fine\"'"], ["'bad'"], ["''"]],
        setup=[
            'create schema "My types"',
            "create type \"My types\".\"Mood%\" as enum ('so-so', 'it''s', '\"fine\"', 'bad', '')",
        ],
        schemas=["My types"],
    ),
    "domain": Subject(
        ["code"],
        [["'a'"], ["'b'"], ["'c'"], ["'d'"], ["'e'"]],
        setup=["create domain code as text check (length(value) = 1)"],
    ),
    "composite key": Subject(
        ["text", "timestamptz", "numeric", "uuid"],
        [
            ["'a'", "'2026-03-29'", "1", f"'{'a' * 32}'"],
            ["'a'", "'2026-03-29'", "2", f"'{'a' * 32}'"],
            ["'a'", "'2026-03-30'", "1", f"'{'a' * 32}'"],
            ["'b'", "'2026-03-29'", "1", f"'{'a' * 32}'"],
            ["'a'", "'2026-03-29'", "1", f"'{'b' * 32}'"],
        ],
        # in another order than that of the generated columns, and under their names
        key_columns=["key_2", "key_1", "key_4", "key_3"],
    ),
}


@pytest.mark.parametrize("kind", KEYS)
def test_life_with_keys_of_every_type(kind: str, db: Database) -> None:
    """Also with values at the edges of the type."""
    with Life(db, KEYS[kind]) as life:
        life.live()


ODD_SETTINGS: LiteralString = """
set datestyle = 'SQL, DMY';
set intervalstyle = 'sql_standard';
set timezone = 'America/St_Johns';
set bytea_output = 'escape';
set extra_float_digits = 0;
set standard_conforming_strings = off;
set escape_string_warning = off;
set lc_numeric = 'C';
set search_path = pg_temp;
"""


@pytest.mark.parametrize("kind", KEYS)
def test_sessions_with_other_settings_agree_on_keys(kind: str, db: Database) -> None:
    """A claim made in a session that writes values in its own way holds in every other session."""
    subject = KEYS[kind]
    complete = "select steward.complete(%s, steward.embed(%s))"
    with Life(db, subject) as life, db.connect() as odd, db.connect() as plain:
        for statement in (*subject.create(), *map(subject.insert, range(4))):
            life.run(statement)
        life.run(f"select steward.track({life.source}, content => {literal(subject.content)})")

        odd.execute(ODD_SETTINGS)
        claimed = odd.execute("select token, texts from steward.claim('odd')").fetchall()
        assert sorted(texts[0] for _, texts in claimed) == sorted(TEXTS)
        for claim in claimed[:2]:
            assert plain.execute(complete, claim).fetchall() == [("embedded",)]
        given_back = plain.execute("select steward.fail(%s, 'no')", [claimed[2][0]])
        assert given_back.fetchall() == [("pending",)]

        # and the other way round
        assert odd.execute(complete, claimed[3]).fetchall() == [("embedded",)]
        odd.execute(f"delete from {subject.name}".encode())
        assert (life.count("doc"), life.count("chunk")) == (0, 0)
        life.work()
        assert (life.count("doc"), life.count("chunk"), life.count("job")) == (0, 0, 0)
        assert life.query("select count(*) from steward_private.claim") == [(0,)]


def test_case_matters_to_the_text_where_it_does_not_to_the_key(db: Database) -> None:
    """A key that changes only for the eye is the same row, and its vectors stay."""
    subject = KEYS["text with a nondeterministic collation"]
    with Life(db, subject) as life:
        for statement in (*subject.create(), subject.insert(0)):
            life.run(statement)
        life.run(f"select steward.track({life.source}, content => 'body')")
        life.work()
        life.run("update subject set id = 'ONE' where id = 'one'")
        life.work()
        assert (life.count("doc"), life.count("chunk"), life.count("job")) == (1, 1, 0)
        life.run("update subject set body = upper(body)")
        life.work()
        nearest = life.query("select chunk from steward.search('subject', 'bread', 1)")
        assert nearest == [(TEXTS[0].upper(),)]
        life.run("delete from subject where id = 'One'")
        assert (life.count("doc"), life.count("chunk"), life.count("job")) == (0, 0, 0)


def test_columns_named_as_our_arguments(db: Database) -> None:
    """Also such that could take the place of an argument without anybody noticing."""
    db.run(
        "create table subject (id integer primary key, body text, key jsonb, keys jsonb, "
        "source integer, space text, token bigint, vectors text[], found boolean, content text)"
    )
    db.run("insert into subject (id, body, key, keys) values (1, 'Bread.', '{\"id\": 2}', '[]')")
    db.run("select steward.track('subject', content => 'body')")
    db.work()
    db.run("update subject set body = 'Flour.'")
    db.work()
    assert db.run("select chunk from steward.search('subject', 'flour')") == [("Flour.",)]
    assert db.run("select * from steward.jobs") == []


@pytest.mark.parametrize("mode", ["queued", "transactional"])
@pytest.mark.parametrize(
    ("name", "other"), [*itertools.pairwise(NAMES), (NAMES[-1], NAMES[0])], ids=range(len(NAMES))
)
def test_expressions_and_keys_with_hostile_names(
    name: str, other: str, mode: str, db: Database, make_role: MakeRole
) -> None:
    """Columns, functions, types and the index of the key are called so; constants say so."""
    owner = make_role("steward_admin", name=name)
    db.run(f"create schema {quote_name(name)} authorization {quote_name(owner)}")
    hostile, body = quote_name(name), quote_name(other)
    table = f"{hostile}.{hostile}"
    source = f"{literal(table)}::regclass"
    content = f"{literal(name + ': ')} || {hostile}.{hostile}({body}) || {literal(other)}"
    condition = f"kind <> {literal(other)}::{hostile}.kind and {body} <> {literal(name)}"
    with db.connect(owner) as session:

        def run(statement: str) -> list[tuple[Any, ...]]:
            cursor = session.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

        run(f"create type {hostile}.kind as enum ({literal(other)}, 'counts')")
        run(
            f"create function {hostile}.{hostile}(text) returns text "
            "language sql immutable return $1 || '.'"
        )
        run(
            f"create table {table} ({hostile} text not null, {body} text, "
            f"kind {hostile}.kind default 'counts')"
        )
        run(f"create unique index {body} on {table} ({hostile})")
        run(f"insert into {table} values ({literal(name)}, 'Bread is baked')")
        run(
            f"select steward.track({source}, content => {literal(content)}, "
            f"key => {literal(other)}, mode => '{mode}', \"where\" => {literal(condition)})"
        )
        run("call steward.work(idle_seconds => 0)")
        chunks = f"select key ->> {literal(name)}, chunk from steward.search({source}, 'x', 9) "
        chunks += "order by chunk"

        def said(text: str) -> str:
            # chunks begin and end with something that can be seen
            return f"{name}: {text}.{other}".strip()

        assert run(chunks) == [(name, said("Bread is baked"))]
        run(f"insert into {table} values ('more', 'Tides turn')")
        run(f"insert into {table} values ('hidden', 'Nobody finds this', {literal(other)})")
        run(f"update {table} set {body} = 'Roses grow' where {hostile} = {literal(name)}")
        run("call steward.work(idle_seconds => 0)")
        assert run(chunks) == [(name, said("Roses grow")), ("more", said("Tides turn"))]
        assert run("select documents, fresh from steward.freshness") == [(2, 2)]

        run(f"update {table} set kind = {literal(other)} where {hostile} = 'more'")
        assert run(chunks) == [(name, said("Roses grow"))]
        run(f"update {table} set {hostile} = 'renamed' where {hostile} = {literal(name)}")
        run("call steward.work(idle_seconds => 0)")
        assert run(chunks) == [("renamed", said("Roses grow"))]
        assert run(f"select * from steward.verify({source})") == []

        # an expression that was a name, and a condition that is no more
        run(f"select * from steward.alter({source}, content => {literal(other)}, \"where\" => '')")
        run("call steward.work(idle_seconds => 0)")
        texts = ["Nobody finds this", "Roses grow", "Tides turn"]
        assert [chunk for _, chunk in run(chunks)] == texts
        assert run(f"select * from steward.verify({source})") == []
        run(f"delete from {table}")
        run("call steward.work(idle_seconds => 0)")
        assert run(chunks) == []
        run(f"select steward.untrack({source})")


def test_tables_of_the_same_long_name(db: Database) -> None:
    """Names made from theirs are cut, and are told apart all the same."""
    for schema in ("one", "two"):
        table = f'{schema}."{"x" * 63}"'
        db.run(f"create schema {schema}")
        db.run(f"create table {table} (id integer primary key, body text)")
        db.run(f"insert into {table} values (1, 'Bread in {schema}.')")
        db.run(f"select steward.track('{table}', content => 'body')")
    db.work()
    for schema in ("one", "two"):
        table = f'{schema}."{"x" * 63}"'
        found = db.run(f"select chunk from steward.search('{table}', 'bread', 5)")
        assert found == [(f"Bread in {schema}.",)]
        db.run(f"select steward.untrack('{table}')")


DATABASES = (
    'a"; drop table x--',
    "it's 100% \\ new",
    "dbname=postgres",
    "postgresql://localhost/x",
    "\N{GRINNING FACE}" * 15 + "abc",
    "MixedCase $HOME `id`",
)


@pytest.mark.parametrize("name", DATABASES, ids=range(len(DATABASES)))
def test_life_in_a_database_with_a_hostile_name(name: str, cluster: Cluster) -> None:
    """From install to uninstall, and the lines for a crontab do what they say."""
    database = Database(cluster, name)
    postgres = Database(cluster, "postgres")
    postgres.run(f"create database {quote_name(name)} template template0")
    try:
        database.run("create extension vector")
        database.run("create extension plpython3u")
        database.psql("-q", "-f", INSTALL)
        with Life(database, KEYS["text"]) as life:
            life.live()
        for (line,) in database.run("select crontab_line from steward._tasks()"):
            done = run_as_cron_does(line, cluster)
            assert (done.returncode, done.stderr) == (0, ""), f"{line}: {done.stderr}"
    finally:
        postgres.run(f"drop database {quote_name(name)} with (force)")


def run_as_cron_does(line: str, cluster: Cluster) -> subprocess.CompletedProcess[str]:
    """Run the command of a crontab's line, with work() told not to wait for more."""
    command = line.split(" ", 5)[5].replace("\\%", "%")
    command = command.replace("steward.work()", "steward.work(idle_seconds => 0)")
    environment = cluster.env("nonexistent")
    programs = os.path.dirname(cluster.bin("psql"))  # noqa: PTH120  a path is text here
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env=environment | {"PATH": f"{programs}:{environment['PATH']}", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


class Careless(Life):
    """A life in which somebody alters the user's table."""

    def change_key(self) -> None:
        """On the way."""
        super().change_key()
        self.run(f"alter table {self.subject.name} add constraint left_over check (true)")


def test_a_life_that_went_wrong_is_noticed(db: Database) -> None:
    """The life of a subject fails if the user's table is not left as it was found."""
    with Careless(db, KEYS["bigint"]) as life, pytest.raises(AssertionError, match="left_over"):
        life.live()


def test_names_are_as_hostile_as_they_look() -> None:
    """63 bytes is what PostgreSQL takes; a longer name would be cut, and prove nothing."""
    sizes = [len(name.encode()) for name in NAMES]
    assert max(sizes) == 63
    assert sizes.count(63) >= 3
