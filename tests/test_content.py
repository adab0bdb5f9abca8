"""What steward.track() takes as content and as a condition, and what becomes of it.

The text is a user's, and ends up in functions that run with the rights of others. So what leaves
steward._describe_content() has been written by PostgreSQL, and means the same as what was asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, LiteralString, NamedTuple

import psycopg
import pytest
from psycopg import errors, sql

from support import Database, quote_name

MakeRole = Callable[..., str]
Connection = psycopg.Connection[Any]

TABLE: LiteralString = """
create table articles (
    id integer primary key,
    title text,
    dropped text,
    body text,
    "Body" text,
    published boolean,
    views integer,
    created timestamptz,
    tags text[],
    data jsonb
);
alter table articles drop column dropped;
insert into articles values
(1, 'Bread', 'Knead flour.', 'KNEAD', true, 3, '2026-01-02', '{a,b}', '{"lang": "en"}'),
(2, 'It''s a \\ tide', null, null, false, 0, null, null, null),
(3, null, 'A mutex.', '', null, null, '2025-01-02', '{}', '{}');
"""


class Description(NamedTuple):
    """The row that steward._describe_content() returns."""

    is_column: bool
    content_plain: str
    content_old: str
    content_new: str
    condition_plain: str | None
    condition_old: str | None
    condition_new: str | None
    columns: list[str]


def describe(
    session: Connection, content: str, condition: str | None = None, source: str = "articles"
) -> Description:
    """Ask what content and condition are."""
    row = session.execute(
        "select is_column, content_plain, content_old, content_new, condition_plain, "
        "condition_old, condition_new, columns::text[] "
        "from steward._describe_content(%s::text::regclass, %s, %s)",
        (source, content, condition),
    ).fetchone()
    assert row
    assert temporary(session) == []
    return Description(*row)


def temporary(session: Connection) -> list[Any]:
    """What there is in the temporary schema of the session."""
    return session.execute(
        "select relname from pg_class where relnamespace = pg_my_temp_schema()"
    ).fetchall()


def rows(session: Connection, statement: str) -> list[Any]:
    """Run a statement that a test made up of pieces."""
    cursor = session.execute(statement.encode())
    return cursor.fetchall() if cursor.description else []


def prove(
    session: Connection, content: str, condition: str | None = None, source: str = "articles"
) -> Description:
    """Describe; then use what came out as track() does, and see that it is what was asked for."""
    description = describe(session, content, condition, source)
    meant = quote_name(content) if description.is_column else content
    for given, kind, plain in (
        (meant, "text", description.content_plain),
        (condition, "boolean", description.condition_plain),
    ):
        if given is None:
            assert plain is None
            continue
        # beside a second table, as in the functions that read a source
        beside = f"{source} as s cross join {source} as k where s.ctid = k.ctid"
        assert sorted(
            map(str, rows(session, f"select ({given}\n)::{kind} from {source}"))
        ) == sorted(
            map(str, rows(session, f"select {plain} from {beside} and s.tableoid = k.tableoid"))
        )
    when = f"{description.content_old} is distinct from {description.content_new}"
    for part in (description.condition_old, description.condition_new):
        when += f" or {part}" if part else ""
    with session.transaction(force_rollback=True):
        session.execute(
            "create function pg_temp.nothing() returns trigger language plpgsql "
            "as 'begin return null; end'"
        )
        session.execute(
            sql.SQL(
                "create trigger proof after update of {} on {} for each row "
                "when ({}) execute function pg_temp.nothing()"
            ).format(
                sql.SQL(", ").join(map(sql.Identifier, description.columns)),
                sql.SQL(source),
                sql.SQL(when),
            )
        )
        # what the trigger depends on is what was said
        uses = session.execute(
            "select array_agg(distinct a.attname::text) "
            "from pg_trigger as t, pg_depend as d, pg_attribute as a "
            "where t.tgname = 'proof' and t.tgrelid = %s::text::regclass and d.objid = t.oid "
            "and d.classid = 'pg_trigger'::regclass and d.refobjid = a.attrelid "
            "and d.refobjsubid = a.attnum and d.refobjsubid > 0",
            (source,),
        ).fetchone()
        assert uses
        assert sorted(uses[0]) == sorted(description.columns)
    return description


@pytest.fixture
def session(db: Database) -> Iterator[Connection]:
    """A session in a database with a table."""
    db.run(TABLE)
    with db.connect() as session:
        yield session


@contextlib.contextmanager
def refused(
    session: Connection, error: type[psycopg.Error], message: str
) -> Iterator[pytest.ExceptionInfo[psycopg.Error]]:
    """The error comes with that message, has a detail or a hint, and leaves nothing behind."""
    with pytest.raises(error) as caught:
        yield caught
    assert type(caught.value) is error
    diagnostics = caught.value.diag
    assert message in (diagnostics.message_primary or "")
    assert diagnostics.message_hint or diagnostics.message_detail
    for text in (diagnostics.message_hint, diagnostics.message_detail):
        # names that nobody knows help nobody
        assert "steward_table_" not in (text or "")
    assert temporary(session) == []


# Columns -----------------------------------------------------------------------------------------

# A column may be called what it likes. It is the column that is meant, whatever else it could be.
COLUMN_NAMES = (
    "plain",
    "MixedCase",
    "with spaces",
    "lower(body)",
    "title || body",
    "'text'",
    "null",
    "select",
    "old",
    "s",
    'a"; drop table articles; --',
    "it's a \\ back\\slash",
    "%I %s %1$L %",
    "n" * 63,
    "\N{GRINNING FACE}" * 15 + "abc",
    "\N{CYRILLIC CAPITAL LETTER ZHE}\n\t",
    "$function$",
    "s.body",
    "--",
)


def test_column_is_found_by_its_exact_name(session: Connection) -> None:
    """Whatever it is called, and whatever expression that could be."""
    for name in COLUMN_NAMES:
        with session.transaction(force_rollback=True):
            rows(session, f"alter table articles add column {quote_name(name)} text")
            rows(session, f"update articles set {quote_name(name)} = id::text")
            description = prove(session, name)
            assert description.is_column
            assert description.columns == [name]
            (quoted,) = session.execute("select quote_ident(%s)", (name,)).fetchone() or ("",)
            assert description.content_plain == f"s.{quoted}::text"
            assert description.content_old == f"old.{quoted}::text"
            assert description.content_new == f"new.{quoted}::text"
            assert description.condition_plain is None
            # and of hostile names an expression is made, and a condition
            other = prove(session, f"{quoted}\n|| title || {quoted}", f"{quoted} <> ''")
            assert not other.is_column
            assert other.columns == ["title", name]
            assert prove(session, name, f"{quoted} <> '' and views > 0").columns == ["views", name]


@pytest.mark.parametrize(
    "kind",
    ["text", "varchar(30)", "char(30)", "name", "public.citext", "words", "json", "jsonb", "xml"],
)
def test_column_with_text(kind: str, db: Database, session: Connection) -> None:
    """Of every type that has text, also of one that is made of another."""
    db.run("create extension if not exists citext; create domain words as varchar(40) not null")
    value = "<a/>" if kind == "xml" else "{}"
    db.run(f"create table other (id integer primary key, body {kind} default '{value}')")
    db.run("insert into other values (1)")
    assert prove(session, "body", source="other").content_plain == "s.body::text"
    if kind in ("json", "jsonb", "xml"):
        assert prove(session, "(body)", "id > 0", source="other").columns == ["id", "body"]
    else:
        assert prove(session, "body || 'x' || id", "body <> ''", source="other").columns == [
            "id",
            "body",
        ]


@pytest.mark.parametrize("column", ["id", "published", "created", "tags"])
def test_column_without_text(column: str, session: Connection) -> None:
    """A column of another type is refused, and is not taken for an expression."""
    with refused(
        session, errors.DatatypeMismatch, f'column "{column}" of table public.articles'
    ) as caught:
        describe(session, column)
    assert "It is of type" in (caught.value.diag.message_detail or "")


def test_dropped_column_and_unknown_column(session: Connection) -> None:
    """What is not there is no column, nor an expression."""
    for name in ("dropped", "bdy", "........pg.dropped.3........", "ctid", "BODY || bdy", '"bdy"'):
        with pytest.raises(
            (errors.UndefinedColumn, errors.SyntaxError, errors.FeatureNotSupported)
        ):
            describe(session, name)
    with refused(session, errors.UndefinedColumn, "uses a column that does not exist") as caught:
        describe(session, "bdy")
    assert caught.value.diag.message_detail == 'PostgreSQL says: column "bdy" does not exist.'
    assert "exact name of a column, or else an expression" in str(caught.value.diag.message_hint)


def test_column_needs_no_rights(db: Database, session: Connection, make_role: MakeRole) -> None:
    """A plain column is described for whoever may not read nor create anything."""
    role = make_role("steward_admin")
    session.execute("revoke temporary on database " + quote_name(db.name) + " from public")
    with db.connect(role) as poor:
        assert describe(poor, "body").columns == ["body"]
        for content, condition in (("lower(body)", None), ("body", "views > 0")):
            with refused(
                poor, errors.InsufficientPrivilege, "denied for table public.articles"
            ) as caught:
                describe(poor, content, condition)
            assert caught.value.diag.message_hint == (
                f"Run as its owner: grant select on public.articles to {quote_name(role)};"
            )
        db.run(f"grant select on articles to {quote_name(role)}")
        with refused(poor, errors.InsufficientPrivilege, "create temporary tables") as caught:
            describe(poor, "lower(body)")
        hint = (caught.value.diag.message_hint or "").removeprefix("Run as its owner: ")
        db.run(hint)
        assert describe(poor, "lower(body)", "views > 0").columns == ["body", "views"]


def test_nothing_is_null(session: Connection) -> None:
    """There is no default for the table nor for the content."""
    for arguments in ("null, 'body'", "'articles', null"):
        with pytest.raises(errors.NullValueNotAllowed):
            rows(session, f"select * from steward._describe_content({arguments}, null)")


# Expressions -------------------------------------------------------------------------------------

# Content, the columns it uses, and how PostgreSQL writes it if that is worth a look.
EXPRESSIONS: tuple[tuple[str, list[str], str | None], ...] = (
    ("title || E'\\n' || body", ["title", "body"], "(((s.title || '\n'::text) || s.body))::text"),
    ("coalesce(title, '') || coalesce(body, '')", ["title", "body"], None),
    ("Title", ["title"], "(s.title)::text"),
    (" body ", ["body"], "(s.body)::text"),
    ('"Body"', ["Body"], '(s."Body")::text'),
    ("(body)", ["body"], "(s.body)::text"),
    ("body::varchar(3)", ["body"], None),
    ("views + 1", ["views"], "(((s.views + 1))::text)::text"),
    ("data ->> 'lang'", ["data"], "((s.data ->> 'lang'::text))::text"),
    ("data['lang']", ["data"], None),
    ("tags[1]", ["tags"], "(s.tags[1])::text"),
    ("case when published then body end", ["body", "published"], None),
    ("case when published then body else title end", ["title", "body", "published"], None),
    ("body -- what it is about", ["body"], "(s.body)::text"),
    ("/* first */ title || body /* last */", ["title", "body"], None),
    ("body || ';' || '--' || '/*' || ')'", ["body"], None),
    ("title || $$); drop table articles; --$$", ["title"], None),
    ("title || 's.title old.title'", ["title"], None),
    ("regexp_replace(body, '\\s+\\\\', '\\&\\')", ["body"], None),
    ("body || E'\\\\' || title || '\\'", ["title", "body"], None),
    ("body || '''' || '\\''\\'", ["body"], None),
    # one text, and a statement where the backslash is taken for an escape
    ("body || '\\''; drop table articles; --'", ["body"], None),
    ("body || U&'\\0441'", ["body"], None),
    ('"Body" || \'"\' || body', ["body", "Body"], None),
    ('body collate "C" || title', ["title", "body"], None),
    ("substring(body from 1 for 3) || trim(both 'x' from title)", ["title", "body"], None),
    ("array[title, body]::text[] = '{}'", ["title", "body"], None),
    ("greatest(title, body)", ["title", "body"], None),
    ("nullif(title, body)", ["title", "body"], None),
    ("title in ('Bread', 'Tides')", ["title"], None),
    ("to_tsvector('english', body)", ["body"], None),
    ("body is null", ["body"], None),
    ("extract(year from created at time zone 'UTC')", ["created"], None),
    ("title||\nbody", ["title", "body"], None),
)


@pytest.mark.parametrize(("content", "columns", "plain"), EXPRESSIONS, ids=range(len(EXPRESSIONS)))
def test_expression(
    content: str, columns: list[str], plain: str | None, session: Connection
) -> None:
    """Every immutable expression over the row is content, and means what was asked for."""
    description = prove(session, content)
    assert not description.is_column
    assert description.columns == columns
    if plain:
        assert description.content_plain == plain
    assert description.content_plain.endswith(")::text")
    assert "steward_" not in "".join(map(str, description))
    # what came out goes in again, as the same
    again = describe(session, description.content_plain.replace("s.", ""))
    assert again.columns == columns


CONDITIONS: tuple[tuple[str, list[str], str | None], ...] = (
    ("published", ["published"], "(s.published)::boolean"),
    ("not published", ["published"], "((NOT s.published))::boolean"),
    ("views > 0 and published -- really", ["published", "views"], None),
    ("published or views is null", ["published", "views"], None),
    ("true", [], "(true)::boolean"),
    ("null", [], None),
    ("'t'", [], None),
    ("title ~ '\\d'", ["title"], None),
    ("created > '2025-06-01 00:00+00'", ["created"], None),
    ('data @> \'{"lang": "en"}\'', ["data"], None),
    ("views in (1, 2, 3)", ["views"], None),
)


@pytest.mark.parametrize(("condition", "columns", "plain"), CONDITIONS, ids=range(len(CONDITIONS)))
def test_condition(
    condition: str, columns: list[str], plain: str | None, session: Connection
) -> None:
    """Every immutable boolean expression over the row is a condition, with a column as content."""
    for content in ("body", "lower(body)"):
        description = prove(session, content, condition)
        assert description.is_column == (content == "body")
        assert sorted(description.columns) == sorted([*columns, "body"])
        if plain:
            assert description.condition_plain == plain
        assert (description.condition_plain or "").endswith(")::boolean")
        assert "steward_" not in "".join(map(str, description))


def test_columns_are_in_the_order_of_the_table(session: Connection) -> None:
    """Of both, each once."""
    description = describe(session, '"Body" || title || title', "views > 0 and body <> title")
    assert description.columns == ["title", "body", "Body", "views"]


# Refusals ----------------------------------------------------------------------------------------

NO_EXPRESSION = (errors.SyntaxError, "is not an expression")
NOT_IMMUTABLE = (errors.InvalidObjectDefinition, "is not immutable")
NOTHING = (errors.UndefinedColumn, "uses a column that does not exist")
UNKNOWN = "uses something that does not exist"
MORE_ROWS = "is about more than one row"

REFUSED: tuple[tuple[str, type[psycopg.Error], str], ...] = (
    # not immutable
    ("body || now()", *NOT_IMMUTABLE),
    ("body || random()", *NOT_IMMUTABLE),
    ("body || clock_timestamp()", *NOT_IMMUTABLE),
    ("created", errors.DatatypeMismatch, "has no text"),
    ("(created)", *NOT_IMMUTABLE),
    ("to_char(created, 'YYYY')", *NOT_IMMUTABLE),
    ("concat(title, body)", *NOT_IMMUTABLE),
    ("to_tsvector(body)", *NOT_IMMUTABLE),
    ("body || current_user", *NOT_IMMUTABLE),
    ("body || current_setting('work_mem')", *NOT_IMMUTABLE),
    ("tags", errors.DatatypeMismatch, "has no text"),
    # more than the row
    ("(select 'x')", errors.FeatureNotSupported, MORE_ROWS),
    ("select body", *NO_EXPRESSION),
    ("body || (select title from articles limit 1)", errors.FeatureNotSupported, MORE_ROWS),
    ("max(body)", errors.GroupingError, MORE_ROWS),
    ("string_agg(body, '')", errors.GroupingError, MORE_ROWS),
    ("lag(body) over ()", errors.WindowingError, MORE_ROWS),
    ("unnest(tags)", errors.FeatureNotSupported, MORE_ROWS),
    ("regexp_split_to_table(body, ' ')", errors.FeatureNotSupported, MORE_ROWS),
    ("tableoid::text", errors.FeatureNotSupported, MORE_ROWS),
    # what is not there
    ("body || missing", *NOTHING),
    ("articles.body", errors.UndefinedTable, "uses a table"),
    ("s.body", errors.UndefinedTable, "uses a table"),
    ("new.body", errors.UndefinedTable, "uses a table"),
    ("mine(body)", errors.UndefinedFunction, UNKNOWN),
    ("nowhere.mine(body)", errors.InvalidSchemaName, UNKNOWN),
    ("body::mine", errors.UndefinedObject, UNKNOWN),
    ("body + 1", errors.UndefinedFunction, UNKNOWN),
    ("body || $1", errors.UndefinedParameter, "is not valid"),
    # types
    ("coalesce(title, views)", errors.DatatypeMismatch, "does not fit in its types"),
    ("views::jsonb::text::point::text", errors.CannotCoerce, "does not fit in its types"),
    ("case when title then body end", errors.DatatypeMismatch, "does not fit in its types"),
    ("body || 'x'::integer", errors.InvalidTextRepresentation, "is not valid"),
    ("body || 1 / 0", errors.DivisionByZero, "is not valid"),
    # of no use
    ("'body'", errors.InvalidParameterValue, "uses no column"),
    ("1", errors.InvalidParameterValue, "uses no column"),
    ("null", errors.InvalidParameterValue, "uses no column"),
    # one expression is one expression
    ("", *NO_EXPRESSION),
    (" ", *NO_EXPRESSION),
    ("-- body", *NO_EXPRESSION),
    ("/* body", *NO_EXPRESSION),
    ("body /* ", *NO_EXPRESSION),
    ("body */ ", *NO_EXPRESSION),
    ("title, body", *NO_EXPRESSION),
    ("title body", *NO_EXPRESSION),
    ("body as text", *NO_EXPRESSION),
    ("body;", *NO_EXPRESSION),
    (";", *NO_EXPRESSION),
    ("body; drop table articles", *NO_EXPRESSION),
    ("body) ; drop table articles; --", *NO_EXPRESSION),
    ("body)::text is null)); drop table articles; --", *NO_EXPRESSION),
    ("body)::text is null)); drop table articles; select ((1", *NO_EXPRESSION),
    (
        "body end)::text is null)); drop table articles; select ((case when true then 1",
        *NO_EXPRESSION,
    ),
    ("body)::text is null), ((title", *NO_EXPRESSION),
    ("body end)::text is null), ((case when true then title", *NO_EXPRESSION),
    ("body)::text || (title", *NO_EXPRESSION),
    ("body end || case when true then title", *NO_EXPRESSION),
    ("body else title", *NO_EXPRESSION),
    ("body when false then title", *NO_EXPRESSION),
    ("body)", *NO_EXPRESSION),
    ("(body", *NO_EXPRESSION),
    ("body]", *NO_EXPRESSION),
    ("body || 'x", *NO_EXPRESSION),
    ('body || "x', *NO_EXPRESSION),
    ('body || ""', *NO_EXPRESSION),
    ('"body"" || title', *NO_EXPRESSION),
    ("body || $x$", *NO_EXPRESSION),
    ("*", *NO_EXPRESSION),
    ("body desc", *NO_EXPRESSION),
    ("body text_ops", *NO_EXPRESSION),
    ("body) where (true", *NO_EXPRESSION),
    ("body) include (title", *NO_EXPRESSION),
    ("default", *NO_EXPRESSION),
)


@pytest.mark.parametrize(("content", "error", "message"), REFUSED, ids=range(len(REFUSED)))
def test_content_is_refused(
    content: str, error: type[psycopg.Error], message: str, session: Connection
) -> None:
    """Whatever is not one immutable expression over the row, with an error that says why."""
    with refused(session, error, message):
        describe(session, content)
    assert rows(session, "select count(*) from articles") == [(3,)]


REFUSED_CONDITIONS: tuple[tuple[str, type[psycopg.Error], str], ...] = (
    ("body", errors.DatatypeMismatch, "does not fit in its types"),
    ("views", errors.DatatypeMismatch, "does not fit in its types"),
    ("title, body", *NO_EXPRESSION),
    ("created < now()", *NOT_IMMUTABLE),
    ("created::date = '2026-01-01'", *NOT_IMMUTABLE),
    ("exists (select from articles)", errors.FeatureNotSupported, MORE_ROWS),
    ("bool_or(published)", errors.GroupingError, MORE_ROWS),
    ("missing", *NOTHING),
    ("mine(body)", errors.UndefinedFunction, UNKNOWN),
    ("'x'", errors.InvalidTextRepresentation, "is not valid"),
    ("", *NO_EXPRESSION),
    ("true) or (published", *NO_EXPRESSION),
    ("true then true when published", *NO_EXPRESSION),
    ("true)::boolean is null)); drop table articles; --", *NO_EXPRESSION),
    (
        "true then true end)::boolean is null)); drop table articles; select ((case when true",
        *NO_EXPRESSION,
    ),
    ("published; drop table articles", *NO_EXPRESSION),
    ("published)", *NO_EXPRESSION),
)


@pytest.mark.parametrize(
    ("condition", "error", "message"), REFUSED_CONDITIONS, ids=range(len(REFUSED_CONDITIONS))
)
def test_condition_is_refused(
    condition: str, error: type[psycopg.Error], message: str, session: Connection
) -> None:
    """Whatever is not one immutable boolean expression over the row."""
    for content in ("body", "lower(body)"):
        with refused(session, error, f"condition of table public.articles {message}"):
            describe(session, content, condition)
    assert rows(session, "select count(*) from articles") == [(3,)]


@pytest.mark.parametrize(
    "whole", ["hash_record_extended({0}, 0)", "({0} is null)", "hash_record({0}.*)", "({0}).body"]
)
def test_row_as_a_whole_has_no_name(whole: str, session: Connection) -> None:
    """It would be another one with every change of the table."""
    for name in ("articles", "s", "new"):
        with pytest.raises((errors.UndefinedColumn, errors.UndefinedTable)):
            describe(session, whole.format(name))


def test_errors_say_what_postgresql_said(session: Connection) -> None:
    """And what to do."""
    with refused(session, *NOT_IMMUTABLE) as caught:
        describe(session, "to_char(created, 'YYYY')")
    assert "must be marked IMMUTABLE" in (caught.value.diag.message_detail or "")
    assert "on nothing else" in (caught.value.diag.message_hint or "")
    with refused(session, errors.UndefinedFunction, UNKNOWN) as caught:
        describe(session, "mine(body)")
    detail = "PostgreSQL says: function mine(text) does not exist."
    assert caught.value.diag.message_detail == detail
    assert "needs its schema" in (caught.value.diag.message_hint or "")
    with refused(session, errors.DatatypeMismatch, "condition of table public.articles") as caught:
        describe(session, "body", "title")
    assert "must be type boolean, not type text" in (caught.value.diag.message_detail or "")


def test_errors_about_something_else_stay_as_they_are(session: Connection) -> None:
    """What has another reason than the expression keeps PostgreSQL's own message."""
    session.execute("set max_stack_depth = '100kB'")
    with pytest.raises(errors.StatementTooComplex, match="stack depth limit exceeded"):
        describe(session, "lower(" * 1000 + "body" + ")" * 1000)
    assert temporary(session) == []


