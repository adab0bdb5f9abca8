"""Several models of one table: built aside, promoted, demoted, retired; search is never without."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from support import Database

OLD, NEW = "builtin/hash@1", "tiny@2"
SPACES = "select model, state from steward.spaces order by model"


@pytest.fixture
def docs(db: Database) -> Database:
    """A table that is embedded by the built-in model, and another model of other dimensions."""
    db.run("create table docs (id integer primary key, body text)")
    db.run("insert into docs select n, 'text ' || n from generate_series(1, 20) as n")
    db.run("select steward.track('docs', content => 'body')")
    db.run(f"select steward.add_model('{NEW}', dimensions => 2, provider => 'mine')")
    db.work()
    return db


def embed(db: Database, batch: int = 1000) -> int:
    """Hand in a vector for everything that there is for a worker of ours; how many rows."""
    done = 0
    with db.connect() as session:
        while claimed := session.execute(
            "select token, cardinality(texts) from steward.claim('w', %s, provider => 'mine')",
            [batch],
        ).fetchall():
            done += len(claimed)
            tokens = [token for token, texts in claimed for _ in range(texts)]
            session.execute(
                "select steward.release(array_agg(token)) "
                "from steward.complete(%s::bigint[], %s::text[]) where outcome = 'busy'",
                [tokens, ["[1,0]"] * len(tokens)],
            )
    return done


def shown(db: Database, *, model: str | None = None) -> list[str]:
    """What search has."""
    return sorted(
        chunk
        for (chunk,) in db.run(
            "select chunk "
            "from steward.search_vector('docs', (select steward.embed(array['x']))[1], 1000)"
            if model is None
            else f"select chunk from steward.search_vector('docs', '[1,0]', 1000, '{model}')"
        )
    )


def problems(db: Database) -> list[tuple[Any, ...]]:
    """What verify() finds."""
    return db.run("select * from steward.verify('docs')")


def test_from_one_model_to_another_and_back(docs: Database) -> None:
    """Both follow every edit, from the first moment; each can be searched by its name."""
    assert docs.value(f"select steward.add_space('docs', '{NEW}')") == 20
    assert docs.run(SPACES) == [(OLD, "active"), (NEW, "building")]
    docs.run("update docs set body = 'edited' where id = 1")
    docs.run("delete from docs where id = 2")
    docs.work()
    assert "edited" in shown(docs)
    assert shown(docs, model=NEW) == []

    assert embed(docs) == 19
    docs.work()
    assert docs.run(SPACES) == [(OLD, "active"), (NEW, "shadow")]
    assert shown(docs, model=NEW) == shown(docs)
    assert problems(docs) == []

    docs.run(f"select steward.promote('docs', '{NEW}')")
    assert docs.run(SPACES) == [(OLD, "shadow"), (NEW, "active")]
    ((chunk,),) = docs.run("select chunk from steward.search_vector('docs', '[1,0]', 1)")
    assert chunk in shown(docs, model=NEW)
    with pytest.raises(psycopg.errors.DataException, match="256 dimensions"):
        shown(docs)

    docs.run("update docs set body = 'edited again' where id = 1")
    embed(docs)
    docs.work()
    assert docs.value("select steward.demote('docs')") == OLD
    assert docs.run(SPACES) == [(OLD, "active"), (NEW, "shadow")]
    assert "edited again" in shown(docs)
    assert "edited" not in shown(docs)

    docs.run(f"select steward.retire_space('docs', '{NEW}')")
    docs.run("update docs set body = 'for one only' where id = 3")
    docs.run("delete from docs where id = 4")
    docs.work()
    assert docs.run("select 1 from steward.jobs") == []
    assert problems(docs) == []
    assert docs.run(SPACES) == [(OLD, "active"), (NEW, "retired")]


def test_gate(docs: Database) -> None:
    """A model that knows too few rows is not searched, unless somebody insists."""
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    # all rows are queued, and one is claimed
    docs.run("select 1 from steward.claim('w', 1, provider => 'mine')")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as caught:
        docs.run(f"select steward.promote('docs', '{NEW}')")
    assert caught.value.diag.message_primary == (
        f'space of model "{NEW}" covers too little of table public.docs'
    )
    assert str(caught.value.diag.message_detail).startswith(
        "0 of 20 rows are embedded as they are, 20 are pending, 0 have failed; 99 % are required."
    )
    assert docs.run(SPACES) == [(OLD, "active"), (NEW, "building")]
    docs.run(f"select steward.promote('docs', '{NEW}', force => true)")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="already"):
        docs.run(f"select steward.promote('docs', '{NEW}', force => true)")
    # what was promoted too early does not keep anybody from going back
    assert docs.value("select steward.demote('docs')") == OLD
    # and the one that is behind is not brought back unseen
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="covers too little"):
        docs.run("select steward.demote('docs')")
    assert docs.value("select steward.demote('docs', force => true)") == NEW


def test_demotion_does_not_revive_text_of_a_retired_model(docs: Database) -> None:
    """Only what has followed the edits can be gone back to."""
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    embed(docs)
    docs.run(f"select steward.promote('docs', '{NEW}')")
    docs.run(f"select steward.retire_space('docs', '{OLD}')")
    docs.run("update docs set body = 'new text' where id = 1")
    embed(docs)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="no space to go back to"):
        docs.run("select steward.demote('docs')")
    with pytest.raises(psycopg.errors.UndefinedObject, match="has no space of model"):
        docs.run(f"select steward.promote('docs', '{OLD}', force => true)")
    # it begins anew, from the rows as they are
    docs.run(f"select steward.add_space('docs', '{OLD}')")
    docs.work()
    assert docs.value("select count(*) from steward.spaces where model = %s", OLD) == 2
    docs.run(f"select steward.promote('docs', '{OLD}')")
    assert "new text" in shown(docs)
    assert "text 1" not in shown(docs)
    assert problems(docs) == []


def test_demotion_does_not_revive_outdated_text(docs: Database) -> None:
    """The one that was not searched followed deletions in the deleting transaction, too."""
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    embed(docs)
    docs.run(f"select steward.promote('docs', '{NEW}')")
    docs.run("delete from docs where id = 1")
    docs.run("update docs set body = 'new text' where id = 2")
    # nobody works: the deleted row is gone at once, and the outdated one keeps the gate shut
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="covers too little"):
        docs.run("select steward.demote('docs')")
    docs.run("select steward.demote('docs', force => true)")
    assert "text 1" not in shown(docs)
    docs.work()
    assert "text 2" not in shown(docs)
    assert "new text" in shown(docs)


def test_result_for_a_retired_space_is_stale(docs: Database) -> None:
    """A worker that comes late is told so, also when the tables are gone."""
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    claims = docs.run("select token from steward.claim('w', 2, provider => 'mine')")
    docs.run(f"select steward.retire_space('docs', '{NEW}')")
    for (token,) in claims:
        with pytest.raises(psycopg.Error) as caught:
            docs.run("select steward.complete(%s, array['[1,0]'])", token)
        assert caught.value.sqlstate == "SW001"
        drop(docs)


def drop(db: Database) -> None:
    """Let the minute pass after which the tables of a retired space are dropped."""
    db.run("update steward_private.space set retired_at = retired_at - interval '61 seconds'")
    db.run("select steward.reap()")


def test_retired_space_is_dropped_when_nobody_can_need_it(docs: Database) -> None:
    """Not while a search of before may be about to read it; costs and decisions stay."""
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    embed(docs)
    tables = (
        "select count(*) from pg_class where relkind = 'r' and relname like 'docs!_2!_%' escape '!'"
    )
    functions = "select count(*) from pg_proc where proname ~ '^(due|known|claim|finish)_2$'"
    assert (docs.value(tables), docs.value(functions)) == (5, 4)
    docs.run(f"select steward.retire_space('docs', '{NEW}')")
    docs.run("select steward.reap()")
    assert (docs.value(tables), docs.value(functions)) == (5, 4)
    # whoever holds it keeps nobody waiting
    with docs.connect(autocommit=False) as reader:
        reader.execute("select count(*) from steward_data.docs_2_chunk")
        drop(docs)
        assert docs.value(tables) == 5
    drop(docs)
    assert (docs.value(tables), docs.value(functions)) == (0, 0)
    assert docs.value("select sum(texts) from steward.costs where model = %s", NEW) == 20
    assert docs.value("select count(*) from steward.decisions where model = %s", NEW) == 20
    docs.run("update docs set body = 'on' where id = 1")
    docs.run("delete from docs where id = 2")
    docs.run("truncate docs")
    docs.run("select * from steward.alter('docs', chunking => '{\"size\": 500}')")
    docs.work()
    assert problems(docs) == []
    docs.run("select steward.untrack('docs')")


def test_what_cannot_be(docs: Database, make_role: Callable[..., str]) -> None:
    """Clear errors, and nothing left behind."""
    for statement, sqlstate in (
        ("select steward.add_space('docs', 'nobody@1')", "42704"),
        (f"select steward.add_space('docs', '{OLD}')", "42710"),
        ("select steward.add_space('pg_class', 'x@1')", "42704"),
        (f"select steward.promote('docs', '{NEW}')", "42704"),
        (f"select steward.promote('docs', '{OLD}')", "55000"),
        (f"select steward.retire_space('docs', '{OLD}')", "55006"),
        (f"select steward.retire_space('docs', '{NEW}')", "42704"),
        ("select steward.demote('docs')", "55000"),
        ("select * from steward.compare_spaces(null)", "22004"),
        (f"select steward.search_vector('docs', '[1,0]', 3, '{NEW}')", "42704"),
    ):
        with pytest.raises(psycopg.Error) as caught:
            docs.run(statement)
        assert caught.value.sqlstate == sqlstate, statement
    admin = make_role("steward_admin")
    for statement in (
        f"select steward.add_space('docs', '{NEW}')",
        f"select steward.promote('docs', '{OLD}')",
        "select steward.demote('docs')",
        f"select steward.retire_space('docs', '{OLD}')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"of table public\.docs"):
            docs.run(statement, user=admin)
    docs.run("select * from steward.alter('docs', mode => 'transactional')")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        docs.run(f"select steward.add_space('docs', '{NEW}')")
    assert docs.run(SPACES) == [(OLD, "active")]


def test_spaces_side_by_side(docs: Database) -> None:
    """Coverage, size and costs of each."""
    docs.run(f"select steward.set_price('{NEW}', 1000000)")
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    columns = "select model, state, dimensions, documents, fresh, pending, coverage::float, chunks "
    assert docs.run(columns + "from steward.compare_spaces('docs')") == [
        (OLD, "active", 256, 20, 20, 0, 1.0, 20),
        (NEW, "building", 2, 20, 0, 20, 0.0, 0),
    ]
    embed(docs)
    assert docs.run(columns + "from steward.compare_spaces('docs')")[1][4:] == (20, 0, 1.0, 20)
    docs.run("create index on steward_data.docs_2_chunk using hnsw (embedding vector_cosine_ops)")
    assert docs.run(
        "select is_indexed, bytes > 0, cost > 0 from steward.compare_spaces('docs')"
    ) == [(False, True, False), (True, True, True)]


def test_gate_is_not_opened_by_what_is_not_known(
    docs: Database, make_role: Callable[..., str]
) -> None:
    """A source that cannot be counted, a backfill that has not come to the end, an empty space."""
    refused = psycopg.errors.ObjectNotInPrerequisiteState
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    embed(docs)
    docs.run("update steward_private.backfill set state = 'running' where space_id = 2")
    with pytest.raises(refused) as caught:
        docs.run(f"select steward.promote('docs', '{NEW}')")
    assert caught.value.diag.message_detail == "Its backfill has not come to all rows yet."
    docs.run("update steward_private.backfill set state = 'done' where space_id = 2")
    docs.run(f"select steward.promote('docs', '{NEW}')")

    # nothing was ever embedded by the one of before: there is nothing to go back to
    docs.run("create table empty (id integer primary key, body text)")
    docs.run("insert into empty select n, 'text' from generate_series(1, 20) as n")
    docs.run("select steward.track('empty', content => 'body', backfill => false)")
    docs.run(f"select steward.add_space('empty', '{NEW}')")
    embed(docs)
    docs.run(f"select steward.promote('empty', '{NEW}')")
    with pytest.raises(refused, match="covers too little"):
        docs.run("select steward.demote('empty')")

    owner = make_role("steward_admin")
    docs.run(f'grant create on schema public to "{owner}"')
    docs.run("create table unread (id integer primary key, body text)", user=owner)
    docs.run("insert into unread values (1, 'text')", user=owner)
    docs.run("select steward.track('unread', content => 'body', backfill => false)", user=owner)
    docs.run(f"select steward.add_space('unread', '{NEW}')", user=owner)
    embed(docs)
    docs.run("revoke select on unread from current_user", user=owner)
    with pytest.raises(refused, match="cannot be counted"):
        docs.run(f"select steward.promote('unread', '{NEW}')", user=owner)


def test_two_who_go_back_at_once_go_back_once(docs: Database) -> None:
    """The second one would go forward again, to what both of them wanted to leave."""
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    embed(docs)
    docs.run(f"select steward.promote('docs', '{NEW}')")
    with docs.connect(autocommit=False) as first, ThreadPoolExecutor(1) as pool:
        first.execute("select steward.demote('docs')")
        second = pool.submit(docs.run, "select steward.demote('docs')")
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' "
        while not docs.value(waiting + "and datname = current_database()"):
            assert not second.done()
        first.commit()
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="somebody else"):
            second.result()
    assert docs.run(SPACES) == [(OLD, "active"), (NEW, "shadow")]


def test_who_goes_back_does_not_overrule_somebody_else(docs: Database) -> None:
    """Between looking and deciding, a third model was promoted: that is not what they saw."""
    docs.run("select steward.add_model('third@1', dimensions => 2, provider => 'mine')")
    for model in (NEW, "third@1"):
        docs.run(f"select steward.add_space('docs', '{model}')")
        embed(docs)
    docs.run(f"select steward.promote('docs', '{NEW}')")
    with docs.connect(autocommit=False) as first, ThreadPoolExecutor(1) as pool:
        first.execute("select steward.promote('docs', 'third@1')")
        second = pool.submit(docs.run, "select steward.demote('docs')")
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' "
        while not docs.value(waiting + "and datname = current_database()"):
            assert not second.done()
        first.commit()
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="somebody else"):
            second.result()
    assert (NEW, "shadow") in docs.run(SPACES)


def test_as_of_knows_which_model_was_searched(docs: Database) -> None:
    """Before, between and after promotion and demotion."""
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    embed(docs)
    moments = [docs.value("select clock_timestamp()")]
    for statement in (f"promote('docs', '{NEW}')", "demote('docs')"):
        docs.run(f"select steward.{statement}")
        moments.append(docs.value("select clock_timestamp()"))
    models = "select distinct model from steward.as_of('docs', %s)"
    assert [docs.value(models, moment) for moment in moments] == [OLD, NEW, OLD]


def test_space_that_cannot_be_dropped_stops_nobody(docs: Database) -> None:
    """Somebody's view depends on its tables: lost claims are taken back all the same."""
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    docs.run("create view mine as select chunk from steward_data.docs_2_chunk")
    docs.run(f"select steward.retire_space('docs', '{NEW}')")
    docs.run("update docs set body = 'lost' where id = 1")
    docs.run("select 1 from steward.claim('dead', lease => '1 millisecond')")
    docs.run("update steward_private.space set retired_at = retired_at - interval '61 seconds'")
    assert docs.value("select steward.reap()") == 1
    docs.run("drop view mine")
    docs.run("select steward.reap()")
    assert docs.value("select to_regclass('steward_data.docs_2_chunk')") is None


