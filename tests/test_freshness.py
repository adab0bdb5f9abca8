"""What the views tell is what there is: every figure is counted again by hand."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support import Database, quote_name, run_program

FIGURES = (
    "documents",
    "fresh",
    "pending",
    "failed",
    "missing",
    "outdated",
    "orphans",
    "accepted",
    "chunks",
)
VIEW = f"select {', '.join(FIGURES)} from steward.freshness where source = %s::regclass "
WORDS = [f"Sentence number {n} says something of its own." for n in range(40)]


@dataclass(frozen=True)
class Space:
    """A source and a model, as this test knows them."""

    number: int
    source: str
    source_number: int
    model: str
    # the text of a row that counts; null where it does not
    content: str

    def table(self, kind: str) -> str:
        """One of its tables."""
        return f"steward_data.{self.source}_{self.number}_{kind}"


SPACES = (
    Space(1, "plain", 1, "builtin/hash@1", "coalesce(body, '')"),
    Space(2, "filtered", 2, "tiny@1", "case when is_live then title || body end"),
    Space(3, "kept", 3, "tiny@1", "coalesce(body, '')"),
    Space(4, "parted", 4, "builtin/hash@1", "coalesce(body, '')"),
    Space(5, "plain", 1, "tiny@1", "coalesce(body, '')"),
)
TABLES = """
create table plain (id integer primary key, body text);
create table filtered (
    id integer primary key, title text not null, body text not null, is_live boolean not null
);
create table kept (id integer primary key, body text);
create table parted (id integer primary key, body text) partition by range (id);
create table parted_low partition of parted for values from (minvalue) to (15);
create table parted_high partition of parted default;
"""
# A second model beside the first, as it is while it is being built.
SECOND_SPACE = """
do $$
declare
    v_source steward_private.source := steward_private.source_of('plain');
    v_space steward_private.space;
begin
    v_space := steward_private.create_space(v_source, 'tiny@1', 'building');
    perform steward_private.define_trigger_functions(v_source);
    perform steward_private.define_fold_function(v_source);
    perform steward_private.define_space_functions(v_source, v_space);
    insert into steward_private.backfill (space_id, state, rows_estimated, reason)
    select v_space.space_id, 'running', count(*), 'tracked' from plain;