# Rights ------------------------------------------------------------------------------------------


@pytest.fixture
def owner(db: Database, make_role: MakeRole) -> str:
    """Somebody with a table, who may track it."""
    role = make_role("steward_admin")
    db.run(f"create schema ours authorization {quote_name(role)}")
    db.run(f"alter table articles owner to {quote_name(role)}")
    return role


class Foreign(NamedTuple):
    """What somebody makes, and how it comes into an expression."""

    made: Sequence[LiteralString]
    content: str


FOREIGN: dict[str, Foreign] = {
    "function theirs.spy(text)": Foreign(
        (
            "create function theirs.spy(text) returns text immutable language sql "
            "return 'spied ' || $1",
        ),
        "theirs.spy(body)",
    ),
    "function theirs.spy(text,text)": Foreign(
        (
            "create function theirs.spy(text, text) returns text immutable language sql "
            "return 'spied ' || $1",
            "create operator theirs.<~ (function = theirs.spy, leftarg = text, rightarg = text)",
        ),
        "body operator(theirs.<~) title",
    ),
    "operator theirs.<~(text,text)": Foreign(
        ("create operator theirs.<~ (function = textcat, leftarg = text, rightarg = text)",),
        "body operator(theirs.<~) title",
    ),
    "type theirs.words": Foreign(
        (
            "create function theirs.spy(text) returns boolean immutable language sql return true",
            "create domain theirs.words as text check (theirs.spy(value))",
        ),
        "body::theirs.words",
    ),
    "type theirs.words[]": Foreign(
        ("create domain theirs.words as text",),
        "body = any ('{}'::theirs.words[])",
    ),
    "function theirs.spy(theirs.mood)": Foreign(
        (
            "create type theirs.mood as enum ('good')",
            "create function theirs.spy(theirs.mood) returns integer immutable language sql "
            "return 1",
            "create cast (theirs.mood as integer) with function theirs.spy(theirs.mood)",
        ),
        "body || ('good'::theirs.mood)::integer",
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_code_of_others_is_refused(
    name: str, db: Database, session: Connection, owner: str, make_role: MakeRole
) -> None:
    """It would run as the owner of the table, whoever asks for it."""
    other = make_role()
    db.run(f"create schema theirs authorization {quote_name(other)}")
    db.run("grant usage on schema theirs to public")
    made, content = FOREIGN[name]
    with db.connect(other) as theirs:
        for statement in made:
            theirs.execute(statement)
    for user in (owner, "postgres"):
        with db.connect(user) as caller:
            for arguments in ((content,), ("body", f"({content})::text <> ''")):
                # the first of those that it uses, by name
                with refused(caller, errors.FeatureNotSupported, f"uses {name}") as caught:
                    describe(caller, *arguments)
                assert f"belongs to {quote_name(other)}" in str(caught.value.diag.message_detail)
                assert caught.value.diag.message_hint
    # what is a superuser's is trusted
    db.run(f"reassign owned by {quote_name(other)} to postgres")
    with db.connect(owner) as caller:
        prove(caller, content, f"({content})::text <> ''")
    assert temporary(session) == []


@pytest.mark.parametrize("name", FOREIGN)
def test_code_of_the_owner_is_theirs_to_use(
    name: str, db: Database, session: Connection, owner: str
) -> None:
    """They could have put it into the table themselves. For others it is refused or granted."""
    db.run(f"create schema theirs authorization {quote_name(owner)}")
    made, content = FOREIGN[name]
    with db.connect(owner) as theirs:
        for statement in made:
            theirs.execute(statement)
        prove(theirs, content, f"({content})::text <> ''")
    assert describe(session, content).columns


def test_function_under_a_trusted_operator_counts(
    db: Database, session: Connection, owner: str, make_role: MakeRole
) -> None:
    """An operator of the owner's may be made of somebody else's function."""
    other = make_role()
    db.run(f"grant create on schema public to {quote_name(other)}")
    with db.connect(other) as theirs:
        theirs.execute(
            "create function public.spy(text, text) returns text immutable language sql return $1"
        )
    with db.connect(owner) as caller:
        caller.execute(
            "create operator ours.<~ (function = public.spy, leftarg = text, rightarg = text)"
        )
        with refused(caller, errors.FeatureNotSupported, "uses function public.spy(text,text)"):
            describe(caller, "body operator(ours.<~) title")
    assert temporary(session) == []


def test_functions_must_be_executable(
    db: Database, session: Connection, owner: str, make_role: MakeRole
) -> None:
    """Nobody has the table's owner call what they may not call, nor what the owner may not."""
    caller_role = make_role("steward_admin")
    db.run(f"grant select, trigger on articles to {quote_name(caller_role)}")
    db.run(f"grant usage on schema ours to {quote_name(caller_role)}")
    with db.connect(owner) as mine:
        mine.execute("create function ours.f(text) returns text immutable language sql return $1")
        mine.execute("revoke execute on function ours.f(text) from public")
        prove(mine, "ours.f(body)")
    session.execute("create function public.g(text) returns text immutable language sql return $1")
    session.execute("revoke execute on function public.g(text) from public")
    with db.connect(caller_role) as caller:
        with refused(caller, errors.InsufficientPrivilege, quote_name(caller_role)):
            describe(caller, "ours.f(body)")
        db.run(f"grant execute on function public.g(text) to {quote_name(caller_role)}")
        with refused(caller, errors.InsufficientPrivilege, quote_name(owner)) as caught:
            describe(caller, "public.g(body)")
        assert "everybody who writes" in (caught.value.diag.message_hint or "")
        db.run(f"grant execute on function public.g(text) to {quote_name(owner)}")
        assert describe(caller, "public.g(body)").columns == ["body"]


def test_functions_are_named_in_full(db: Database, session: Connection) -> None:
    """The search path of the session has no part in it, nor one in what comes out."""
    db.run("create function public.lower(text) returns text immutable language sql return 'mine'")
    db.run("create function public.f(text) returns text immutable language sql return 'mine'")
    session.execute("set search_path = public, pg_catalog")
    assert describe(session, "lower(body)").content_plain == "(lower(s.body))::text"
    assert describe(session, "public.f(body)").content_plain == "(public.f(s.body))::text"
    with refused(session, errors.UndefinedFunction, UNKNOWN):
        describe(session, "f(body)")


def test_temporary_objects_are_refused(session: Connection) -> None:
    """They would be gone when the session is."""
    for statement, content, condition in (
        (
            "create function pg_temp.f(text) returns text immutable language sql return $1",
            "pg_temp.f(body)",
            None,
        ),
        ("create domain pg_temp.d as text", "body::pg_temp.d", None),
        ("create domain pg_temp.d as text", "body::d", None),
        ('create collation pg_temp.c from "C"', "body", "body collate pg_temp.c < 'a'"),
    ):
        with session.transaction(force_rollback=True):
            session.execute(statement)
            with (
                refused(session, errors.FeatureNotSupported, "which is temporary"),
                session.transaction(),
            ):
                describe(session, content, condition)


def test_a_function_must_not_lie_about_now(db: Database, session: Connection) -> None:
    """A function of the user's counts as what it was declared to be."""
    for volatility in ("volatile", "stable"):
        db.run(
            f"create or replace function public.f(text) returns text {volatility} "
            "language plpgsql as 'begin return $1; end'"
        )
        with refused(session, *NOT_IMMUTABLE):
            describe(session, "public.f(body)")
    db.run("alter function public.f(text) immutable")
    prove(session, "public.f(body)")


# Sessions ----------------------------------------------------------------------------------------


def test_again_and_again(db: Database, session: Connection) -> None:
    """Twice in a transaction, with the same and with others, and after an error."""
    first = describe(session, "title || body", "published")
    assert describe(session, "title || body", "published") == first
    with session.transaction():
        assert describe(session, "title || body", "published") == first
        assert describe(session, "body") != first
        with pytest.raises(errors.SyntaxError), session.transaction():
            describe(session, "body)")
        assert describe(session, "title || body", "published") == first
        twice = "select steward._describe_content('articles', 'lower(body)', null)"
        (one, other) = rows(session, f"{twice} union all {twice}")
        assert one == other
    made = "select relname from pg_class where relname ~ '^steward_(table|view|index)_'"
    assert db.run(made) == []


SETTINGS: tuple[LiteralString, ...] = (
    "standard_conforming_strings = off",
    "quote_all_identifiers = on",
    "datestyle = 'SQL, DMY'",
    "intervalstyle = 'sql_standard'",
    "extra_float_digits = -15",
    "bytea_output = 'escape'",
    "search_path = ''",
    "search_path = pg_temp, articles",
    "transform_null_equals = on",
    "lc_messages = 'C'",
)


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_the_session(setting: LiteralString, session: Connection) -> None:
    """What comes out is the same, and means the same, wherever it is read."""
    content = "title || '\\' || '\\''s' || E'\\\\' || \"Body\""
    condition = (
        "created > '2025-06-13 00:00+00' and '13 1:00'::interval > '-1 day' "
        "and views > 0.1::float8 and sha256('\\x00') <> 'x'"
    )
    expected = prove(session, content, condition, "public.articles")
    read = f"select {expected.content_plain}, {expected.condition_plain} from public.articles as s"
    values = rows(session, read)
    session.execute("set " + setting)
    assert describe(session, content, condition, "public.articles") == expected
    assert rows(session, read) == values


def test_time_zone_of_the_session(session: Connection) -> None:
    """A time without a zone is one in the zone of who wrote it, for ever."""
    session.execute("set timezone = 'Asia/Kolkata'")
    condition = describe(session, "body", "created > '2025-06-13 05:30'").condition_plain
    session.execute("set timezone = 'UTC'")
    same = "created > '2025-06-13 00:00+00'"
    assert rows(session, f"select s.id from articles as s where {condition}") == [(1,)]
    assert rows(session, f"select s.id from articles as s where {condition} <> ({same})") == []


def test_backslashes_mean_the_same_everywhere(session: Connection) -> None:
    """Otherwise what is between two quotes here would be a statement there."""
    values = []
    for setting in ("on", "off"):
        session.execute("set standard_conforming_strings = " + setting)
        plain = describe(session, "body || '\\' || ' || (select 1/0)::text || '").content_plain
        values.append(rows(session, f"select {plain} from articles as s where id = 1"))
    assert values[0] == values[1] == [("Knead flour.\\ || (select 1/0)::text || ",)]


# Tables ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        'a"; drop table articles; --',
        "n" * 63,
        "\N{GRINNING FACE}" * 15,
        "Mixed Case",
        "select",
        "s",
        "%I %s",
    ],
)
def test_hostile_tables(name: str, session: Connection) -> None:
    """Whatever the table and its schema are called."""
    schema = quote_name(name)
    source = f"{schema}.{schema}"
    rows(session, f"create schema {schema}")
    rows(session, f"create table {source} ({schema} text, body text)")
    rows(session, f"insert into {source} values ('a', 'b'), (null, 'c')")
    assert prove(session, "body", f"{schema} <> ''", source).columns == [name, "body"]
    assert prove(session, f"body || {schema}", f"{schema} <> ''", source).columns == [name, "body"]
    for error, content in ((errors.UndefinedColumn, "missing"), (errors.SyntaxError, "body)")):
        with pytest.raises(error) as caught:
            describe(session, content, source=source)
        (full,) = session.execute("select %s::text::regclass::text", (source,)).fetchone() or ("",)
        assert f"of table {full}" in str(caught.value)