def test_space_is_not_dropped_under_an_old_snapshot(docs: Database) -> None:
    """Who sees it as it was before can search it until the end; afterwards it goes."""
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    embed(docs)
    search = f"select count(*) from steward.search_vector('docs', '[1,0]', 5, '{NEW}')"
    with docs.connect(autocommit=False) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select 1")
        docs.run(f"select steward.retire_space('docs', '{NEW}')")
        drop(docs)
        assert reader.execute(search).fetchall() == [(5,)]
    docs.run("select steward.reap()")
    assert docs.value("select to_regclass('steward_data.docs_2_chunk')") is None


def test_policy_and_index_leave_enough_to_find(db: Database, make_role: Callable[..., str]) -> None:
    """Who may see one row in a hundred finds it, though an index gives 40 of all at first."""
    db.run("create table docs (id integer primary key, body text, reader text)")
    user = make_role("steward_reader")
    db.run(
        "insert into docs select n, 'text ' || n, case when n %% 100 = 0 then %s end "
        "from generate_series(1, 3000) as n",
        user,
    )
    db.run("alter table docs enable row level security")
    db.run("create policy own on docs using (reader = current_user)")
    db.run(f'grant select on docs to "{user}"')
    db.run("select steward.track('docs', content => 'body')")
    db.work()
    db.run("create index on steward_data.docs_1_chunk using hnsw (embedding vector_cosine_ops)")
    with db.connect(user=user) as session:
        session.execute("set enable_seqscan = off; set enable_sort = off")
        for k in (1, 5, 20):
            found = session.execute(
                "select 1 from steward.search('docs', 'text 77', %s)", [k]
            ).fetchall()
            assert len(found) == k
            # and leaves the caller's own settings alone
            assert session.execute("show hnsw.iterative_scan").fetchall() == [("off",)]
    assert db.value("select sum(idx_scan) from pg_stat_all_indexes where relname = 'docs_1_chunk'")


