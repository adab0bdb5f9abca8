"""What a source is: key, filter, options, how they change; and how the rows it had are queued."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
import pytest

from support import Database

DOCS = """
create table docs (
    id integer primary key, slug text not null unique, title text, body text,
    live boolean not null default true
);
insert into docs (id, slug, title, body)
select n, 'slug ' || n, 'Title ' || n, 'body ' || n from generate_series(1, 20) as n
"""
FRESH = "select documents, fresh, pending, missing, chunks from steward.freshness"


@pytest.fixture
def docs(db: Database) -> Database:
    """A table with twenty rows that nobody looks after yet."""
    db.run(DOCS)
    return db


def found(db: Database, text: str, k: int = 1) -> list[str]:
    """The nearest chunks."""
    return [
        chunk for (chunk,) in db.run("select chunk from steward.search('docs', %s, %s)", text, k)
    ]


class NoLongerHeld(AbstractContextManager[None]):
    """Lets pass that the claim is no longer held."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Whether it is that."""
        return isinstance(error, psycopg.Error) and error.sqlstate == "SW001"


def differences(db: Database) -> list[tuple[object, ...]]:
    """Where search and table do not agree."""
    return db.run("select * from steward.verify('docs')")


def test_content_of_several_columns(docs: Database) -> None:
    """The trigger fires for each of them, and for no other one."""
    docs.run("select steward.track('docs', content => $$title || ': ' || body$$)")
    docs.work()
    assert found(docs, "Title 7: body 7") == ["Title 7: body 7"]
    docs.run("update docs set live = false, slug = slug || '!'")
    assert docs.run("select * from steward.jobs") == []
    docs.run("update docs set title = 'Other' where id = 7")
    docs.run("update docs set body = 'other' where id = 8")
    docs.run("update docs set title = title, body = body")
    keys = docs.run("select key from steward.jobs order by key")
    assert keys == [({"id": 7},), ({"id": 8},)]
    docs.work()
    assert found(docs, "Other: body 7") == ["Other: body 7"]
    assert differences(docs) == []


def test_named_unique_index_as_the_key(docs: Database) -> None:
    """Rows are known by its columns, and a change of them is a change of the key."""
    docs.run("select steward.track('docs', content => 'body', key => 'docs_slug_key')")
    docs.work()
    docs.run("update docs set slug = 'new' where id = 3")
    docs.run("update docs set id = 100 where id = 4")
    docs.work()
    assert docs.run("select key from steward.search('docs', 'body 3', 1)") == [({"slug": "new"},)]
    assert differences(docs) == []
    docs.run("alter table docs drop constraint docs_slug_key")
    assert docs.run(
        "select status, detail from steward.check() where item = 'source public.docs'"
    ) == [("critical", "no unique index on its key is left")]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("nothing", 'table public.docs has no index "nothing"'),
        ("docs_part", 'index "docs_part" cannot be the key of table public.docs'),
        ("docs_many", 'index "docs_many" cannot be the key of table public.docs'),
        ("docs_expression", 'index "docs_expression" cannot be the key of table public.docs'),
        ("docs_title", 'column "title" of index "docs_title" can be null'),
    ],
)
def test_index_that_cannot_be_the_key(docs: Database, index: str, message: str) -> None:
    """One that does not tell every row from the others is refused, and nothing is left behind."""
    docs.run("create unique index docs_part on docs (slug) where live")
    docs.run("create index docs_many on docs (slug)")
    docs.run("create unique index docs_expression on docs (lower(slug))")
    docs.run("create unique index docs_title on docs (title)")
    with pytest.raises(psycopg.Error) as caught:
        docs.run("select steward.track('docs', content => 'body', key => %s)", index)
    assert caught.value.diag.message_primary == message
    assert docs.run("select 1 from steward_private.source") == []
    assert docs.run("select 1 from pg_trigger where tgrelid = 'docs'::regclass") == []


