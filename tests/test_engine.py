"""Edits, claims and results that meet: whatever the order, the last text wins and nobody waits."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest
from psycopg.errors import QueryCanceled

from steward_py import chunking
from support import ROOT, Database

STALE = "SW001"


@pytest.fixture
def notes(db: Database) -> Database:
    """A tracked table with one row, not yet embedded, whose vectors a worker of ours makes."""
    db.run("create table notes (id integer primary key, body text)")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    db.run("select steward.track('notes', content => 'body', model => 'tiny@1')")
    db.run("insert into notes values (1, 'first')")
    return db


def claim(db: Database, worker: str = "w", lease: str = "5 minutes") -> list[tuple[int, list[str]]]:
    """The tokens and texts of what there is to do."""
    rows = db.run("select token, texts from steward.claim(%s, lease => %s)", worker, lease)
    return [(token, texts) for token, texts in rows]


def complete(db: Database, token: int, *vectors: str) -> str:
    """Hand in a result."""
    return str(db.value("select steward.complete(%s, %s)", token, list(vectors)))


def stored(db: Database) -> list[str]:
    """The chunks that search sees."""
    return [
        chunk
        for (chunk,) in db.run(
            "select chunk from steward.search_vector('notes', '[1,0]', 1000) order by chunk"
        )
    ]


def faults(db: Database) -> list[tuple[Any, ...]]:
    """What is stored that differs from what the rows say."""
    return db.run("select key, problem, pending from steward.verify('notes')")


def job_states(db: Database) -> list[str]:
    """What is still to be done."""
    return [state for (state,) in db.run("select state from steward.jobs order by key")]


def due_now(db: Database) -> None:
    """Let the waiting time after a failure be over."""
    # a job waits, or it is something else: only then it has such a time
    db.run(
        "update steward_data.notes_1_job set available_at = now() - interval '1 second' "
        "where available_at is not null"
    )


def refused(db: Database, token: int, *vectors: str) -> bool:
    """Whether a result is refused because the claim is another's or nobody's."""
    with pytest.raises(psycopg.Error) as caught:
        complete(db, token, *vectors)
    return caught.value.sqlstate == STALE


def test_edit_while_claimed_keeps_the_row_dirty(notes: Database) -> None:
    """The result of the older text is taken, and the newer text is worked on next."""
    ((token, texts),) = claim(notes)
    notes.run("update notes set body = 'second'")
    assert texts == ["first"]
    assert complete(notes, token, "[1,0]") == "embedded"
    assert (stored(notes), job_states(notes)) == (["first"], ["pending"])

    ((token, texts),) = claim(notes)
    assert texts == ["second"]
    assert complete(notes, token, "[1,0]") == "embedded"
    assert (stored(notes), job_states(notes)) == (["second"], [])


def test_edit_that_is_not_committed_at_the_claim_is_not_lost(notes: Database) -> None:
    """A claim neither waits for the writer nor passes the row by; later the row is dirty again."""
    with notes.connect(autocommit=False) as writer:
        writer.execute("update notes set body = 'second'")
        ((token, texts),) = claim(notes)
        assert texts == ["first"]
        writer.commit()
    assert complete(notes, token, "[1,0]") == "embedded"
    ((token, texts),) = claim(notes)
    assert texts == ["second"]
    assert complete(notes, token, "[1,0]") == "embedded"
    assert (stored(notes), job_states(notes)) == (["second"], [])


def test_edit_rolled_back_leaves_the_claim_alone(notes: Database) -> None:
    """Nothing happened, so nothing is to be done."""
    ((token, _),) = claim(notes)
    with notes.connect(autocommit=False) as writer:
        writer.execute("update notes set body = 'second'")
        writer.rollback()
    assert complete(notes, token, "[1,0]") == "embedded"
    assert job_states(notes) == []


@pytest.mark.parametrize("folded", [False, True])
def test_result_for_a_row_that_was_deleted_is_dropped(notes: Database, folded: bool) -> None:
    """A deleted row stays deleted, whether or not a claim has taken notice of it."""
    ((token, _),) = claim(notes)
    notes.run("delete from notes")
    assert stored(notes) == []
    if folded:
        assert claim(notes) == []
        assert refused(notes, token, "[1,0]")
    else:
        assert complete(notes, token, "[1,0]") == "retired"
    assert stored(notes) == []
    assert claim(notes) == []
    assert (stored(notes), job_states(notes), faults(notes)) == ([], [], [])


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
def test_result_for_a_row_that_was_deleted_and_inserted_again_is_dropped(
    notes: Database, folded: bool, at_once: bool
) -> None:
    """The new row has the old key, and nothing else of it: not for a moment the old text."""
    ((token, _),) = claim(notes)
    with notes.connect(autocommit=False) as writer:
        writer.execute("delete from notes")
        if not at_once:
            writer.commit()
        writer.execute("insert into notes values (1, 'another')")
        writer.commit()
    again: list[tuple[int, list[str]]] = []
    if folded:
        again = claim(notes)
        assert refused(notes, token, "[0,1]")
    else:
        assert complete(notes, token, "[0,1]") == "superseded"
    assert stored(notes) == []
    ((token, texts),) = again or claim(notes)
    assert texts == ["another"]
    assert complete(notes, token, "[1,0]") == "embedded"
    assert (stored(notes), job_states(notes), faults(notes)) == (["another"], [], [])


@pytest.mark.parametrize("change", ["delete from notes", "update notes set id = 2"])
def test_result_never_waits_for_a_writer(notes: Database, change: str) -> None:
    """The row is locked by someone who may be waiting for us: busy, and no deadlock."""
    ((token, _),) = claim(notes)
    with notes.connect(autocommit=False) as writer:
        writer.execute(change)
        assert complete(notes, token, "[1,0]") == "busy"
        writer.commit()
    assert complete(notes, token, "[1,0]") == "retired"
    assert stored(notes) == []


def test_result_never_waits_for_an_edit(notes: Database) -> None:
    """An edit that is not committed keeps nobody waiting: its text is worked on afterwards."""
    ((token, _),) = claim(notes)
    with notes.connect(autocommit=False) as writer:
        writer.execute("update notes set body = 'second'")
        assert complete(notes, token, "[1,0]") == "embedded"
        assert job_states(notes) == []
        writer.commit()
    assert (stored(notes), job_states(notes)) == (["first"], ["pending"])


def test_late_result_after_the_lease_is_refused(notes: Database) -> None:
    """The one who lost the lease cannot overwrite what the next one stored."""
    ((slow, _),) = claim(notes, "slow", lease="1 millisecond")
    time.sleep(0.01)
    assert notes.value("select steward.reap()") == 1
    notes.run("update notes set body = 'second'")
    due_now(notes)
    ((quick, texts),) = claim(notes, "quick")
    assert texts == ["second"]
    assert refused(notes, slow, "[0,1]")
    assert complete(notes, quick, "[1,0]") == "embedded"
    assert refused(notes, slow, "[0,1]")
    assert stored(notes) == ["second"]


def test_reaper_leaves_a_claim_alone_while_its_lease_lasts(notes: Database) -> None:
    """A worker that is at it is not disturbed."""
    ((token, _),) = claim(notes, lease="1 hour")
    assert notes.value("select steward.reap()") == 0
    assert job_states(notes) == ["claimed"]
    assert complete(notes, token, "[1,0]") == "embedded"


def test_result_before_the_reaper_is_taken(notes: Database) -> None:
    """A lease that ran out is lost only when somebody takes the claim away."""
    ((token, _),) = claim(notes, lease="1 millisecond")
    time.sleep(0.01)
    assert complete(notes, token, "[1,0]") == "embedded"
    assert notes.value("select steward.reap()") == 0


def test_lost_workers_count_as_attempts(notes: Database) -> None:
    """A row that loses its worker four times is failed, and an edit gives it another chance."""
    for attempt in range(1, 5):
        due_now(notes)
        assert len(claim(notes, lease="1 millisecond")) == 1
        time.sleep(0.01)
        assert notes.value("select steward.reap()") == 1
        expected = "failed" if attempt == 4 else "pending"
        assert job_states(notes) == [expected], attempt
    due_now(notes)
    assert claim(notes) == []
    assert notes.run("select outcome, reason from steward.decisions") == [
        ("failed", "worker w did not come back before its lease ran out")
    ]
    assert notes.run("select failed, pending, fresh from steward.freshness") == [(1, 0, 0)]

    notes.run("update notes set body = 'second'")
    ((token, _),) = claim(notes)
    assert complete(notes, token, "[1,0]") == "embedded"


def test_failed_attempts_wait_longer_each_time(notes: Database) -> None:
    """15 seconds, 1 minute, 4 minutes and up to a fifth more, then failed with the last error."""
    for seconds in (15, 60, 240):
        due_now(notes)
        ((token, _),) = claim(notes)
        assert notes.value("select steward.fail(%s, 'no answer')", token) == "pending"
        assert claim(notes) == []
        wait = notes.value("select extract(epoch from available_at - now()) from steward.jobs")
        assert seconds - 1 < wait <= seconds * 1.2
    due_now(notes)
    ((token, _),) = claim(notes)
    assert notes.value("select steward.fail(%s, 'no answer')", token) == "failed"
    assert notes.run("select state, last_error from steward.jobs") == [("failed", "no answer")]

    assert notes.value("select steward.retry_failed('notes')") == 1
    assert notes.run("select state, attempts from steward.jobs") == [("pending", 0)]
    assert len(claim(notes)) == 1


PLAN_OR_RAISE = """
alter function steward_private.plan_documents rename to really_plan_documents;
create function steward_private.plan_documents(
    contents text[], knowns text[], options jsonb, seconds float8
) returns text[] language plpgsql as $$
begin
    if 'poison' = any(contents) then
        raise 'cannot cut this' using errcode = '{sqlstate}';
    end if;
    return steward_private.really_plan_documents(contents, knowns, options, seconds);