def test_build_goes_on_after_the_server_was_killed(docs: Database) -> None:
    """It does not start over: what was embedded before is not sent again."""
    docs.run("insert into docs select n, 'text ' || n from generate_series(21, 3000) as n")
    docs.work()
    docs.run(f"select steward.add_space('docs', '{NEW}')")
    with docs.connect() as session:
        for _ in range(3):
            done = session.execute(
                "select token from steward.claim('w', 500, provider => 'mine')"
            ).fetchall()
            tokens = [token for (token,) in done]
            session.execute(
                "select steward.complete(%s::bigint[], %s::text[])",
                [tokens, ["[1,0]"] * len(tokens)],
            )
        # claimed, and never handed in
        lost = session.execute(
            "select token from steward.claim('w', 100, provider => 'mine')"
        ).fetchall()
    docs.cluster.kill9()
    docs.cluster.start()
    docs.run("update steward_private.claim set lease_expires_at = now()")
    assert docs.value("select steward.reap()") == len(lost) == 100
    docs.run(
        "update steward_data.docs_2_job set available_at = now() where available_at is not null"
    )
    assert embed(docs) == 3000 - 1500
    assert docs.value("select sum(texts) from steward.costs where model = %s", NEW) == 3000
    docs.run(f"select steward.promote('docs', '{NEW}')")
    assert problems(docs) == []