end
$$
"""


def by_hand(db: Database, space: Space) -> dict[str, int]:
    """What the figures of a space should be, from every row of every table of it."""
    rows = dict(db.run(f"select id, {space.content} from {space.source}"))
    rows = {key: text for key, text in rows.items() if text is not None}
    stored = db.run(f"select key_1, content_hash, retired_at is not null from {space.table('doc')}")
    documents = {key: content for key, content, retired in stored if not retired}
    retired = {key for key, _, is_retired in stored if is_retired}
    jobs = dict(db.run(f"select key_1, failed_at is not null from {space.table('job')}"))
    marked = {
        key
        for slot in (0, 1)
        for (key,) in db.run(
            f"select key_1 from steward_data.{space.source}_{space.source_number}_mark_{slot}"
        )
    }
    backfill = db.run(
        "select 1 from steward_private.backfill where space_id = %s and state = 'running'",
        space.number,
    )
    count: Counter[str] = Counter()
    for key, text in rows.items():
        if key in marked or jobs.get(key) is False:
            count["pending"] += 1
        elif jobs.get(key):
            count["failed"] += 1
        elif key not in documents:
            unseen = "outdated" if key in retired else "missing"
            count["pending" if backfill else unseen] += 1
        elif bytes(documents[key]) != hashlib.sha256(text.encode()).digest():
            count["outdated"] += 1
        else:
            count["fresh"] += 1
    count["accepted"] = len(accepted_by_hand(db, space, rows))
    count["documents"] = len(rows)
    count["orphans"] = len(documents.keys() - rows.keys())
    count["chunks"] = db.value(f"select count(*) from {space.table('chunk')}")
    return {figure: count[figure] for figure in FIGURES}


def accepted_by_hand(db: Database, space: Space, rows: dict[int, str]) -> set[int]:
    """Documents that show another text than their vectors were made of."""
    accepted = set()
    for key, digest, start, end, vector_text, shown in db.run(
        "select d.key_1, d.content_hash, o.start, o.stop, c.chunk, o.shown "
        f"from {space.table('doc')} as d "
        "cross join unnest(d.chunk_ids, d.starts, d.ends, d.shown) as o (id, start, stop, shown) "
        f"inner join {space.table('chunk')} as c on c.chunk_id = o.id "
        "where d.retired_at is null"
    ):
        if key in rows and bytes(digest) == hashlib.sha256(rows[key].encode()).digest():
            assert (shown or vector_text) == rows[key][start:end]
        if shown is not None:
            assert shown != vector_text
            accepted.add(key)
    return accepted


def assert_true(db: Database) -> None:
    """Every figure of the view, of every space, and of the detail."""
    for space in SPACES:
        where = "and model = %s"
        ((*figures,),) = db.run(VIEW + where, space.source, space.model)
        expected = by_hand(db, space)
        assert dict(zip(FIGURES, figures, strict=True)) == expected, space
        detail = Counter(
            state
            for (state,) in db.run(
                "select state from steward.freshness_detail(%s::regclass) where model = %s",
                space.source,
                space.model,
            )
        )
        # each row has one state; the view counts also those that are not fresh
        assert detail["accepted"] <= expected["accepted"]
        detail["fresh"] += detail["accepted"]
        detail["orphans"] = detail["orphan"]
        assert {f: detail[f] for f in FIGURES[1:-2]} == {f: expected[f] for f in FIGURES[1:-2]}, (
            space
        )
        fresh, rows = expected["fresh"], expected["documents"]
        coverage = db.value(
            "select coverage from steward.freshness where source = %s::regclass and model = %s",
            space.source,
            space.model,
        )
        if rows:
            assert float(coverage) == pytest.approx(fresh / rows, abs=0.0001)
        else:
            assert coverage is None
        waiting = db.value(
            "select oldest_pending from steward.freshness "
            "where source = %s::regclass and model = %s",
            space.source,
            space.model,
        )
        assert (waiting is None) == (expected["pending"] == 0), space


def vector_of(text: str) -> str:
    return f"[1,{zlib.crc32(text.encode()) % 4096 + 1}]"


def work_outside(db: Database, dice: random.Random, batch: int) -> None:
    """A worker of ours: most claims are completed, a few fail for good, a few are left behind."""
    with db.connect() as session:
        claims = session.execute(
            "select token, texts from steward.claim('mine', batch => %s, provider => 'mine')",
            [batch],
        ).fetchall()
        for token, texts in claims:
            fate = dice.random()
            if fate < 0.15:
                for space in SPACES:
                    session.execute(
                        f"update {space.table('job')} set attempts = 4 where token = %s", [token]
                    )
                session.execute("select steward.fail(%s, 'no luck')", [token])
            elif fate < 0.9:
                vectors = [vector_of(text) for text in texts]
                session.execute("select steward.complete(%s, %s)", [token, vectors])


def change(session: psycopg.Connection[Any], dice: random.Random) -> None:
    """One statement of a user."""
    body = " ".join(dice.sample(WORDS, dice.randrange(12)))
    key = dice.randrange(30)
    table = dice.choice(("plain", "kept", "parted"))
    statements: list[tuple[str, list[Any]]] = [
        (f"delete from {table} where id = %s", [key]),
        (f"update {table} set body = %s where id = %s", [body, key]),
        (f"update {table} set body = body || '.' where id between %s and %s", [key, key + 2]),
        (f"insert into {table} values (%s, %s) on conflict do nothing", [key, body]),
        ("update filtered set is_live = not is_live where id = %s", [key]),
        ("update filtered set body = body || '.' where id = %s", [key]),
        ("delete from filtered where id = %s", [key]),
        ("insert into filtered values (%s, 'T ', %s, true) on conflict do nothing", [key, body]),
    ]
    if dice.random() < 0.02:
        session.execute("truncate " + dice.choice(("plain", "kept", "parted", "filtered")))
    else:
        session.execute(*dice.choice(statements))


def drain(db: Database) -> None:
    """Do all there is to do."""
    for _ in range(20):
        db.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
        db.run("select steward.reap()")
        for space in SPACES:
            db.run(f"select steward.resume('{space.source}')")
            db.run(f"select steward.retry_failed('{space.source}')")
            db.run(
                f"update {space.table('job')} set available_at = now() - interval '1 second' "
                "where available_at is not null"
            )
        db.work()
        with db.connect() as session:
            claims = session.execute(
                "select token, texts from steward.claim('last', batch => 1000, provider => 'mine')"
            ).fetchall()
            for token, texts in claims:
                vectors = [vector_of(text) for text in texts]
                session.execute("select steward.complete(%s, %s)", [token, vectors])
        if not claims and not db.run("select 1 from steward.jobs"):
            return
    raise AssertionError(f"there is no end of it: {db.run('select * from steward.jobs')}")


def test_every_figure_is_what_a_count_by_hand_says(db: Database, tmp_path: Path) -> None:
    """Triggers bypassed, rows deleted behind our back, a pause, failures, a dump and restore."""
    seed = os.environ.get("FRESHNESS_SEED") or secrets.token_hex(4)
    print(f"FRESHNESS_SEED={seed}")
    dice = random.Random(seed)  # noqa: S311
    db.run(TABLES)
    for table in ("plain", "kept", "parted"):
        db.run(f"insert into {table} select n, 'Text ' || n from generate_series(1, 25) as n")
    db.run(
        "insert into filtered select n, 'T ', 'b ' || n, n % 3 > 0 from generate_series(1, 25) n"
    )
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    db.run("select steward.track('plain', content => 'body', chunking => '{\"size\": 200}')")
    db.run(
        "select steward.track('filtered', content => 'title || body', model => 'tiny@1', "
        "chunking => '{\"size\": 200}', \"where\" => 'is_live')"
    )
    db.run(
        "select steward.track('kept', content => 'body', model => 'tiny@1', "
        "chunking => '{\"size\": 200}', "
        "on_delete => 'retire')"
    )
    db.run("select steward.track('parted', content => 'body', chunking => '{\"size\": 200}')")
    assert_all_but_the_second(db)
    db.run(SECOND_SPACE)
    assert_true(db)
    # from here on every row that was there has been queued, and nothing is an estimate
    db.run("select 1 from steward.claim('early', 3)")
    assert_true(db)
    db.run("select steward.pause('kept')")

    for _ in range(4):
        with db.connect() as user, db.connect() as replica:
            replica.execute("set session_replication_role = replica")
            for _ in range(25):
                change(user if dice.random() < 0.7 else replica, dice)
            if dice.random() < 0.4:
                # fires no trigger
                user.execute("truncate parted_low")
        if dice.random() < 0.7:
            db.run("call steward.work(seconds => 1, batch => 7, idle_seconds => 0)")
        work_outside(db, dice, dice.randrange(1, 30))
        for source in ("plain", "filtered", "kept", "parted"):
            db.run(f"select steward.reconcile('{source}', queue => false)")
        assert_true(db)
        if dice.random() < 0.5:
            db.run("select steward.resume('kept')")

    restored = Database(db.cluster, f"restored_{secrets.token_hex(4)}")
    postgres = Database(db.cluster, "postgres")
    postgres.run(f"create database {quote_name(restored.name)} template template0")
    try:
        file = tmp_path / "dump.sql"
        run_program(db.cluster, db.name, "pg_dump", ["-f", file])
        restored.psql("-q", "-v", "ON_ERROR_STOP=1", "-f", file)
        # changed in the copy alone, while nobody is looking
        with restored.connect() as replica:
            replica.execute("set session_replication_role = replica")
            for _ in range(10):
                change(replica, dice)
        for database in (restored, db):
            found = sum(
                database.value(f"select steward.reconcile('{source}', queue => false)")
                for source in ("plain", "filtered", "kept", "parted")
            )
            print(database.name, "found", found)
            assert_true(database)
            for source in ("plain", "filtered", "kept", "parted"):
                database.run(f"select steward.reconcile('{source}')")
            assert_true(database)
            assert (
                database.run("select source from steward.freshness where missing + outdated > 0")
                == []
            )
            drain(database)
            # Was anything left, which had been read before it changed unseen?
            for source in ("plain", "filtered", "kept", "parted"):
                assert database.value(f"select steward.reconcile('{source}')") == 0
                assert database.run(f"select * from steward.verify('{source}')") == []
            assert_true(database)
            assert database.run("select 1 from steward.freshness where fresh <> documents") == []
    finally:
        postgres.run(f"drop database {quote_name(restored.name)} with (force)")


def assert_all_but_the_second(db: Database) -> None:
    """As long as there is no second model."""
    for space in SPACES[:-1]:
        ((*figures,),) = db.run(VIEW, space.source)
        assert dict(zip(FIGURES, figures, strict=True)) == by_hand(db, space), space


def test_a_job_of_a_row_that_is_gone_is_no_row(articles: Database) -> None:
    """Nor does a document whose row is gone count as fresh, whether that is known or not."""
    figures = "select documents, fresh, pending, orphans from steward.freshness"
    articles.run("update articles set body = 'New.' where id = 1")
    with articles.connect() as replica:
        replica.execute("set session_replication_role = replica")
        replica.execute("delete from articles where id <= 2")
    assert articles.run(figures) == [(2, 2, 0, 1)]
    assert articles.value("select steward.reconcile('articles', queue => false)") == 1
    assert articles.run(figures) == [(1, 1, 0, 2)]
    assert articles.value("select steward.reconcile('articles')") == 1
    assert articles.run(figures) == [(1, 1, 0, 2)]
    articles.work()
    assert articles.run(figures) == [(1, 1, 0, 0)]


def test_lag_is_from_the_edit_to_the_search(articles: Database) -> None:
    """Of edits that were worked on; the rows that a source had already do not count."""
    lags = "select lag_p50, lag_p95, lag_p99 from steward.freshness"
    assert articles.run(lags) == [(None, None, None)]
    articles.run(
        "insert into steward_private.decision "
        "(space_id, outcome, reason, lane, changed_at, decided_at) "
        "select 1, 'embedded', 'x', 'edit', now() - interval '1 second' * n, now() "
        "from generate_series(1, 100) as n"
    )
    articles.run(
        "insert into steward_private.decision "
        "(space_id, outcome, reason, lane, changed_at, decided_at) "
        "values (1, 'embedded', 'x', 'backfill', now() - interval '1 day', now()), "
        "(1, 'failed', 'x', 'edit', now() - interval '1 day', now())"
    )
    ((p50, p95, p99),) = articles.run(lags)
    assert [p50.seconds, p95.seconds, p99.seconds] == [50, 95, 99]


def test_a_source_that_cannot_be_read_hides_no_other(articles: Database) -> None:
    """It has a row without figures."""
    articles.run("create table broken (id integer primary key, body text)")
    articles.run("select steward.track('broken', content => 'body')")
    articles.run("drop function steward_private.there_2(jsonb)")
    articles.run("insert into broken values (1, 'One.')")
    assert articles.run("select documents, fresh from steward.freshness order by source::text") == [
        (3, 3),
        (None, None),
    ]
    assert articles.run(
        "select status, figure from steward.health() where check_name = 'coverage' "
        "and source = 'broken'::regclass"
    ) == [("critical", "the source cannot be read")]


def test_views_of_the_queue(db: Database) -> None:
    """How many wait, which have failed, what was decided, and who works."""
    db.run("create table notes (id integer primary key, body text)")
    db.run("insert into notes select n, 'Note ' || n from generate_series(1, 10) as n")
    db.run("select steward.add_model('tiny@1', 2, 'mine')")
    db.run("select steward.track('notes', content => 'body', model => 'tiny@1')")
    claims = db.run("select token from steward.claim('w', 4)")
    tokens = [token for (token,) in claims]
    db.run("update notes set body = 'Edited.' where id in (9, 10)")
    queue = "select lane, state, jobs from steward.queue order by 1, 2"
    assert db.run(queue) == [("backfill", "claimed", 4), ("backfill", "pending", 6)]
    db.run("insert into notes values (11, 'New.')")
    assert db.run(queue)[-1] == ("edit", "pending", 1)
    assert db.value("select max(oldest) < '1 minute' from steward.queue")

    assert db.run("select worker, claims, is_late from steward.workers") == [("w", 4, False)]
    db.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
    assert db.run("select worker, claims, is_late from steward.workers") == [("w", 4, True)]

    db.run("update steward_data.notes_1_job set attempts = 4 where token = %s", tokens[0])
    db.run("select steward.fail(%s, 'bad text')", tokens[0])
    db.run("select steward.fail(%s, 'slow', 'item', '1 hour')", tokens[1])
    assert db.run(
        "select state, attempts, error_class, last_error, next_try_at > now() "
        "from steward.failures order by 1"
    ) == [
        ("failed", 4, "item", "bad text", None),
        ("to be tried again", 1, "item", "slow", True),
    ]
    db.run("select steward.complete(%s::bigint[], array['[1,0]', '[1,1]'], null)", tokens[2:])
    assert db.run(
        "select embedded, failed, skip_rate, chunks_embedded, characters = characters_embedded "
        "from steward.decisions_summary"
    ) == [(2, 1, 0, 2, True)]
    db.run("select steward.backfill('notes')")
    db.run("select 1 from steward.claim('w', 100)")
    assert db.run("select reused, skip_rate from steward.decisions_summary") == [(2, 0.5)]


def test_an_idle_worker_writes_nothing(articles: Database) -> None:
    """It is noted that it was there, but not every time."""
    articles.run("select 1 from steward.claim('idle')")
    first = articles.run(
        "select xmin, last_seen from steward_private.worker where worker_name = 'idle'"
    )
    articles.run("select 1 from steward.claim('idle')")
    assert (
        articles.run(
            "select xmin, last_seen from steward_private.worker where worker_name = 'idle'"
        )
        == first
    )
    articles.run("update steward_private.worker set last_seen = last_seen - interval '31 seconds'")
    # and waits for no other session of that name
    with articles.connect(autocommit=False) as one:
        one.execute("select from steward.claim('idle')")
        articles.run("set statement_timeout = '5 s'; select 1 from steward.claim('idle')")
    assert articles.value(
        "select last_seen > now() - interval '10 seconds' from steward.workers "
        "where worker = 'idle'"
    )
    articles.run("select 1 from steward.claim(%s)", "".join(map(str, range(30000))))
    articles.run(
        "update steward_private.worker set worker_name = 'backend 7', "
        "last_seen = now() - interval '61 minutes' where worker_name = 'idle'"
    )
    articles.run("select steward.reap()")
    assert not articles.run("select 1 from steward.workers where worker = 'backend 7'")


@pytest.mark.parametrize(
    ("setting", "value", "sqlstate"),
    [
        ("no_such_setting", "1", "42704"),
        (None, "1", "42704"),
        ("pending_warn", "soon", "22023"),
        ("pending_warn", "-1 second", "22023"),
        ("pending_warn", "infinity", "22023"),
        ("failed_warn", "1.5", "22023"),
        ("failed_warn", "-1", "22023"),
        ("failed_warn", "99999999999999999999", "22023"),
        ("coverage_warn", "1.01", "22023"),
        ("coverage_warn", "NaN", "22023"),
        ("expect_pg_cron", "perhaps", "22023"),
    ],
)
def test_setting_that_cannot_be(
    db: Database, setting: str | None, value: str, sqlstate: str
) -> None:
    """A clear error, and nothing has changed."""
    before = db.run("select * from steward.settings")
    with pytest.raises(psycopg.Error) as caught:
        db.run("select steward.configure(%s, %s)", setting, value)
    assert caught.value.sqlstate == sqlstate
    assert caught.value.diag.message_hint
    assert db.run("select * from steward.settings") == before


def test_settings(db: Database) -> None:
    """A value is what was asked for, whatever the session's style; null brings back the default."""
    one = "select value, default_value from steward.settings where setting = %s"
    with db.connect() as session:
        session.execute("set intervalstyle = 'iso_8601'")
        session.execute("select steward.configure('pending_warn', 'P1DT2H')")
    assert db.run(one, "pending_warn") == [("1 day 02:00:00", "10 minutes")]
    db.run(
        "select steward.configure('coverage_warn', '0.5'), steward.configure('failed_warn', '7')"
    )
    db.run("select steward.configure('expect_pg_cron', 'no')")
    assert db.run(one, "expect_pg_cron") == [("false", "true")]
    assert db.value("select steward_private.setting_value('failed_warn')") == "7"
    for setting in ("pending_warn", "coverage_warn", "failed_warn", "expect_pg_cron"):
        db.run("select steward.configure(%s, null)", setting)
    assert db.run("select setting from steward.settings where value <> default_value") == []
    # defaults are values that could be set
    for setting, value in db.run("select setting, default_value from steward.settings"):
        db.run("select steward.configure(%s, %s)", setting, value)