end $$
"""
PLAN_OR_REFUSE = """
alter function steward_private.plan_documents rename to really_plan_documents;
create function steward_private.plan_documents(
    contents text[], knowns text[], options jsonb, seconds float8
) returns text[] language sql as $$
    select array_agg(
        case when contents[p.n] = 'poison' then '{"error": "cannot cut this"}' else p.plan end
        order by p.n
    )
    from unnest(
        steward_private.really_plan_documents(contents, knowns, options, seconds)
    ) with ordinality as p (plan, n)
$$
"""


def test_one_text_that_cannot_be_cut_does_not_spoil_the_batch(notes: Database) -> None:
    """It is charged to its row; the others are returned."""
    notes.run("insert into notes values (2, 'poison'), (3, 'third')")
    notes.run(PLAN_OR_REFUSE)
    assert sorted(texts for _, texts in claim(notes)) == [["first"], ["third"]]
    assert notes.run(
        "select state, attempts, last_error from steward.jobs where key = '{\"id\": 2}'"
    ) == [("pending", 1, "cannot cut this")]


def test_one_row_that_cannot_be_read_does_not_spoil_the_batch(db: Database) -> None:
    """A content that cannot be computed is charged to its row; the others are returned."""
    db.run("create table ratios (id integer primary key, part integer)")
    db.run("select steward.track('ratios', content => '(100 / part)::text')")
    db.run("insert into ratios values (1, 4), (2, 0), (3, 5)")
    assert sorted(texts for _, texts in claim(db)) == [["20"], ["25"]]
    assert db.run(
        "select state, attempts, last_error from steward.jobs where key = '{\"id\": 2}'"
    ) == [("pending", 1, "division by zero")]


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "53200", "55P03"])
def test_what_only_the_moment_is_to_blame_for_is_charged_to_nobody(
    notes: Database, sqlstate: str
) -> None:
    """A deadlock or a full memory ends the claim, and leaves rows and source as they were."""
    notes.run("insert into notes values (2, 'poison'), (3, 'third')")
    notes.run(PLAN_OR_RAISE.replace("{sqlstate}", sqlstate))
    with pytest.raises(psycopg.Error) as caught:
        claim(notes)
    assert caught.value.sqlstate == sqlstate
    assert notes.run("select distinct state, attempts from steward.jobs") == [("pending", 0)]
    assert notes.run("select problem, paused_until from steward_private.space") == [(None, None)]


def test_delete_under_an_old_snapshot_leaves_nothing_in_search(notes: Database) -> None:
    """A deleter who cannot see a worker's chunks leaves a job that takes them away."""
    with notes.connect() as bypass:
        bypass.execute("set session_replication_role = replica")
        bypass.execute("insert into notes values (2, 'unseen by triggers')")
    with notes.connect(autocommit=False) as deleter:
        deleter.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        deleter.execute("select count(*) from notes")
        # found by somebody and embedded, all after the deleter's snapshot
        notes.run(
            "insert into steward_data.notes_1_job (key_1, position) "
            "values (2, nextval('steward_private.job_position_seq'))"
        )
        for token, texts in claim(notes):
            assert complete(notes, token, *["[1,0]"] * len(texts)) == "embedded"
        assert stored(notes) == ["first", "unseen by triggers"]
        deleter.execute("delete from notes where id = 2")
        deleter.commit()
    assert stored(notes) == ["first"]
    assert notes.run("select key, state from steward.jobs") == [({"id": 2}, "pending")]
    assert claim(notes) == []
    assert notes.run("select chunk from steward_data.notes_1_chunk") == [("first",)]
    assert job_states(notes) == []