@pytest.mark.parametrize(
    ("change", "back", "detail"),
    [
        ("create table heir () inherits (docs)", "drop table heir", "inheritance"),
        (
            "create table whole (like docs) partition by list (id); "
            "alter table whole attach partition docs default",
            "alter table whole detach partition docs",
            "inheritance",
        ),
        ("alter table docs set unlogged", "alter table docs set logged", "unlogged"),
    ],
    ids=["parent", "partition", "unlogged"],
)
def test_what_becomes_of_a_tracked_table_is_told(
    docs: Database, change: str, back: str, detail: str
) -> None:
    """What track() would have refused is found by check() when it comes later."""
    docs.run("select steward.track('docs', content => 'body')")
    ask = "select status, detail ~ %s from steward.check() where item = 'source public.docs'"
    docs.run(change)
    assert docs.run(ask, detail) == [("critical", True)]
    docs.run(back)
    assert docs.run(ask, "triggers are in place") == [("ok", True)]


def test_filter(docs: Database) -> None:
    """A row that leaves it is found no more in that transaction; one that enters is queued."""
    docs.run("update docs set live = id <= 10")
    docs.run("""select steward.track('docs', content => 'body', "where" => 'live')""")
    docs.work()
    assert docs.run(FRESH) == [(10, 10, 0, 0, 10)]
    with docs.connect(autocommit=False) as writer:
        writer.execute("update docs set live = false where id = 3")
        search = "select chunk from steward.search('docs', 'body 3', 1)"
        assert writer.execute(search).fetchall() != [("body 3",)]
        assert found(docs, "body 3") == ["body 3"]
        writer.commit()
    assert found(docs, "body 3") != ["body 3"]
    docs.run("update docs set body = 'unseen' where id = 15")
    docs.run("insert into docs values (21, 'x', 't', 'body 21', false)")
    assert docs.run("select key from steward.jobs") == [({"id": 3},)]
    docs.run("update docs set live = true where id in (15, 21)")
    docs.work()
    assert docs.run(FRESH) == [(11, 11, 0, 0, 11)]
    assert differences(docs) == []


def test_claim_of_a_row_that_left_the_filter_stores_nothing(docs: Database) -> None:
    """A late worker does not bring it back."""
    docs.run("select steward.add_model('tiny@1', 2, 'mine')")
    docs.run(
        "select steward.track('docs', content => 'body', model => 'tiny@1', "
        "\"where\" => 'live', backfill => false)"
    )
    docs.run("update docs set body = 'changed' where id = 1")
    ((token,),) = docs.run("select token from steward.claim('w')")
    docs.run("update docs set live = false where id = 1")
    assert docs.value("select steward.complete(%s, array['[1,0]'])", token) == "retired"
    docs.run("select 1 from steward.claim('w')")
    assert docs.run("select 1 from steward_data.docs_1_chunk") == []
    assert docs.run("select 1 from steward.jobs") == []


def test_deleted_rows_are_kept_where_asked_for(docs: Database) -> None:
    """Their vectors stay, found by nobody, and serve again if the row comes back."""
    docs.run("select steward.track('docs', content => 'body', on_delete => 'retire')")
    docs.work()
    docs.run("delete from docs where id = 5")
    assert found(docs, "body 5") != ["body 5"]
    docs.work()
    assert docs.value("select count(*) from steward_data.docs_1_chunk") == 20
    docs.run("insert into docs values (5, 'again', 't', 'body 5')")
    assert found(docs, "body 5") != ["body 5"]
    docs.work()
    assert found(docs, "body 5") == ["body 5"]
    assert docs.run("select outcome from steward.decisions order by decision_id desc limit 2") == [
        ("reused",),
        ("retired",),
    ]
    assert differences(docs) == []


