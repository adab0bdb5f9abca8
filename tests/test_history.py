"""What search showed once: looked back at, gone back to, pruned, erased; and what is tidied up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import errors

from racing import IN_CLAIM, IN_COMPLETE, Arena, Session, at_once, install, stopped
from support import Database, quote_name, run_program

MakeRole = Callable[..., str]

Shown = list[tuple[Any, ...]]


def shown(db: Database) -> Shown:
    """All that a search shows just now."""
    return sorted(
        db.run(
            "select key::text, ordinal, heading, chunk "
            "from steward.search_vector('docs', (steward.embed('{a}'))[1], 10000)"
        ),
        key=repr,
    )


def as_of(db: Database, moment: object) -> Shown:
    """All that a search showed at a moment."""
    return sorted(
        db.run("select key::text, ordinal, heading, chunk from steward.as_of('docs', %s)", moment),
        key=repr,
    )


def text(dice: random.Random) -> str:
    """A text of some paragraphs, some of which others have, too."""
    parts = [f"## Part {dice.randrange(4)}\n\n" if dice.random() < 0.3 else "" for _ in range(3)]
    return "\n\n".join(
        part + " ".join(f"Word{dice.randrange(30)} is here, and stays." for _ in range(8))
        for part in parts[: dice.randrange(1, 4)]
    )


EDITS = (
    *["edit"] * 6,
    *["insert"] * 3,
    *["delete"] * 3,
    "key",
    "leave",
    "enter",
    "empty",
    "same",
    "several",
)


def edit(db: Database, dice: random.Random) -> None:
    """Something that people do."""
    what = dice.choice(EDITS)
    one = dice.randrange(50)
    if what == "edit":
        db.run("update docs set body = %s where id = %s", text(dice), one)
    elif what == "insert":
        db.run(
            "insert into docs values (%s, %s) on conflict (id) do update set body = excluded.body",
            one,
            text(dice),
        )
    elif what == "delete":
        db.run("delete from docs where id between %s and %s", one, one + 1)
    elif what == "key":
        db.run(
            "update docs set id = %s where id = %s and not exists (select from docs where id = %s)",
            *((one + 7) % 50, one, (one + 7) % 50),
        )
    elif what == "leave":
        db.run("update docs set live = false where id between %s and %s", one, one + 2)
    elif what == "enter":
        db.run("update docs set live = true")
    elif what == "empty":
        db.run("update docs set body = '' where id = %s", one)
    elif what == "same":
        db.run("update docs set body = body || ' ' where id = %s", one)
    else:
        db.run("update docs set body = %s || body where id %% 10 = %s", text(dice), one % 10)


@pytest.mark.parametrize("on_delete", ["drop", "retire"])
def test_as_of_is_what_search_returned(on_delete: str, db: Database) -> None:
    """A history of 50 documents, replayed: whatever was done, also after a part of it is pruned."""
    dice = random.Random(4)  # noqa: S311
    db.run("create table docs (id integer primary key, body text, live boolean default true)")
    with db.connect() as session:
        for n in range(50):
            session.execute("insert into docs values (%s, %s)", [n, text(dice)])
    db.run(
        "select steward.track('docs', content => 'body', \"where\" => 'live', "
        "chunking => '{\"size\": 200}', "
        f"on_delete => '{on_delete}')"
    )
    seen: list[tuple[Any, Shown]] = []
    for step in range(60):
        for _ in range(3):
            edit(db, dice)
        if step in (20, 45):
            db.run("truncate docs")
        if step in (22, 46):
            db.run(
                "insert into docs select n, 'Anew ' || n || '. And more of ' || n "
                "from generate_series(0, 49) as n on conflict do nothing"
            )
        # what no worker has come to yet is shown as it was, or not at all
        if dice.random() < 0.8:
            db.work()
        seen.append((db.value("select clock_timestamp()"), shown(db)))
    assert len({repr(rows) for _, rows in seen}) > 40
    assert max(len(rows) for _, rows in seen) > 60
    for moment, rows in seen:
        assert as_of(db, moment) == rows

    # what is older than the 30th step goes, the rest stays true
    border = seen[30][0]
    assert db.value("select steward.prune('docs', clock_timestamp() - %s)", border) > 50
    refused = 0
    for moment, rows in seen:
        try:
            assert as_of(db, moment) == rows
        except errors.ObjectNotInPrerequisiteState as error:
            assert "does not reach back" in str(error)
            assert moment < border
            refused += 1
    assert refused > 20
    assert db.value("select count(*) from steward_data.docs_1_revision") > 0

    # and at last there is nothing but what is shown now
    assert db.value("select steward.prune('docs', '0')") > 0
    assert db.value("select count(*) from steward_data.docs_1_revision") == 0
    assert db.value("select count(*) from steward_data.docs_1_past") == 0
    assert as_of(db, db.value("select clock_timestamp()")) == seen[-1][1] == shown(db)


def outcome(db: Database, statement: str, *parameters: Any, user: str = "postgres") -> str:
    """What a statement returns, or the code of its error."""
    try:
        return str(db.value(statement, *parameters, user=user))
    except psycopg.Error as error:
        return str(error.sqlstate)


def counted(db: Database, space: int = 1) -> list[tuple[Any, ...]]:
    """How many documents and chunks a space has, by what was written down; and really."""
    ((doc, chunk, gone),) = db.run(
        "select s.doc_table::text, s.chunk_table::text, o.mark_tables[3]::text "
        "from steward_private.space as s "
        "inner join steward_private.source as o on o.source_id = s.source_id "
        "where s.space_id = %s",
        space,
    )
    return db.run(
        f"""
        select
            coalesce(sum(t.documents), 0) - coalesce(min(g.documents), 0),
            coalesce(sum(t.chunks), 0) - coalesce(min(g.chunks), 0),
            (select count(*) from {doc} where retired_at is null),
            (select count(*) from {chunk})
        from steward_private.tally as t
        cross join (
            select sum(g.removed[n][2]) as documents, sum(g.removed[n][3]) as chunks
            from {gone} as g cross join generate_subscripts(g.removed, 1) as n
            where g.removed[n][1] = %s
        ) as g
        where
            t.space_id = %s
            and t.tally_id > coalesce(
                (
                    select max(r.tally_id) from steward_private.tally as r
                    where r.space_id = %s and r.is_reset
                ),
                0
            )
        """,
        space,
        space,
        space,
    )


def assert_counted(db: Database, space: int = 1) -> None:
    """What was written down is what there is."""
    ((documents, chunks, really_documents, really_chunks),) = counted(db, space)
    assert (documents, chunks) == (really_documents, really_chunks)


# Who may look back, and how far ------------------------------------------------------------------


@pytest.fixture
def docs(db: Database) -> Database:
    """A tracked table with two rows, embedded, of which one was changed since."""
    db.run("create table docs (id integer primary key, body text)")
    db.run("insert into docs values (1, 'One.'), (2, 'Two.')")
    db.run("select steward.track('docs', content => 'body')")
    db.work()
    db.run("update docs set body = 'First.' where id = 1")
    db.work()
    return db


def test_as_of_tells_model_and_revision(docs: Database) -> None:
    """Where each chunk stood, by which model, and of which revision."""
    docs.run("update docs set body = body || ' ' where id = 2")
    docs.work()
    before = docs.value("select clock_timestamp()")
    docs.run("delete from docs where id = 1")
    assert docs.run("select * from steward.as_of('docs', %s)", before) == [
        ({"id": 1}, 0, None, "First.", "builtin/hash@1", 2),
        ({"id": 2}, 0, None, "Two.", "builtin/hash@1", 2),
    ]
    assert docs.run("select chunk from steward.as_of('docs', clock_timestamp())") == [("Two.",)]


def test_moments_that_history_does_not_reach(docs: Database) -> None:
    """An error says what is missing and since when history is complete; never a wrong answer."""
    ask = "select count(*) from steward.as_of('docs', %s::timestamptz)"
    tracked = docs.value("select min(began_at) from steward_private.tenure")
    assert docs.value(ask, tracked) == 0
    with pytest.raises(errors.UndefinedObject):
        docs.run("select * from steward.as_of('pg_class', now())")
    for moment in ("2000-01-01", "-infinity"):
        with pytest.raises(errors.ObjectNotInPrerequisiteState, match="did not answer"):
            docs.run(ask, moment)
    for later_on in (None, "infinity", "2999-01-01"):
        with pytest.raises(errors.InvalidParameterValue, match="past"):
            docs.run(ask, later_on)

    now = docs.value("select clock_timestamp()")
    docs.run("select steward.prune('docs', '0')")
    # nobody can say what was shown while the first revision was
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="complete since"):
        docs.run(ask, tracked)
    assert docs.value(ask, now) == 2

    # while nothing is kept nobody knows what was shown, and not of that time later on either
    was = docs.run("select * from steward.alter('docs', keep_history => '0')")
    assert was[0][3] == "nothing is kept from now on; what was kept stays until steward.prune()"
    docs.run("update docs set body = 'Second.' where id = 2")
    docs.work()
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="no history"):
        docs.run(ask, now)
    later = docs.value("select clock_timestamp()")
    docs.run("select * from steward.alter('docs', keep_history => '1 day')")
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="complete since"):
        docs.run(ask, later)
    assert docs.value(ask, docs.value("select clock_timestamp()")) == 2


def test_a_space_that_was_dropped_has_no_history(docs: Database) -> None:
    """The error names the model."""
    moment = docs.value("select clock_timestamp()")
    docs.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    docs.run(
        "update steward_private.space set state = 'retired', job_table = null, doc_table = null, "
        "chunk_table = null, revision_table = null, past_table = null"
    )
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="model builtin/hash@1"):
        docs.run("select * from steward.as_of('docs', %s)", moment)
    docs.run("select * from steward.tidy()")


def test_who_may_look_back(db: Database, make_role: MakeRole) -> None:
    """Nobody sees texts of rows that are gone who would not have seen all rows."""
    owner, other = make_role("steward_admin"), make_role("steward_admin")
    reader, operator = make_role("steward_reader"), make_role("steward_operator")
    everyone = (owner, other, reader, operator, "postgres")
    db.run(f"grant create on schema public to {quote_name(owner)}")
    db.run("create table docs (id integer primary key, body text)", user=owner)
    db.run("insert into docs values (1, 'One.')", user=owner)
    db.run("select steward.track('docs', content => 'body')", user=owner)
    db.work()

    def may() -> list[str]:
        ask = "select count(*) from steward.as_of('docs', clock_timestamp())"
        return [outcome(db, ask, user=user) for user in everyone]

    assert may() == ["1", "42501", "42501", "42501", "1"]
    db.run("grant select on docs to steward_admin, steward_reader, steward_operator")
    assert may() == ["1", "1", "42501", "42501", "1"]
    db.run("alter table docs enable row level security")
    db.run("create policy all_of_it on docs using (true)")
    assert may() == ["1", "42501", "42501", "42501", "1"]
    db.run(f"alter role {quote_name(other)} bypassrls")
    assert may() == ["1", "1", "42501", "42501", "1"]
    db.run("alter table docs force row level security")
    # not even the owner sees all rows now, and it is as the owner that we read them
    assert may() == ["42501"] * 5
    db.run("alter table docs no force row level security")
    db.run(f"alter table docs owner to {quote_name(make_role('steward_admin'))}")
    db.run("select * from steward.alter('docs')")
    assert may() == ["42501", "1", "42501", "42501", "1"]
    # to set another role changes nothing: who has logged in is asked
    db.run(f"grant {quote_name(other)} to {quote_name(owner)}")
    with db.connect(owner) as session:
        session.execute(f"set role {quote_name(other)}")
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute("select * from steward.as_of('docs', clock_timestamp())")


def test_prune_keeps_what_it_shall(docs: Database, make_role: MakeRole) -> None:
    """By age, by number for each document, and by who asks."""
    operator = make_role("steward_operator")
    for n in range(5):
        docs.run("update docs set body = %s", f"Number {n}.")
        docs.work()
    revisions = "select key_1, revision from steward_data.docs_1_revision order by 1, 2"
    assert len(docs.run(revisions)) == 6 + 5
    past = "select count(*) from steward_data.docs_1_past"
    assert docs.value(past) == 6 + 5

    assert docs.value("select steward.prune('docs', keep_revisions => 0)", user=operator) == 0
    assert docs.value("select steward.prune('docs', '31 days', 3)", user=operator) == 0
    for refused in ("'0'", "'1 hour', 100"):
        with pytest.raises(errors.InsufficientPrivilege):
            docs.run(f"select steward.prune('docs', {refused})", user=operator)
    for wrong in ("'-1 day'", "'1 day', -1", "'1 day', null"):
        with pytest.raises(errors.InvalidParameterValue):
            docs.run(f"select steward.prune('docs', {wrong})")
    assert len(docs.run(revisions)) == 6 + 5

    assert docs.value("select steward.prune('docs', '0', 2)") == 4 + 3
    assert docs.run(revisions) == [(1, 5), (1, 6), (2, 4), (2, 5)]
    assert docs.value(past) == 4
    assert docs.value("select steward.prune('docs', '0', 2)") == 0
    docs.run("select * from steward.alter('docs', keep_history => '0')")
    # it was asked for that no more is kept, not that this goes
    docs.run("select * from steward.tidy()")
    assert docs.value(past) == 4
    assert docs.value("select steward.prune('docs')", user=operator) == 4
    assert docs.value(past) == 0


def test_truncate_by_an_old_snapshot_ends_what_can_be_told(docs: Database) -> None:
    """It cannot see all that is there: better no answer than a wrong one. And it does not fail."""
    docs.work()
    before = docs.value("select clock_timestamp()")
    with docs.connect(autocommit=False) as writer:
        writer.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        writer.execute("select 1")
        docs.run("update docs set body = 'changed since'")
        docs.work()
        writer.execute("truncate docs")
        writer.commit()
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="does not reach back"):
        docs.run("select * from steward.as_of('docs', %s)", before)
    now = docs.value("select clock_timestamp()")
    assert docs.run("select * from steward.as_of('docs', %s)", now) == []


def test_nothing_is_kept_without_history(db: Database) -> None:
    """keep_history => 0: no edit, delete or truncate leaves anything."""
    db.run("create table docs (id integer primary key, body text)")
    db.run("insert into docs select n, 'Body ' || n from generate_series(1, 9) as n")
    db.run("select steward.track('docs', content => 'body', keep_history => '0')")
    db.work()
    for statement in (
        "update docs set body = 'New.' where id < 4",
        "delete from docs where id = 5",
        "update docs set id = 50 where id = 6",
        "truncate docs",
        "insert into docs values (1, 'Last.')",
    ):
        db.run(statement)
        db.work()
    assert db.run("select chunk from steward.search('docs', 'last')") == [("Last.",)]
    assert db.value("select count(*) from steward_data.docs_1_revision") == 0
    assert db.value("select count(*) from steward_data.docs_1_past") == 0


# Back to earlier vectors -------------------------------------------------------------------------

GOOD, BAD = "[1,2]", "[0,1]"
STATE = (
    "select t::text from steward_data.notes_1_doc as t",
    "select t::text from steward_data.notes_1_chunk as t",
    "select t::text from steward_data.notes_1_revision as t",
    "select t::text from steward_data.notes_1_past as t",
    "select sum(chunks)::text from steward_private.tally",
)
LONG = " ".join(f"Sentence number {n} is about nothing much." for n in range(20))


@pytest.fixture
def notes(db: Database) -> Database:
    """A tracked table whose provider is ours, so that it can be good or bad."""
    db.run("create table notes (id integer primary key, body text, live boolean default true)")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    db.run(
        "select steward.track('notes', content => 'body', "
        "model => 'tiny@1', chunking => '{\"size\": 200}', "
        "\"where\" => 'live')"
    )
    db.run("insert into notes values (1, %s), (2, 'Another.')", LONG)
    embed(db, GOOD)
    return db


def embed(db: Database, vector: str) -> list[str]:
    """Let our provider do all there is to do; what came of it."""
    done = []
    with db.connect() as session:
        while claimed := session.execute(
            "select token, cardinality(texts) from steward.claim('w')"
        ).fetchall():
            for token, count in claimed:
                done += session.execute(
                    "select steward.complete(%s, %s)", [token, [vector] * count]
                ).fetchall()
    return [str(outcome) for (outcome,) in done]


def write(db: Database, body: str, vector: str | None = None) -> None:
    """Edit the first row, and have it embedded."""
    db.run("update notes set body = %s where id = 1", body)
    if vector:
        embed(db, vector)


def vectors(db: Database) -> set[str]:
    """The vectors of the first row."""
    query = "select distinct embedding::text from steward_data.notes_1_chunk where key_1 = 1"
    return {vector for (vector,) in db.run(query)}


def state(db: Database) -> list[list[str]]:
    """All that is stored."""
    return [sorted(str(row) for row in db.run(query)) for query in STATE]


def rollback(db: Database, revision: int | None = None, **more: Any) -> int:
    """Back to an earlier revision of the first row."""
    return int(
        db.value("select steward.rollback_document('notes', '{\"id\": 1}', %s)", revision, **more)
    )


def test_rollback_brings_vectors_back(notes: Database) -> None:
    """The provider gave bad vectors: those of before are shown again, and it can be undone."""
    write(notes, "Short.", GOOD)
    write(notes, LONG, BAD)
    moment = notes.value("select clock_timestamp()")
    before = as_of_notes(notes, moment)
    assert vectors(notes) == {BAD}
    assert rollback(notes, 1) == 4
    assert vectors(notes) == {GOOD}
    assert notes.run("select * from steward.verify('notes')") == []
    assert as_of_notes(notes, moment) == before
    assert notes.run(
        "select outcome, reason, revision, chunks_embedded from steward.decisions "
        "order by decision_id desc limit 1"
    ) == [("restored", "vectors of revision 1", 4, 0)]
    # the one before is now the bad one
    assert rollback(notes) == 5
    assert vectors(notes) == {BAD}
    assert rollback(notes) == 6
    assert vectors(notes) == {GOOD}
    assert_counted(notes)
    # an edit goes on from there
    write(notes, LONG + " And one more sentence at the end.", BAD)
    assert vectors(notes) == {GOOD, BAD}
    assert notes.run("select * from steward.verify('notes')") == []
    assert_counted(notes)


def as_of_notes(db: Database, moment: object) -> list[tuple[Any, ...]]:
    """What was shown of the notes."""
    return db.run("select * from steward.as_of('notes', %s)", moment)


def test_rollback_does_not_reactivate_every_old_generation(notes: Database) -> None:
    """One revision comes back, not all that there have been of the same text."""
    chunks = notes.value("select count(*) from steward_data.notes_1_chunk where key_1 = 1")
    assert chunks > 3
    for vector in ("[1,3]", "[1,4]", "[1,5]", BAD):
        write(notes, "Short.", "[9,9]")
        write(notes, LONG, vector)
    other = notes.run("select * from steward_data.notes_1_chunk where key_1 = 2")
    assert rollback(notes, 5) == 10
    assert vectors(notes) == {"[1,4]"}
    assert notes.value("select count(*) from steward_data.notes_1_chunk where key_1 = 1") == chunks
    found = notes.run("select key, ordinal from steward.search_vector('notes', '[1,4]', 1000)")
    assert len(found) == len({str(row) for row in found}) == chunks + 1
    assert notes.run("select * from steward_data.notes_1_chunk where key_1 = 2") == other
    # numbers of chunks are never used twice
    assert (
        notes.value(
            "select count(*) from steward_data.notes_1_chunk as c "
            "inner join steward_data.notes_1_past as p on p.chunk_id = c.chunk_id"
        )
        == 0
    )
    assert notes.run("select * from steward.verify('notes')") == []
    assert_counted(notes)


def test_rollback_leaves_chunks_that_are_shown_already(notes: Database) -> None:
    """Only those that differ come back and go; the others are not written."""
    write(notes, LONG + " And a sentence at the end that makes the last chunk another.", GOOD)
    write(notes, LONG, BAD)
    rows = "select chunk_id, xmin::text, ctid::text from steward_data.notes_1_chunk"
    before = set(notes.run(rows))
    assert vectors(notes) == {GOOD, BAD}
    rollback(notes, 1)
    assert vectors(notes) == {GOOD}
    changed = before - set(notes.run(rows))
    assert 0 < len(changed) < len(before) - 1
    assert notes.run("select * from steward.verify('notes')") == []
    assert_counted(notes)


OUTDATED: dict[str, tuple[str, ...]] = {
    "another text": ("update notes set body = 'Something else.' where id = 1", "work"),
    "edited": ("update notes set body = 'Something else.' where id = 1",),
    "edited and queued": ("update notes set body = 'Something else.' where id = 1", "fold"),
    "edited and claimed": ("update notes set body = 'Something else.' where id = 1", "claim"),
    "failed": ("update notes set body = 'Something else.' where id = 1", "fail"),
    "gone": ("delete from notes where id = 1",),
    "gone and back": (
        "delete from notes where id = 1",
        "insert into notes select 1, body from notes",
    ),
    "no longer counts": ("update notes set live = false where id = 1",),
    "truncated": ("truncate notes",),
    "cut differently": (
        "select * from steward.alter('notes', chunking => '{\"size\": 400}')",
        "work",
    ),
    "behind our back": (
        "set session_replication_role = replica; update notes set body = 'Something else.'",
    ),
}


@pytest.mark.parametrize("what", OUTDATED)
def test_rollback_does_not_revive_outdated_text(what: str, notes: Database) -> None:
    """Search shows nothing that the row does not say now: it is refused, and nothing changes."""
    write(notes, "Short.", GOOD)
    write(notes, LONG, BAD)
    for statement in OUTDATED[what]:
        if statement == "work":
            embed(notes, GOOD)
        elif statement == "fold":
            notes.run("select steward_private.fold_spaces('{1}')")
        elif statement == "claim":
            assert len(notes.run("select * from steward.claim('w')")) == 1
        elif statement == "fail":
            for _ in range(4):
                notes.run("select steward.fail(token, 'no') from steward.claim('w')")
                notes.run(
                    "update steward_data.notes_1_job set available_at = now() "
                    "where available_at is not null"
                )
        else:
            notes.run(statement)
    before = state(notes)
    for revision in (1, 2, None):
        with pytest.raises(errors.ObjectNotInPrerequisiteState):
            rollback(notes, revision)
    assert state(notes) == before


def test_rollback_says_what_is_wrong(notes: Database, make_role: MakeRole) -> None:
    """Errors name the revisions that could come back."""
    write(notes, "Short.", GOOD)
    write(notes, LONG, BAD)
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match=r"these revisions: 1\."):
        rollback(notes, 2)
    with pytest.raises(errors.UndefinedObject, match=r"Of the same text there are: 1\."):
        rollback(notes, 7)
    for key in ("{}", "1", "null", '{"id": null}', '{"body": 1}', "[1]"):
        with pytest.raises(errors.InvalidParameterValue):
            notes.run("select steward.rollback_document('notes', %s)", key)
    with pytest.raises(errors.UndefinedObject, match="not embedded by"):
        notes.run("select steward.rollback_document('notes', '{\"id\": 1}', 1, 'other@1')")
    with pytest.raises(errors.UndefinedObject, match="no revision"):
        notes.run("select steward.rollback_document('notes', '{\"id\": 2}')")
    for role in ("steward_operator", "steward_worker", "steward_reader"):
        with pytest.raises(errors.InsufficientPrivilege):
            rollback(notes, 1, user=make_role(role))
    admin = make_role("steward_admin")
    with pytest.raises(errors.InsufficientPrivilege, match="to roll back a document"):
        rollback(notes, 1, user=admin)
    notes.run(f'grant trigger on notes to "{admin}"')
    assert rollback(notes, 1, user=admin) == 4


def test_a_result_that_comes_after_a_rollback_is_superseded(notes: Database) -> None:
    """A worker has it in hand meanwhile: its result would undo it."""
    write(notes, "Short.", GOOD)
    write(notes, LONG, BAD)
    write(notes, "For a moment.")
    ((token, count),) = notes.run("select token, cardinality(texts) from steward.claim('w')")
    write(notes, LONG)
    assert rollback(notes, 1) == 4
    done = notes.value("select steward.complete(%s, %s)", token, [BAD] * count)
    assert done == "superseded"
    assert vectors(notes) == {GOOD}
    embed(notes, BAD)
    assert vectors(notes) == {GOOD}
    assert notes.run("select * from steward.jobs") == []
    assert notes.run("select * from steward.verify('notes')") == []
    assert_counted(notes)


def test_rollback_waits_for_nobody_with_the_row(notes: Database) -> None:
    """Somebody is deleting the row: an error, and no deadlock."""
    write(notes, "Short.", GOOD)
    write(notes, LONG, BAD)
    with notes.connect(autocommit=False) as session:
        session.execute("delete from notes where id = 1")
        with pytest.raises(errors.LockNotAvailable):
            rollback(notes, 1)
    with pytest.raises(errors.ObjectNotInPrerequisiteState):
        rollback(notes, 1)


# Erasing -----------------------------------------------------------------------------------------

CANARY = "Kanarienvogel"
VACUUM = "dead versions"


def dump(db: Database) -> str:
    """All that pg_dump brings out of the database."""
    return run_program(db.cluster, db.name, "pg_dump", []).stdout


def erase(
    db: Database, key: str = '{"id": 1}', source: str = "notes"
) -> dict[str, tuple[int, int]]:
    """Erase a row; what was erased and what remains of each kind."""
    found = db.run(f"select * from steward.erase('{source}', %s)", key)
    assert found[-1][0].startswith(VACUUM)
    db.run(found[-1][0].partition("until: ")[2])
    return {name: (erased, remaining) for name, erased, remaining in found[:-1]}


def everywhere(db: Database) -> None:
    """The canary sings in history, in a job, in a claim, in failures, and in the space."""
    write(db, f"{CANARY} of the first text. {LONG}", GOOD)
    write(db, f"{CANARY} of the second text.", GOOD)
    write(db, f"{CANARY} that cannot be embedded.")
    for _ in range(4):
        db.run("select steward.fail(token, 'cannot embed: ' || texts[1]) from steward.claim('w')")
        db.run(
            "update steward_data.notes_1_job set available_at = now() "
            "where available_at is not null"
        )
    assert db.run("select state from steward.jobs") == [("failed",)]
    write(db, f"{CANARY} whose model is not there.")
    db.run(
        "select steward.fail(token, 'no model for: ' || texts[1], 'configuration') "
        "from steward.claim('w')"
    )
    db.run("update steward_private.space set paused_until = null")
    db.run(
        "update steward_data.notes_1_job set available_at = now() where available_at is not null"
    )
    db.run("update steward_private.space set problem = (select last_error from steward.jobs)")
    db.run(
        "insert into steward_private.claim select nextval('steward_private.claim_token_seq'), 1, "
        "'{\"id\": 1}', 9, 'w', now(), now() + interval '1 hour', "
        "jsonb_build_object('texts', array[%s]), 1, 1, 1, 1",
        f"{CANARY} in a claim that was left behind",
    )


PLACES = (
    "select 1 from steward_data.notes_1_chunk where chunk ~ %s",
    "select 1 from steward_data.notes_1_past where chunk ~ %s",
    "select 1 from steward_data.notes_1_job where last_error ~ %s",
    "select 1 from steward_private.decision where reason ~ %s",
    "select 1 from steward_private.claim where plan::text ~ %s",
    "select 1 from steward_private.space where problem ~ %s",
)


@pytest.mark.parametrize(
    "what", ["delete from notes where id = 1", "update notes set body = 'Harmless.' where id = 1"]
)
def test_what_was_erased_is_in_no_dump(what: str, notes: Database) -> None:
    """A text that was everywhere is nowhere afterwards, and the others are as they were."""
    everywhere(notes)
    assert all(notes.run(place, CANARY) for place in PLACES)
    other = notes.run("select * from steward_data.notes_1_chunk where key_1 = 2")
    notes.run("analyze")
    notes.run(what)
    assert CANARY in dump(notes)
    done = erase(notes)
    assert CANARY not in dump(notes)
    # nor in what the planner knows
    planner = (
        "select s.starelid::regclass::text, s.staattnum from pg_statistic as s "
        "where s::text ~ %s and s.starelid <> 'notes'::regclass"
    )
    assert notes.run(planner, CANARY) == []
    assert {remaining for _, remaining in done.values()} == {0}
    assert done["steward_data.notes_1_revision"][0] >= 2
    assert done["steward_data.notes_1_past"][0] >= 5
    assert done["steward_data.notes_1_job"][0] == 1
    assert done["steward_private.claim"][0] == 1
    assert done["reasons in steward_private.decision"][0] >= 4
    assert notes.run("select * from steward_data.notes_1_chunk where key_1 = 2") == other
    # that it was is known
    assert notes.run(
        "select outcome, reason, key from steward.decisions order by decision_id desc limit 1"
    ) == [("erased", "erased", {"id": 1})]
    assert_counted(notes)
    notes.run("update steward_private.space set problem = null")
    embed(notes, GOOD)
    assert_counted(notes)
    assert notes.run("select * from steward.verify('notes')") == []
    expected = {"Another."} | ({"Harmless."} if "Harmless" in what else set())
    found = notes.run("select chunk from steward.search_vector('notes', '[1,2]', 1000)")
    assert {chunk for (chunk,) in found} == expected
    assert set(erase(notes, '{"id": 77}').values()) == {(0, 0)}


def test_what_the_row_says_stays(notes: Database) -> None:
    """History goes, the document of the present text does not; what waits begins anew."""
    write(notes, f"{CANARY}.", GOOD)
    write(notes, "Clean.", GOOD)
    before = notes.run("select * from steward_data.notes_1_chunk order by 1")
    done = erase(notes)
    assert done["steward_data.notes_1_chunk"] == (0, 1)
    assert done["steward_data.notes_1_doc"] == (0, 1)
    assert done["steward_data.notes_1_revision"] == (2, 0)
    assert notes.run("select * from steward_data.notes_1_chunk order by 1") == before
    assert notes.run("select * from steward_data.notes_1_mark_0") == []
    # an edit that waits is not forgotten
    write(notes, "Cleaner.")
    erase(notes)
    assert notes.run("select * from steward_data.notes_1_chunk where key_1 = 1") == []
    embed(notes, GOOD)
    assert notes.run("select * from steward.verify('notes')") == []
    notes.run("update notes set body = body || ' ' where id = 1")
    notes.run("select steward_private.fold_spaces('{1}')")
    erase(notes)
    embed(notes, GOOD)
    assert notes.run("select * from steward.verify('notes')") == []
    assert_counted(notes)


def test_erase_of_keys_that_can_be_written_in_several_ways(db: Database) -> None:
    """The equality of the key decides, in decisions and claims, too."""
    db.run(
        "create collation anycase "
        "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
    )
    db.run(
        'create table "Odd ""one" ("The Key" text collate anycase, seen timestamptz, body text, '
        'primary key ("The Key", seen))'
    )
    db.run("""insert into "Odd ""one" values ('KEY', '2026-01-01 00:00+00', 'Kanarienvogel.')""")
    source = '"Odd ""one"'
    db.run(f"select steward.track('{source}', content => 'body')")
    db.run("set timezone = 'UTC'")
    db.work()
    db.run(f"update {source} set body = 'Kanarienvogel, too.'")
    with db.connect() as session:
        session.execute("set timezone = 'Asia/Tokyo'")
        session.execute("select * from steward.claim('w')")
    db.run(f"delete from {source}")
    key = '{"The Key": "key", "seen": "2026-01-01 03:00+03"}'
    done = erase(db, key, source.replace("'", "''"))
    assert {remaining for _, remaining in done.values()} == {0}
    assert done["reasons in steward_private.decision"][0] == 1
    assert CANARY not in dump(db)
    assert_counted(db)


def test_who_may_erase(notes: Database, make_role: MakeRole) -> None:
    """An admin who may decide about the table, nobody else."""
    admin = make_role("steward_admin")
    assert outcome(notes, "select steward.erase('notes', '{\"id\": 1}')", user=admin) == "42501"
    notes.run(f'grant trigger on notes to "{admin}"')
    for role in ("steward_operator", "steward_worker", "steward_reader"):
        assert (
            outcome(
                notes,
                "select count(*) from steward.erase('notes', '{\"id\": 1}')",
                user=make_role(role),
            )
            == "42501"
        )
    assert (
        outcome(
            notes,
            "select count(*) from steward.erase('notes', '{\"id\": 1}')",
            user=admin,
        )
        == "11"
    )
    with notes.connect(autocommit=False) as session:
        session.execute("update notes set live = false where id = 1")
        assert (
            outcome(notes, "select count(*) from steward.erase('notes', '{\"id\": 1}')") == "55P03"
        )


@pytest.fixture
def arena(notes: Database) -> Iterator[Arena]:
    """The same with gates at each step of the protocol."""
    arena = Arena(notes.cluster, notes.name)
    install(arena)
    yield arena
    arena.leave()


@pytest.mark.parametrize(
    "then", ["delete from notes where id = 1", "update notes set body = 'Harmless.' where id = 1"]
)
@pytest.mark.parametrize("step", [*IN_CLAIM, *IN_COMPLETE])
def test_no_late_result_brings_back_what_was_erased(step: str, then: str, arena: Arena) -> None:
    """Wherever a worker is when a row is erased: nothing of before is there afterwards."""
    write(arena, f"{CANARY} of before.", GOOD)
    write(arena, f"{CANARY} of a worker.")

    def claim(session: Session) -> list[Any]:
        return session.execute(
            "select token, cardinality(texts) from steward.claim('w')"
        ).fetchall()

    def complete(session: Session, claimed: list[Any]) -> list[str]:
        return [
            outcome_of(session, "select steward.complete(%s, %s)", token, [BAD] * count)
            for token, count in claimed
        ]

    def forget(session: Session) -> None:
        # what is told to remain is all that comes to light
        told = "select sum(remaining) from steward.erase('notes', '{\"id\": 1}')"
        assert session.execute(told).fetchone() in ((0,), (2,) if "update" in then else (0,))

    if step in IN_CLAIM:
        with stopped(arena, step, claim) as worker:
            arena.run(then)
            with at_once(arena, forget) as eraser:
                eraser.waits()
                worker.go()
            assert eraser.error() is None
        claimed = worker.result()
        with arena.borrow() as session:
            complete(session, claimed)
    else:
        with arena.borrow() as session:
            claimed = claim(session)
        assert claimed
        with stopped(arena, step, lambda session: complete(session, claimed)) as worker:
            with at_once(arena, lambda session: session.execute(then)) as writer:
                # the row may be the worker's for a moment
                if writer.waits():
                    worker.go()
            assert writer.error() is None
            with at_once(arena, forget) as eraser:
                eraser.waits()
                worker.go()
            assert eraser.error() is None

    for place in PLACES:
        assert arena.run(place, CANARY) == []
    if then.startswith("delete"):
        # nor did a fold bring back what was counted as gone
        assert arena.value("select count(*) from steward_data.notes_1_job") == 0
        assert arena.value("select count(*) from steward_private.claim") == 0
    embed(arena, GOOD)
    assert arena.run("select * from steward.verify('notes')") == []
    assert CANARY not in dump(arena)
    assert_counted(arena)


def outcome_of(session: Session, statement: str, *parameters: Any) -> str:
    """What a statement returns, or the code of its error."""
    try:
        return str(session.execute(statement, parameters).fetchone())
    except psycopg.Error as error:
        return str(error.sqlstate)


# Tidying up --------------------------------------------------------------------------------------


def tidy(db: Database, **more: Any) -> dict[str, int]:
    """How much there was to tidy up of each kind."""
    return dict(db.run("select task, amount from steward.tidy()", **more))


NOTHING = {"decisions": 0, "history": 0, "usage": 0}
PARTITIONS = (
    "select c.relname, pg_get_expr(c.relpartbound, c.oid) from pg_inherits as i "
    "inner join pg_class as c on c.oid = i.inhrelid "
    "where i.inhparent = 'steward_private.decision'::regclass and c.relname <> 'decision_rest' "
    "order by 1"
)


def test_months_of_decisions(docs: Database, make_role: MakeRole) -> None:
    """Each gets a partition, in advance; one that is old enough goes as a whole."""
    operator = make_role("steward_operator")
    docs.run("set timezone = 'Asia/Tokyo'")
    docs.run(
        """
        insert into steward_private.decision (space_id, key, outcome, reason, decided_at)
        select 1, '{"id": 1}', 'failed', d::text, d
        from generate_series(
            date_trunc('month', now()) - interval '6 months', now() + interval '3 months',
            interval '5 days'
        ) as d
        """
    )
    count = docs.value("select count(*) from steward_private.decision")
    old = (
        "select count(*) from steward_private.decision where "
        "date_trunc('month', decided_at at time zone 'UTC') + interval '1 month' "
        "<= (now() - interval '90 days') at time zone 'UTC'"
    )
    too_old = docs.value(old)
    assert too_old > 5
    assert tidy(docs, user=operator)["decisions"] > 5
    assert docs.value(old) == 0
    assert docs.value("select count(*) from steward_private.decision") == count - too_old
    assert docs.value("select count(*) from steward_private.decision_rest") == 0
    names = [name for name, _ in docs.run(PARTITIONS)]
    assert docs.value("select to_char(now() at time zone 'UTC', '\"decision_\"YYYYMM')") in names
    for name, _ in docs.run(PARTITIONS):
        assert (
            docs.run(
                f"select decided_at from steward_data.{name} "
                "where to_char(decided_at at time zone 'UTC', 'YYYYMM') <> %s",
                name[-6:],
            )
            == []
        )
        assert docs.value(
            "select relrowsecurity from pg_class where oid = %s::regclass", f"steward_data.{name}"
        )
    # what was there when it was made is as it was, and whatever comes goes into its month
    assert docs.value("select count(*) from steward.decisions where outcome = 'embedded'") == 3
    docs.run("update docs set body = 'Again.' where id = 1")
    docs.work()
    assert docs.value("select count(*) from steward_private.decision_rest") == 0
    assert tidy(docs) == NOTHING

    # how long is a setting
    docs.run("insert into steward_private.setting values ('keep_decisions', '1 day')")
    before = len(names)
    tidy(docs)
    assert len(docs.run(PARTITIONS)) < before
    assert (
        docs.value(
            "select count(*) from steward_private.decision "
            "where decided_at < date_trunc('month', now() - interval '1 day')"
        )
        == 0
    )


def test_strangers_keep_nobody_from_tidying_up(docs: Database, make_role: MakeRole) -> None:
    """Locks that everybody may take are nobody's business."""
    docs.work()
    with docs.connect(user=make_role()) as stranger:
        stranger.execute("select pg_advisory_lock(hashtextextended('steward.tidy()', 0))")
        stranger.execute("select pg_advisory_lock(hashtext('steward.reconcile()'), 1)")
        assert len(docs.run("select * from steward.tidy()")) == 3
        assert docs.value("select steward.reconcile('docs')") == 0