def test_two_workers_never_hold_the_same_row(notes: Database) -> None:
    """Each of 400 rows is claimed once, by one of four workers."""
    notes.run("insert into notes select n, 'text ' || n from generate_series(2, 400) as n")
    with ThreadPoolExecutor(4) as pool:

        def drain(worker: int) -> list[str]:
            seen = []
            while batch := claim(notes, f"worker {worker}"):
                seen += [text for _, texts in batch for text in texts]
            return seen

        seen = [text for texts in pool.map(drain, range(4)) for text in texts]
    assert len(seen) == 400
    assert len(set(seen)) == 400


def test_claims_and_jobs_survive_a_crash_of_the_server(notes: Database) -> None:
    """kill -9 of every process: what was committed is there, and goes on."""
    ((token, _),) = claim(notes)
    notes.run("insert into notes values (2, 'second')")
    notes.cluster.kill9()
    notes.cluster.start()
    assert job_states(notes) == ["claimed", "pending"]
    assert complete(notes, token, "[1,0]") == "embedded"
    ((token, _),) = claim(notes)
    assert complete(notes, token, "[1,0]") == "embedded"
    assert stored(notes) == ["first", "second"]


def test_worker_in_the_database_holds_no_transaction_while_it_computes(db: Database) -> None:
    """Neither a snapshot nor a transaction: vacuum and writers do not notice the worker."""
    db.run("create table long (id integer primary key, body text)")
    words = " ".join(f"word{n} stands here." for n in range(60_000))
    db.run("insert into long values (1, %s)", words)
    db.run("select steward.track('long', content => 'body')")
    seen: list[Any] = []
    with db.connect() as worker, ThreadPoolExecutor(1) as pool:
        done = pool.submit(worker.execute, "call steward.work(idle_seconds => 0)")
        while not done.done():
            seen += db.run(
                "select backend_xid is null and backend_xmin is null, "
                "(select count(*) from pg_locks as l where l.pid = a.pid and l.mode <> "
                "'ExclusiveLock') from pg_stat_activity as a "
                "where a.pid = %s and a.state = 'active' "
                "and exists (select from steward_private.claim where plan is not null)",
                worker.info.backend_pid,
            )
            time.sleep(0.005)
        done.result()
    assert (True, 0) in seen
    assert db.value("select fresh from steward.freshness") == 1