def test_transactional_mode(docs: Database) -> None:
    """Row and vectors commit together, or neither does."""
    docs.run("select steward.track('docs', content => 'body', mode => 'transactional')")
    docs.work()
    with docs.connect(autocommit=False) as writer:
        writer.execute("insert into docs values (21, 'x', 't', 'a new body')")
        writer.execute("update docs set body = 'another body' where id = 1")
        search = "select chunk from steward.search('docs', %s, 1)"
        assert writer.execute(search, ["a new body"]).fetchall() == [("a new body",)]
        assert found(docs, "a new body") != ["a new body"]
        writer.rollback()
        assert found(docs, "a new body") != ["a new body"]
        writer.execute("update docs set body = 'another body' where id = 1")
        writer.execute("update docs set id = 200 where id = 2")
        writer.execute("delete from docs where id = 3")
        writer.commit()
    assert found(docs, "another body") == ["another body"]
    assert differences(docs) == []


def test_transactional_writer_and_worker_at_once(docs: Database) -> None:
    """What a worker brings of the text before is not stored over the text of the writer."""
    docs.run("select steward.track('docs', content => 'body', mode => 'transactional')")
    claims = docs.run("select token, key, texts from steward.claim('w', 100)")
    with docs.connect(autocommit=False) as writer:
        writer.execute("update docs set body = 'newer' where id = 1")
        ((token, texts),) = [(t, x) for t, k, x in claims if k == {"id": 1}]
        complete = "select steward.complete(%s, steward.embed(%s))"
        # the writer has the row, or has already taken it away from the worker
        with NoLongerHeld():
            assert docs.value(complete, token, texts) == "busy"
        writer.commit()
    with NoLongerHeld():
        assert docs.value(complete, token, texts) in ("superseded", "busy")
    assert found(docs, "newer") == ["newer"]
    docs.run("select steward.release(array_agg(token)) from steward_private.claim")
    docs.run("update steward_data.docs_1_job set available_at = now() where token is null")
    docs.work()
    assert differences(docs) == []


def test_transactional_writer_with_an_old_snapshot(docs: Database) -> None:
    """It sees a job that has been done since beside the one of its own."""
    docs.run("select steward.track('docs', content => 'body', mode => 'transactional')")
    docs.work()
    docs.run("delete from docs where id = 1")
    docs.run("select steward_private.fold_spaces('{1}')")
    assert docs.run("select key from steward.jobs") == [({"id": 1},)]
    with docs.connect(autocommit=False) as writer:
        writer.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        writer.execute("select 1")
        docs.work()
        assert docs.run("select 1 from steward.jobs") == []
        writer.execute("insert into docs values (1, 'again', 'Title', 'back again')")
        writer.commit()
    assert found(docs, "back again") == ["back again"]
    assert differences(docs) == []


def test_transactional_mode_needs_a_model_in_the_database(docs: Database) -> None:
    """Another one cannot answer within the writer's transaction."""
    docs.run("select steward.add_model('tiny@1', 2, 'mine')")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        docs.run(
            "select steward.track('docs', content => 'body', model => 'tiny@1', "
            "mode => 'transactional')"
        )


def test_alter_tells_what_follows(docs: Database) -> None:
    """Each option that changes has a row; the rows that it concerns are looked at again."""
    docs.run("select steward.track('docs', content => 'body')")
    docs.work()
    assert docs.run("select * from steward.alter('docs')") == []
    changes = docs.run(
        "select option, was, is_now from steward.alter('docs', content => 'title', "
        "\"where\" => 'id > 10', on_delete => 'retire', priority => 3, notify => true, "
        "daily_budget => 2.5, backfill_rate => 100000)"
    )
    assert changes == [
        ("backfill_rate", None, "100000"),
        ("content", "body", "title"),
        ("daily_budget", None, "2.5"),
        ("notify", "false", "true"),
        ("on_delete", "drop", "retire"),
        ("priority", "0", "3"),
        ("where", None, "id > 10"),
    ]
    docs.run("update steward_private.backfill set advanced_at = advanced_at - interval '1 minute'")
    docs.work()
    assert found(docs, "Title 11") == ["Title 11"]
    assert docs.run(FRESH)[0][:2] == (10, 10)
    assert differences(docs) == []
    docs.run("update docs set body = 'no longer content'")
    assert docs.run("select 1 from steward.jobs") == []
    docs.run(
        "select * from steward.alter('docs', \"where\" => '', daily_budget => 'infinity', "
        "backfill_rate => 0, chunking => '{\"size\": 300}')"
    )
    assert docs.run(
        "select \"where\", daily_budget, backfill_rate, chunking -> 'size' from steward.sources"
    ) == [(None, None, None, 300)]
    docs.work()
    assert docs.run(FRESH)[0][:2] == (20, 20)
    assert differences(docs) == []