def test_tidy_waits_for_nobody(docs: Database) -> None:
    """Somebody writes a decision, or has a table for themselves: there is a next time."""
    with docs.connect(autocommit=False) as session:
        session.execute(
            "insert into steward_private.decision (space_id, outcome, reason) "
            "values (1, 'failed', 'just now')"
        )
        begun = time.monotonic()
        assert tidy(docs)["decisions"] == 0
        assert time.monotonic() - begun < 5
        assert docs.run(PARTITIONS) == []
        session.rollback()
        session.execute("lock table docs")
        docs.run("update steward_private.space set history_since = now()")
        begun = time.monotonic()
        assert tidy(docs)["decisions"] == 2
        assert time.monotonic() - begun < 5
    with docs.connect(autocommit=False) as session:
        session.execute("select * from steward.tidy()")
        assert docs.run("select * from steward.tidy()") == []


def test_history_goes_with_time(docs: Database) -> None:
    """What is older than keep_history, of every source, whatever is wrong with one of them."""
    docs.run("create table broken (id integer primary key, body text)")
    docs.run("insert into broken values (1, 'One.')")
    docs.run("select steward.track('broken', content => 'body')")
    docs.run("alter table broken drop column body cascade")
    moment = docs.value("select clock_timestamp()")
    docs.run("update docs set body = 'Newer.' where id = 1")
    docs.work()
    assert tidy(docs)["history"] == 0
    docs.run(
        "update steward_data.docs_1_revision set superseded_at = superseded_at - interval "
        "'31 days' where revision = 1"
    )
    docs.run(
        "update steward_data.docs_1_past set superseded_at = superseded_at - interval "
        "'31 days' where chunk = 'One.'"
    )
    docs.run(
        "insert into steward_private.usage (space_id, used_at, texts, characters, tokens, cost)"
        " values (1, now() - interval '401 days', 1, 1, 1, 0)"
    )
    done = tidy(docs)
    assert (done["history"], done["usage"]) == (1, 1)
    assert docs.run("select revision from steward_data.docs_1_revision") == [(2,)]
    assert docs.run("select chunk from steward_data.docs_1_past") == [("First.",)]
    assert docs.run("select chunk from steward.as_of('docs', %s)", moment) == [
        ("First.",),
        ("Two.",),
    ]
    assert tidy(docs) == NOTHING