KINDS: dict[str, tuple[LiteralString, ...]] = {
    "partitioned": (
        "create table t (a integer, gone integer, title text, body text) partition by list (a)",
        "alter table t drop column gone",
        "create table t_1 partition of t for values in (1)",
        "create table t_2 (body text, title text, a integer)",
        "alter table t attach partition t_2 default",
    ),
    "generated": (
        "create table t (a integer, title text, "
        "body text generated always as (lower(title)) stored)",
    ),
    "constrained": (
        "create table t (a integer not null check (a > 0) unique, title text not null default 'x', "
        "body text not null, id bigint generated always as identity primary key)",
    ),
    "domains": (
        "create domain d as text not null check (value <> 'no')",
        'create domain e as d collate "C"',
        "create table t (a integer, title e, body d)",
    ),
    "case-insensitive": (
        "create extension citext",
        "create table t (a integer, title citext, body citext)",
    ),
    "collations that differ": (
        'create table t (a integer, title text collate "C", body text collate "POSIX")',
    ),
    "row security": (
        "create table t (a integer, title text, body text)",
        "alter table t enable row level security",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_tables(kind: str, session: Connection) -> None:
    """All that can be tracked."""
    for statement in KINDS[kind]:
        session.execute(statement)
    if kind != "generated":
        session.execute("insert into t (a, title, body) values (1, 'A', 'B'), (2, 'C', 'D')")
    else:
        session.execute("insert into t (a, title) values (1, 'A'), (2, 'C')")
    assert prove(session, "body", "a > 0", "t").columns == ["a", "body"]
    description = prove(session, "title || body || a", "title <> ''", "t")
    assert sorted(description.columns) == ["a", "body", "title"]


@pytest.mark.pg(">= 18")
def test_virtual_columns(session: Connection) -> None:
    """Columns that are computed when they are read."""
    session.execute(
        "create table t (a integer, title text, "
        "body text generated always as (lower(title)) virtual)"
    )
    session.execute("insert into t (a, title) values (1, 'A')")
    assert prove(session, "body", "body <> ''", "t").columns == ["body"]
    assert prove(session, "title || body", None, "t").columns == ["title", "body"]