def test_alter_while_a_row_is_claimed(docs: Database) -> None:
    """What was read in the old way is stored, and read again in the new one."""
    docs.run("select steward.add_model('tiny@1', 2, 'mine')")
    docs.run("select steward.track('docs', content => 'body', model => 'tiny@1')")
    claims = docs.run("select token, texts from steward.claim('w', 100)")
    docs.run("select * from steward.alter('docs', content => 'title')")
    for token, _ in claims:
        assert docs.value("select steward.complete(%s, array['[1,0]'])", token) == "embedded"
    again = docs.run("select token, texts from steward.claim('w', 100)")
    assert {texts[0][:5] for _, texts in again} == {"Title"}
    assert len(again) == 20
    for token, _ in again:
        docs.run("select steward.complete(%s, array['[1,0]'])", token)
    assert differences(docs) == []


@pytest.mark.parametrize(
    "arguments",
    [
        "content => 'nothing'",
        "content => 'random()::text || body'",
        "\"where\" => 'body'",
        "chunking => '{\"size\": 3}'",
        "on_delete => 'forget'",
        "mode => 'sometimes'",
        "priority => 100000",
        "daily_budget => -1",
        "backfill_rate => -1",
    ],
)
@pytest.mark.parametrize("function", ["track", "alter"])
def test_option_that_cannot_be(docs: Database, function: str, arguments: str) -> None:
    """A clear error, and nothing has changed."""
    if function == "alter":
        docs.run("select steward.track('docs', content => 'body')")
        docs.work()
    elif not arguments.startswith("content"):
        arguments = "content => 'body', " + arguments
    before = docs.run("select * from steward.sources")
    with pytest.raises(psycopg.Error) as caught:
        docs.run(f"select * from steward.{function}('docs', {arguments})")
    assert caught.value.diag.message_primary
    assert not (caught.value.sqlstate or "").startswith("XX")
    assert docs.run("select * from steward.sources") == before
    if function == "track":
        assert docs.run("select 1 from pg_trigger where tgrelid = 'docs'::regclass") == []