class Provider(BaseHTTPRequestHandler):
    """Answers with a vector for each text, when it is allowed to."""

    asked = threading.Event()
    may_answer = threading.Event()

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.set()
        assert self.may_answer.wait(30)
        body = json.dumps(["[1,0]" for _ in texts]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def test_no_transaction_or_lock_while_a_provider_is_asked(notes: Database) -> None:
    """While a worker outside waits for its provider the database does not notice: all may write."""
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server,
        ThreadPoolExecutor(2) as pool,
        notes.connect() as session,
    ):
        pool.submit(server.serve_forever)

        def work() -> list[tuple[int, str]]:
            ((token, texts),) = session.execute(
                "select token, texts from steward.claim('outside')"
            ).fetchall()
            line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
            line.request("POST", "/", json.dumps(texts))
            vectors = json.loads(line.getresponse().read())
            line.close()
            return session.execute(
                "select token, outcome from steward.complete(%s, %s)",
                [[token] * len(texts), vectors],
            ).fetchall()

        try:
            worker = pool.submit(work)
            assert Provider.asked.wait(30)
            assert notes.run(
                "select state, backend_xid, backend_xmin, xact_start, "
                "(select count(*) from pg_locks as l where l.pid = a.pid) "
                "from pg_stat_activity as a where a.pid = %s",
                session.info.backend_pid,
            ) == [("idle", None, None, None, 0)]
            # not even the row that is being worked on, or its table
            notes.run("set lock_timeout = 1; delete from notes; lock table notes; truncate notes")
            notes.run("insert into notes values (1, 'another')")
        finally:
            Provider.may_answer.set()
            server.shutdown()
        assert [outcome for _, outcome in worker.result()] == ["stale"]
    assert stored(notes) == []