def test_counts_are_the_same_after_tidying_up(docs: Database) -> None:
    """One row a day, also after TRUNCATE; and what is counted of a day stays."""
    day = (
        "select day, sum(embedded), sum(reused), sum(failed), sum(retired), sum(chunks_embedded), "
        "sum(chunks_reused), sum(characters), sum(characters_embedded) "
        "from steward_private.tally group by day order by day"
    )
    rows = "select count(*) from steward_private.tally"
    for statement in (
        "update docs set body = 'Second.' where id = 2",
        "delete from docs where id = 1",
        "insert into docs values (3, 'Three.')",
        "truncate docs",
        "insert into docs values (4, 'Four.')",
        "delete from docs where id = 4",
    ):
        docs.run("update steward_private.tally set day = day - 1 where day = current_date")
        docs.run(statement)
        assert_counted(docs)
        docs.work()
        assert_counted(docs)
        if "delete" not in statement:
            before = docs.run(day)
            tidy(docs)
            assert docs.run(day) == before
            assert docs.value(rows) == len(before)
            assert_counted(docs)
    tidy(docs)
    count = docs.run("select xmin::text, ctid::text from steward_private.tally")
    tidy(docs)
    assert docs.run("select xmin::text, ctid::text from steward_private.tally") == count


def test_tidying_up_beside_writers_and_truncate(docs: Database) -> None:
    """Counts are made fewer rows all the while: none is lost, none is counted twice."""
    until = time.monotonic() + 4

    def writer(number: int) -> None:
        dice = random.Random(number)  # noqa: S311
        with docs.connect() as session:
            while time.monotonic() < until:
                one = dice.randrange(10)
                statements: list[tuple[str, list[Any]]] = [
                    ("insert into docs values (%s, 'New.') on conflict do nothing", [one]),
                    ("update docs set body = body || 'more.' where id = %s", [one]),
                    ("delete from docs where id = %s", [one]),
                    ("truncate docs", []),
                ]
                ((statement, parameters),) = dice.choices(statements, [10, 10, 10, 1])
                session.execute(statement, parameters)

    def again(statement: str) -> int:
        times = 0
        with docs.connect() as session:
            while time.monotonic() < until:
                session.execute(statement)
                times += 1
        return times

    with ThreadPoolExecutor(5) as pool:
        tasks: list[Any] = [pool.submit(writer, n) for n in range(2)]
        tasks += [pool.submit(again, "call steward.work(seconds => 1, idle_seconds => 0)")]
        tasks += [pool.submit(again, "select * from steward.tidy()") for _ in range(2)]
        for task in tasks:
            task.result()
    assert_counted(docs)
    docs.work()
    assert_counted(docs)
    assert tidy(docs) is not None
    assert_counted(docs)
    assert docs.run("select * from steward.verify('docs')") == []