def test_dry_run_counts_what_would_be_sent(docs: Database) -> None:
    """To the character, and without doing anything."""
    docs.run("select steward.add_model('paid@1', 2, 'mine', price => 2)")
    docs.run(
        "update docs set body = texts.body, live = id < 10 from ("
        "select d.id as n, string_agg('Sentence ' || m || ' of ' || d.id || '.', ' ') as body "
        "from docs as d, generate_series(1, 60) as m group by d.id) as texts where n = id"
    )
    ((rows, chunks, characters, tokens, cost, estimated),) = docs.run(
        "select * from steward.dry_run('docs', content => 'body', model => 'paid@1', "
        "\"where\" => 'live')"
    )
    assert docs.run("select 1 from steward.sources") == []
    docs.run(
        "select steward.track('docs', content => 'body', model => 'paid@1', \"where\" => 'live')"
    )
    sent = docs.run("select texts from steward.claim('w', 100)")
    assert (rows, estimated) == (9, False)
    assert chunks == sum(len(texts) for (texts,) in sent)
    assert characters == sum(len(text) for (texts,) in sent for text in texts)
    assert tokens == -(-characters // 4)
    assert float(cost) == pytest.approx(tokens * 2 / 1_000_000)


def test_dry_run_of_many_rows_is_an_estimate(db: Database) -> None:
    """From a sample, near the truth."""
    db.run("create table docs (id integer primary key, body text)")
    db.run("insert into docs select n, repeat('word ', 300) from generate_series(1, 3000) as n")
    ((rows, chunks, estimated),) = db.run(
        "select rows, chunks, is_estimated from steward.dry_run('docs', 'body', sample => 200)"
    )
    assert (rows, estimated) == (3000, True)
    exact = db.value("select chunks from steward.dry_run('docs', 'body', sample => 100000)")
    assert chunks == pytest.approx(exact, rel=0.1)


def test_backfill_is_resumed_after_a_crash(db: Database) -> None:
    """It goes on behind the last row that was queued, and misses none."""
    db.run("create table docs (a text, b integer, body text, primary key (a, b))")
    db.run(
        "insert into docs select 'k' || n % 7, n, 'body ' || n from generate_series(1, 2500) as n"
    )
    assert db.value("select steward.track('docs', content => 'body')") == 2500
    db.run("select 1 from steward.claim('w', 10)")
    assert db.run("select state, rows_queued from steward.backfills") == [("running", 1000)]
    db.cluster.kill9()
    db.cluster.start()
    # edits come first, and rows behind and before the last one are not forgotten
    db.run("insert into docs values ('a', 1, 'early'), ('z', 1, 'late')")
    assert db.run("select texts from steward.claim('w', 2)") != []
    db.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
    db.run("select steward.reap()")
    db.run("update steward_data.docs_1_job set available_at = now() where available_at is not null")
    db.work()
    assert db.run("select state, rows_queued >= 2500 from steward.backfills") == [("done", True)]
    assert db.run(FRESH) == [(2502, 2502, 0, 0, 2502)]
    assert differences(db) == []


def test_backfill_is_throttled_and_cancelled(docs: Database) -> None:
    """So many rows a minute; what is cancelled is neither queued nor pending any more."""
    docs.run("select steward.track('docs', content => 'body', backfill_rate => 6)")
    assert docs.run("select 1 from steward.claim('w', 100)") == []
    docs.run("update steward_private.backfill set advanced_at = now() - interval '30 seconds'")
    assert len(docs.run("select 1 from steward.claim('w', 100)")) == 3
    assert docs.run("select 1 from steward.claim('w', 100)") == []
    docs.run("select steward.cancel_backfill('docs')")
    assert docs.run("select state, rows_queued from steward.backfills") == [("cancelled", 3)]
    docs.run("update steward_private.backfill set advanced_at = now() - interval '30 seconds'")
    assert docs.run("select 1 from steward.claim('w', 100)") == []
    assert docs.run("select pending, missing from steward.freshness") == [(3, 17)]
    docs.run("select * from steward.alter('docs', backfill_rate => 0)")
    assert docs.value("select steward.backfill('docs')") == 20
    docs.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
    docs.run("select steward.reap()")
    docs.run(
        "update steward_data.docs_1_job set available_at = now() where available_at is not null"
    )
    docs.work()
    assert differences(docs) == []


def test_edits_and_backfill_do_not_starve_each_other(docs: Database) -> None:
    """Edits come first, and a tenth of each batch is of the rows that were there before."""
    docs.run("insert into docs select n, 's' || n, 't', 'old' from generate_series(21, 500) as n")
    docs.run("select steward.track('docs', content => 'body')")
    docs.run("update docs set body = 'edit' where id <= 200")
    batch = docs.run("select texts from steward.claim('w', 100)")
    edits = sum(texts == ["edit"] for (texts,) in batch)
    assert 89 <= edits <= 90
    assert len(batch) == 100


def test_priority_of_sources(docs: Database) -> None:
    """The source with the higher one comes first."""
    docs.run("create table urgent (id integer primary key, body text)")
    # without one, or a tenth of the claims would be of it
    docs.run("select steward.track('docs', content => 'body', backfill => false)")
    docs.run("select steward.track('urgent', content => 'body', priority => 10)")
    for n in range(5):
        docs.run("insert into urgent values (%s, 'now')", n)
        docs.run("update docs set body = body || '.' where id = %s", n + 1)
        ((source,),) = docs.run("select claimed_source::text from steward.claim('w', 1)")
        assert source == "urgent"


def test_notify_once_in_a_transaction(docs: Database) -> None:
    """Where a source asks for it, and not otherwise."""
    with docs.connect() as listener:
        listener.execute("listen steward")
        docs.run("select steward.track('docs', content => 'body')")
        docs.run("update docs set body = 'silent'")
        assert list(listener.notifies(timeout=0.2)) == []
        docs.run("select * from steward.alter('docs', notify => true)")
        docs.run("update docs set body = 'loud'")
        assert [n.payload for n in listener.notifies(timeout=0.5)] == ["docs"]


def test_pause_and_resume(docs: Database) -> None:
    """Nothing is claimed meanwhile, and nothing is forgotten."""
    docs.run("select steward.track('docs', content => 'body')")
    docs.work()
    docs.run("select steward.pause('docs', 'moving house')")
    docs.run("update docs set body = 'meanwhile' where id = 1")
    assert docs.run("select 1 from steward.claim('w')") == []
    assert docs.run(
        "select status, detail ~ 'moving house' from steward.check() "
        "where item = 'source public.docs'"
    ) == [("warning", True)]
    docs.run("select steward.resume('docs')")
    docs.work()
    assert found(docs, "meanwhile") == ["meanwhile"]


def test_untrack_can_keep_the_vectors(docs: Database, make_role: Callable[..., str]) -> None:
    """The tables stay, and belong to no source."""
    docs.run("select steward.track('docs', content => 'body')")
    docs.work()
    docs.run("select steward.untrack('docs', keep_vectors => true)")
    assert docs.value("select count(*) from steward_data.docs_1_chunk") == 20
    assert docs.run("select 1 from pg_trigger where tgrelid = 'docs'::regclass") == []
    docs.run("alter table docs drop column body")
    docs.run("drop table docs")
    user = make_role("steward_reader")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        docs.run("select * from steward_data.docs_1_chunk", user=user)


def test_tracking_leaves_the_table_as_it_was(docs: Database) -> None:
    """No column, no rewrite, and no stronger lock than creating a trigger takes."""
    shape = (
        "select c.relfilenode, c.relnatts, (select count(*) from pg_attribute as a "
        "where a.attrelid = c.oid), (select count(*) from pg_index as i where i.indrelid = c.oid) "
        "from pg_class as c where c.oid = 'docs'::regclass"
    )
    before = docs.run(shape)
    with docs.connect(autocommit=False) as tracker:
        tracker.execute("select steward.track('docs', content => 'title || body')")
        modes = tracker.execute(
            "select distinct mode from pg_locks "
            "where relation = 'docs'::regclass and pid = pg_backend_pid()"
        ).fetchall()
        assert ("ShareRowExclusiveLock",) in modes
        assert {mode for (mode,) in modes} <= {
            "AccessShareLock",
            "RowShareLock",
            "ShareRowExclusiveLock",
        }
        tracker.commit()
    assert docs.run(shape) == before
    docs.run("select steward.untrack('docs')")
    assert docs.run(shape) == before


def test_options_that_concern_no_trigger_lock_nothing(docs: Database) -> None:
    """An open writer keeps nobody waiting."""
    docs.run("select steward.track('docs', content => 'body')")
    with docs.connect(autocommit=False) as writer, docs.connect() as admin:
        writer.execute("update docs set body = 'x' where id = 1")
        admin.execute("set lock_timeout = '3s'")
        changes = admin.execute(
            "select option from steward.alter('docs', priority => 2, daily_budget => 9, "
            "backfill_rate => 8, notify => true, on_delete => 'retire', "
            "chunking => '{\"size\": 400}')"
        ).fetchall()
        assert len(changes) == 6
        with pytest.raises(psycopg.errors.LockNotAvailable):
            admin.execute("select from steward.alter('docs', content => 'title')")


FAILING = "(body::jsonb) ->> 'a'"


def test_content_that_cannot_be_computed_is_refused(docs: Database) -> None:
    """Tried on every row, and nothing left behind; the same for a filter."""
    docs.run('update docs set body = \'{"a": "text"}\' where id > 1')
    for arguments in (["docs", FAILING, None], ["docs", "title", "(body::jsonb) ? 'a'"]):
        with pytest.raises(psycopg.errors.InvalidTextRepresentation) as caught:
            docs.run('select steward.track(%s, content => %s, "where" => %s)', *arguments)
        assert caught.value.diag.message_primary == (
            "content or condition of table public.docs cannot be computed for a row"
        )
        assert caught.value.diag.message_hint
    assert docs.run("select 1 from steward_private.source") == []
    assert docs.run("select 1 from pg_trigger where tgrelid = 'docs'::regclass") == []


def test_content_that_fails_later_fails_no_writer(docs: Database) -> None:
    """The row is to blame: its job has the error, verify() names it, and it can be mended."""
    docs.run('update docs set body = \'{"a": "text"}\'')
    docs.run("select steward.track('docs', content => %s)", FAILING)
    docs.work()
    docs.run("update docs set body = 'broken' where id = 1")
    docs.run("insert into docs values (21, 'x', 't', 'broken, too')")
    docs.run('update docs set body = \'{"a": "sound"}\' where id = 2')
    docs.work()
    assert docs.run("select key from steward.jobs order by key") == [({"id": 1},), ({"id": 21},)]
    assert sorted(docs.run("select key ->> 'id', problem from steward.verify('docs')")) == [
        ("1", "unreadable"),
        ("21", "unreadable"),
    ]
    assert found(docs, "sound") == ["sound"]
    docs.run('update docs set body = \'{"a": "mended"}\' where id in (1, 21)')
    docs.work()
    assert differences(docs) == []


def test_key_that_may_be_null_fails_no_writer(docs: Database) -> None:
    """Who drops NOT NULL from the key can go on writing; such rows are nobody's."""
    docs.run("select steward.track('docs', content => 'body', key => 'docs_slug_key')")
    docs.run("alter table docs alter column slug drop not null")
    docs.run("insert into docs values (21, null, 't', 'keyless')")
    docs.run("update docs set body = 'still keyless' where id = 21")
    docs.run("update docs set slug = null where id = 1")
    docs.run("update docs set slug = 'back' where id = 21")
    docs.run("delete from docs where id = 1")
    docs.work()
    assert found(docs, "still keyless") == ["still keyless"]
    assert differences(docs) == []


def test_failed_row_is_looked_at_again_when_what_is_read_changes(docs: Database) -> None:
    """Its failure was about the text of before; and until then verify() calls it a fault."""
    docs.run('update docs set body = \'{"a": "text"}\'')
    docs.run("select steward.track('docs', content => %s)", FAILING)
    docs.work()
    docs.run("update docs set body = 'broken' where id = 1")
    for _ in range(4):
        docs.work()
        docs.run(
            "update steward_data.docs_1_job set available_at = now() where available_at is not null"
        )
    assert docs.run("select state, attempts from steward.jobs") == [("failed", 4)]
    docs.run("select * from steward.alter('docs', content => 'title')")
    docs.work()
    assert docs.run("select 1 from steward.jobs") == []
    assert differences(docs) == []


def test_rows_that_need_no_vector_do_not_hide_the_others(db: Database) -> None:
    """A claim that only settles goes on, and so does the worker, to the row behind them."""
    db.run("create table docs (id integer primary key, body text)")
    db.run("insert into docs select n, ' ' from generate_series(1, 3000) as n")
    db.run("insert into docs values (9999, 'the last one')")
    db.run("select steward.track('docs', content => 'body')")
    db.work()
    assert found(db, "the last one") == ["the last one"]
    assert db.run("select 1 from steward.jobs") == []


def test_alter_repairs_what_is_generated(docs: Database, make_role: Callable[..., str]) -> None:
    """Without any option: for a new owner, and for a trigger that came after tracking."""
    docs.run("alter table docs enable row level security")
    docs.run(f'alter table docs owner to "{make_role()}"')
    docs.run("select steward.track('docs', content => 'body')")
    docs.work()
    docs.run(f'alter table docs owner to "{make_role()}"')
    docs.run("update docs set body = 'of a new owner' where id = 1")
    docs.work()
    assert found(docs, "of a new owner") != ["of a new owner"]
    assert docs.run("select * from steward.alter('docs')") == []
    docs.run("select steward.resume('docs')")
    docs.work()
    assert found(docs, "of a new owner") == ["of a new owner"]
    # also for the one who has installed it all, whose readers are no stranger's
    docs.run("alter table docs owner to postgres")
    docs.run("select * from steward.alter('docs')")
    assert docs.run(
        "select distinct pg_get_userbyid(p.proowner) from pg_proc as p "
        "where p.proname ~ '^(read|there|lock|scan)_1$'"
    ) == [("postgres",)]
    docs.run("update docs set body = 'of the first' where id = 1")
    docs.work()
    assert differences(docs) == []


def test_dropped_columns(db: Database) -> None:
    """Nothing counts columns by their numbers."""
    db.run(
        "create table docs (junk text, id integer primary key, waste text, body text, live boolean)"
    )
    db.run("alter table docs drop column junk, drop column waste")
    db.run("insert into docs values (1, 'bread', true), (2, 'tides', false)")
    db.run("select steward.track('docs', content => 'body', \"where\" => 'live')")
    db.work()
    db.run("alter table docs add column extra text")
    db.run("alter table docs drop column extra")
    db.run("update docs set body = 'dough', live = true")
    db.run("update docs set id = id + 10")
    db.work()
    assert differences(db) == []
    assert len(db.run("select 1 from steward.search('docs', 'dough', 9)")) == 2


def test_generated_column_follows_what_it_is_made_of(db: Database) -> None:
    """UPDATE OF does not know about it; the trigger does."""
    db.run(
        "create table docs (id integer primary key, title text, other text, "
        "whole text generated always as ('the ' || title) stored)"
    )
    db.run("insert into docs values (1, 'bread', 'x'), (2, 'tides', 'x')")
    db.run("select steward.track('docs', content => 'whole')")
    db.work()
    db.run("update docs set other = 'y'")
    assert db.run("select 1 from steward.jobs") == []
    db.run("update docs set title = 'dough' where id = 1")
    assert db.run("select key from steward.jobs") == [({"id": 1},)]
    db.work()
    assert found(db, "the dough") == ["the dough"]
    assert differences(db) == []


def test_types_cannot_change_silently(docs: Database) -> None:
    """PostgreSQL itself refuses, for each column that a trigger looks at, and nothing changes."""
    docs.run("select steward.track('docs', content => 'title || body', \"where\" => 'live')")
    docs.work()
    for column, kind in (
        ("id", "bigint"),
        ("body", "varchar(1000)"),
        ("title", "varchar(1000)"),
        ("live", "text"),
    ):
        with pytest.raises(psycopg.Error, match="cannot alter type of a column") as caught:
            docs.run(f"alter table docs alter column {column} type {kind}")
        assert "steward" in str(caught.value), column
    docs.run("alter table docs alter column slug type varchar(1000)")
    docs.run("update docs set body = 'new' where id = 1")
    docs.work()
    assert differences(docs) == []
    # the way to go: untrack with the vectors dropped, change the type, track again
    docs.run("select steward.untrack('docs')")
    docs.run("alter table docs alter column id type bigint")
    docs.run("select steward.track('docs', content => 'title || body')")
    docs.work()
    assert differences(docs) == []