def truth(db: Database) -> list[tuple[int, str]]:
    """The chunks that there should be in search: cut here, without the database."""
    return sorted(
        (key, chunk.text)
        for key, body in db.run("select id, body from soaked")
        for chunk in chunking.chunk(body or "", chunking.Chunking(size=400))
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_storm_every_vector_belongs_to_the_current_text(db: Database, seed: int) -> None:
    """Writers and workers at once, some of them killed: in the end search has the truth."""
    db.run("create table soaked (id integer primary key, body text)")
    db.run("select steward.track('soaked', content => 'body', chunking => '{\"size\": 400}')")
    until = time.monotonic() + 3
    sentences = [f"Sentence number {n} says something of its own." for n in range(60)]
    victims: list[str] = []

    def write(number: int) -> None:
        dice = random.Random(f"{seed} {number}")  # noqa: S311
        with db.connect(autocommit=False) as session:
            while time.monotonic() < until:
                key = dice.randrange(12)
                body = " ".join(dice.sample(sentences, dice.randrange(40)))
                try:
                    match dice.randrange(8):
                        case 0:
                            session.execute("delete from soaked where id = %s", [key])
                        case 1:
                            session.execute(
                                "update soaked set id = %s where id = %s "
                                "and not exists (select from soaked where id = %s)",
                                [dice.randrange(12), key, key + 1],
                            )
                        case _:
                            session.execute(
                                "insert into soaked values (%s, %s) on conflict (id) "
                                "do update set body = excluded.body",
                                [key, body],
                            )
                    if dice.random() < 0.2:
                        session.rollback()
                    elif dice.random() < 0.7:
                        session.commit()
                except psycopg.errors.UniqueViolation:
                    session.rollback()
                except psycopg.errors.DeadlockDetected as error:
                    # two writers may take rows in opposite order; that is between them
                    if "_job" in str(error) or "_chunk" in str(error) or "_doc" in str(error):
                        victims.append(str(error))
                    session.rollback()
            session.commit()

    def work(number: int) -> None:
        while time.monotonic() < until:
            with db.connect() as session:
                killer = threading.Timer(0.3 + number / 10, session.cancel)
                killer.start()
                try:
                    session.execute(
                        "call steward.work(seconds => 1, batch => 5, lease_seconds => 1, "
                        "idle_seconds => 0)"
                    )
                except QueryCanceled:
                    pass
                finally:
                    killer.cancel()
                session.execute("select steward.reap()")

    with ThreadPoolExecutor(6) as pool:
        tasks = [pool.submit(write, n) for n in range(4)] + [pool.submit(work, n) for n in (0, 1)]
        for task in tasks:
            task.result()
    assert not victims

    time.sleep(1.1)
    db.run("select steward.reap()")
    db.run(
        "update steward_data.soaked_1_job set available_at = now() - interval '1 second', "
        "failed_at = null, attempts = 0 where available_at is not null or failed_at is not null"
    )
    db.work()
    assert db.run("select state, last_error from steward.jobs") == []
    assert sorted(db.run("select key_1, chunk from steward_data.soaked_1_chunk")) == truth(db)
    assert (
        db.run(
            "select chunk from steward_data.soaked_1_chunk "
            "where embedding <-> (steward.embed(array[chunk]))[1]::vector > 0.000001"
        )
        == []
    )
    assert db.run("select documents - fresh, pending, failed, missing from steward.freshness") == [
        (0, 0, 0, 0)
    ]


def test_renamed_columns_do_not_stop_the_writer(db: Database) -> None:
    """The user's writes go on, jobs are made and worked on, and check() tells of it."""
    db.run("create table notes (id integer primary key, body text)")
    db.run("select steward.track('notes', content => 'body')")
    db.run("alter table notes rename id to number")
    db.run("alter table notes rename body to words")
    db.run("alter table notes rename to papers")
    db.run("insert into papers values (1, 'first'), (2, 'second')")
    db.work()
    db.run("update papers set words = 'changed' where number = 1")
    db.run("delete from papers where number = 2")
    db.work()
    assert db.run("select chunk from steward_data.notes_1_chunk") == [("changed",)]
    # and an upgrade is not kept from happening
    db.psql("-1", "-v", "ON_ERROR_STOP=1", "-f", ROOT / "sql/src/code/regenerate.sql")
    db.run("insert into papers values (3, 'third')")
    assert job_states(db) == ["pending"]
    assert db.run(
        "select status, detail from steward.check() where item = 'source public.papers'"
    ) == [("critical", "there is no column id, body any more")]
    db.run("select steward.untrack('papers')")


def test_partitioned_table(db: Database) -> None:
    """Rows are followed wherever they are, also when they move."""
    db.run(
        """
        create table events (id integer, day date, body text, primary key (id, day))
        partition by range (day);
        create table events_old (body text, day date not null, id integer not null);
        alter table events attach partition events_old for values from (minvalue) to ('2026-01-01');
        create table events_new partition of events for values from ('2026-01-01') to (maxvalue);
        """
    )
    db.run("insert into events values (1, '2025-05-05', 'bread'), (2, '2026-06-06', 'tides')")
    assert db.value("select steward.track('events', content => 'body')") == 2
    db.work()
    found = "select key, chunk from steward.search('events', %s, 1)"
    assert db.run(found, "bread") == [({"id": 1, "day": "2025-05-05"}, "bread")]
    db.run("update events_old set body = 'fresh bread'")
    db.run("insert into events_new (id, day, body) values (3, '2026-07-07', 'locks')")
    db.run("update events set day = '2026-08-08' where id = 1")
    assert db.run(found, "bread") != [({"id": 1, "day": "2025-05-05"}, "bread")]
    db.work()
    assert db.run(found, "bread") == [({"id": 1, "day": "2026-08-08"}, "fresh bread")]
    db.run("delete from events where id = 1")
    assert db.run("select fresh, pending, missing, chunks from steward.freshness") == [(2, 0, 0, 2)]
    db.run("select steward.untrack('events')")
    assert db.value("select count(*) from pg_trigger where tgname ~ '^steward'") == 0


BEFORE_TRIGGER = """
create function rewrite() returns trigger language plpgsql as
$$ begin new.body := 'version ' || new.n; return new; end $$;
create trigger rewrite before update on {table} for each row execute function rewrite()
"""


@pytest.mark.parametrize("table", ["notes", "notes_all"])
def test_before_trigger_that_rewrites_the_content(db: Database, table: str) -> None:
    """A trigger that changes the column unseen by UPDATE OF is noticed when tracking begins."""
    db.run(
        "create table notes (id integer primary key, body text, n integer default 0) "
        "partition by range (id); create table notes_all partition of notes default"
    )
    db.run("insert into notes values (1, 'first')")
    db.run(BEFORE_TRIGGER.replace("{table}", table))
    db.run("select steward.track('notes', content => 'body')")
    db.work()
    db.run("update notes set n = 7")
    assert job_states(db) == ["pending"]


def test_before_trigger_that_came_late_is_reported(db: Database) -> None:
    """What it changes is missed; check() says so and what to do, and that helps."""
    db.run("create table notes (id integer primary key, body text, n integer default 0)")
    db.run("insert into notes values (1, 'first')")
    db.run("select steward.track('notes', content => 'body')")
    db.work()
    db.run(BEFORE_TRIGGER.replace("{table}", "notes"))
    db.run("update notes set n = 7")
    assert job_states(db) == []
    state = "select status from steward.check() where item = 'source public.notes'"
    assert db.value(state) == "warning"
    db.run("select steward.untrack('notes')")
    db.run("select steward.track('notes', content => 'body')")
    assert db.value(state) == "ok"
    db.work()
    db.run("update notes set n = 8")
    assert job_states(db) == ["pending"]


def test_writers_wait_briefly_for_a_claim_of_long_texts(db: Database) -> None:
    """A claim stops taking more when it has cut for a while: its jobs are locked meanwhile."""
    db.run("create table long (id integer primary key, body text)")
    text = " ".join(f"word{n} stands here." for n in range(60_000))
    db.run("insert into long select n, %s || n from generate_series(1, 20) as n", text)
    db.run("select steward.track('long', content => 'body')")
    taken = db.value("select count(*) from steward.claim('w', batch => 20)")
    assert 1 <= taken < 20
    assert db.run(
        "select state, attempts, count(*) from steward.jobs group by 1, 2 order by 1"
    ) == [
        ("claimed", 1, taken),
        ("pending", 0, 20 - taken),
    ]


def test_locked_row_is_given_back_without_a_charge(notes: Database) -> None:
    """Whoever holds a row for long makes it late, and never failed."""
    with notes.connect(autocommit=False) as holder:
        holder.execute("select from notes for update")
        for _ in range(5):
            due_now(notes)
            ((token, _),) = claim(notes)
            assert complete(notes, token, "[1,0]") == "busy"
            assert notes.value("select steward.release(%s)", token) == "pending"
            assert notes.run("select state, attempts from steward.jobs") == [("pending", 0)]
            with pytest.raises(psycopg.Error) as caught:
                notes.run("select steward.release(%s)", token)
            assert caught.value.sqlstate == STALE
    due_now(notes)
    ((token, _),) = claim(notes)
    assert complete(notes, token, "[1,0]") == "embedded"


def test_locked_row_that_needs_no_vector_is_not_returned(notes: Database) -> None:
    """There is nothing to embed in it, so a worker has nothing to do with it."""
    notes.run("update notes set body = ''")
    with notes.connect(autocommit=False) as holder:
        holder.execute("select from notes for update")
        assert claim(notes) == []
        assert notes.run("select state, attempts from steward.jobs") == [("pending", 0)]
    due_now(notes)
    assert claim(notes) == []
    assert job_states(notes) == []


@pytest.mark.parametrize(
    "statement",
    [
        "select * from steward.search_vector('notes', '[1,0]', 5)",
        "select * from steward.claim('w')",
        "select * from steward.freshness",
    ],
)
def test_truncate_never_deadlocks_with_us(notes: Database, statement: str) -> None:
    """Everybody begins with the source: whoever comes second waits, and nobody for ever."""
    with notes.connect(autocommit=False) as holder, ThreadPoolExecutor(2) as pool:
        holder.execute("select from notes")
        truncate = pool.submit(notes.run, "truncate notes")
        wait_for_lock(notes, 1)
        other = pool.submit(notes.run, statement)
        wait_for_lock(notes, 2)
        holder.commit()
        truncate.result(timeout=30)
        other.result(timeout=30)


def wait_for_lock(db: Database, count: int) -> None:
    """Wait until so many sessions wait for a lock."""
    until = time.monotonic() + 20
    while (
        db.value(
            "select count(*) from pg_stat_activity "
            "where datname = current_database() and wait_event_type = 'Lock'"
        )
        < count
    ):
        assert time.monotonic() < until
        time.sleep(0.01)