ROWS = int(os.environ.get("SPACE_ROWS") or 2000)


def test_blue_green_under_load(docs: Database) -> None:
    """Eight writers, a second model built aside, promoted, demoted, retired; search answers."""
    docs.run("insert into docs select n, 'text ' || n from generate_series(21, %s) as n", ROWS)
    docs.work()
    stop = threading.Event()
    seen: Counter[str] = Counter()
    flips: list[float] = []
    pause = 0.01

    def write(number: int) -> None:
        with docs.connect() as session:
            turn = 0
            while not stop.wait(pause):
                turn += 1
                key = 1 + (number * 7919 + turn * 104729) % ROWS
                text = f"{number} {turn}"
                session.execute("update docs set body = %s where id = %s", [text, key])
                if turn % 10 == 0:
                    session.execute("delete from docs where id = %s", [key])
                    session.execute("insert into docs values (%s, %s)", [key, text])

    def work_inside() -> None:
        with docs.connect() as session:
            while not stop.is_set():
                session.execute("call steward.work(seconds => 1, batch => 100)")

    def work_outside() -> None:
        while not stop.is_set():
            if not embed(docs, 200):
                time.sleep(0.01)

    def look() -> None:
        """Ask as the model that search answers from wants it; both at one moment."""
        with docs.connect() as session:
            vectors = {
                OLD: session.execute("select (steward.embed(array['text']))[1]").fetchall()[0][0],
                NEW: "[1,0]",
            }
            while not stop.is_set():
                with session.transaction():
                    session.execute("set transaction isolation level repeatable read")
                    ((model,),) = session.execute("select steward._active_model('docs')").fetchall()
                    found = session.execute(
                        "select count(*) from steward.search_vector('docs', %s, 10)",
                        [vectors[model]],
                    ).fetchall()
                assert found == [(10,)]
                seen[model] += 1

    def flip(statement: str) -> None:
        nonlocal pause
        with docs.connect() as session:
            for turn in range(1, 1600):
                try:
                    began = time.monotonic()
                    session.execute(statement)
                except psycopg.errors.ObjectNotInPrerequisiteState:
                    # not yet
                    time.sleep(0.05)
                    if turn % 200 == 0:
                        # workers cannot follow: this machine has more to do
                        pause *= 2
                else:
                    flips.append(time.monotonic() - began)
                    return
        raise AssertionError(f"never: {statement}")

    with ThreadPoolExecutor(12) as pool:
        tasks = [pool.submit(write, n) for n in range(8)]
        tasks += [pool.submit(work_inside), pool.submit(work_outside), pool.submit(look)]
        try:
            docs.run("select steward.configure('promote_coverage', '0.5')")
            docs.run(f"select steward.add_space('docs', '{NEW}')")
            flip(f"select steward.promote('docs', '{NEW}')")
            while seen[NEW] < 20 and not tasks[-1].done():
                time.sleep(0.05)
            flip("select steward.demote('docs')")
            # without counting before
            flip(f"select steward.promote('docs', '{NEW}', force => true)")
            flip("select steward.demote('docs', force => true)")
            docs.run(f"select steward.retire_space('docs', '{NEW}')")
            drop(docs)
            time.sleep(0.5)
        finally:
            stop.set()
        for task in tasks:
            task.result()
    print(f"searches {dict(seen)}, flips {[round(1000 * flip) for flip in flips]} ms")
    assert min(seen[OLD], seen[NEW]) >= 20
    # rows that writers held just now come again after five seconds
    docs.run("call steward.work(idle_seconds => 7)")
    assert problems(docs) == []
    assert docs.run("select 1 from steward.jobs") == []