# What an edit writes -----------------------------------------------------------------------------


def written(db: Database, edit: str, *parameters: Any) -> dict[str, int]:
    """What an edit and the worker after it write: rows of chunks, and records about the index."""
    counts = (
        "select n_tup_ins, n_tup_upd, n_tup_del from pg_stat_user_tables "
        "where relid = 'steward_data.docs_1_chunk'::regclass"
    )
    # what this session has counted is told now and then
    db.run("select pg_stat_force_next_flush()")
    before = db.run(counts)[0]
    begun = db.value("select pg_current_wal_insert_lsn()")
    db.run(edit, *parameters)
    db.work()
    db.run("select pg_switch_wal()")
    db.run("select pg_stat_force_next_flush()")
    after = db.run(counts)[0]
    (index,) = db.run("select pg_relation_filepath('steward_data.docs_nearest')")[0]
    records = db.value(
        "select count(*) from pg_get_wal_records_info(%s, pg_current_wal_flush_lsn()) "
        "where block_ref ~ %s",
        begun,
        rf"\m{index.rpartition('/')[2]}\M",
    )
    inserted, updated, deleted = (b - a for a, b in zip(before, after, strict=True))
    return {"inserted": inserted, "updated": updated, "deleted": deleted, "index": records}


def test_unchanged_chunks_are_not_written(db: Database) -> None:
    """A sentence at the top of a document of 100 chunks: only what is new goes into the index."""
    db.run("create extension pg_walinspect")
    db.run("create table docs (id integer primary key, body text, note text)")
    body = "\n\n".join(
        f"Paragraph {n}. " + " ".join(f"Word{n}x{m} of it" for m in range(16)) for n in range(100)
    )
    db.run("insert into docs values (1, %s)", body)
    db.run("select steward.track('docs', content => 'body', chunking => '{\"size\": 250}')")
    db.work()
    db.run(
        "create index docs_nearest on steward_data.docs_1_chunk "
        "using hnsw (embedding vector_cosine_ops)"
    )
    chunks = db.value("select count(*) from steward_data.docs_1_chunk")
    assert chunks >= 100
    old = set(db.run("select chunk_id, xmin::text, ctid::text from steward_data.docs_1_chunk"))

    assert written(db, "update docs set note = 'Read.'") == {
        "inserted": 0,
        "updated": 0,
        "deleted": 0,
        "index": 0,
    }
    top = written(db, "update docs set body = 'One sentence at the very top.\n\n' || body")
    kept = set(db.run("select chunk_id, xmin::text, ctid::text from steward_data.docs_1_chunk"))
    everything = written(db, "update docs set body = replace(body, 'Word', 'Term')")
    print(f"{chunks} chunks; a sentence at the top: {top}; all replaced: {everything}")
    assert top["updated"] == 0
    assert top["inserted"] <= 2
    assert top["deleted"] <= 1
    assert len(old - kept) == top["deleted"]
    assert everything["inserted"] >= 100
    assert top["index"] * 20 < everything["index"]
    assert db.run("select * from steward.verify('docs')") == []
