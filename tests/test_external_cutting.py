"""A worker that cuts and compares texts itself, for a server without PL/Python: same results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import test_external_worker
from provider import Provider
from steward_worker.cutting import plan_of
from support import INSTALL, Database
from test_external_worker import Process, Start, add_model, eventually, fresh, hurry, is_sound

provider = test_external_worker.provider
start = test_external_worker.start

# Documents that are hard to cut: headings, several scripts, parts of columns, long and short ones.
TEXTS = (
    "Short.",
    "# Title\n\n" + "A sentence stands here. And another one, with 10 mg of it. " * 40,
    "\n\n".join(f"## Section {n}\n\nIt has {n} lines.\n- one\n- two\n" * 3 for n in range(12)),
    "Größe, naïve, 漢字かな交じり文。 " * 90,
    "\U0001f9ea emoji and e\u0301 combined \u2028 separated. " * 60,
    "word " * 700,
    "x" * 3000,
)
EDITS = (
    ("Short.", "Short!"),
    ("10 mg", "1000 mg"),
    ("A sentence", "A  sentence"),
    ("## Section 3", "## Chapter 3"),
    ("It has 7 lines", "It has some lines, which is new. It has 7 lines"),
    ("naïve", "naive"),
    ("combined", "combined,"),
)
CHUNKING = ("{}", '{"size": 200, "headings": true}', '{"strategy": "recursive", "overlap": 50}')


@pytest.fixture
def plain(empty: Database) -> Database:
    """A database with pg_steward on a server that is taken to have no PL/Python."""
    empty.run("create extension vector")
    empty.psql("-q", "-v", "ON_ERROR_STOP=1", "-f", INSTALL)
    return empty


@pytest.fixture
def begin(plain: Database) -> Iterator[Start]:
    """Start workers on that one."""
    started: list[Process] = []

    def start_one(*arguments: str, **environment: Any) -> Process:
        started.append(Process(plain, *arguments, **environment))
        return started[-1]

    yield start_one
    for each in started:
        each.process.kill()
        each.wait()


def test_claims_are_given_back_when_their_plans_cannot_be_submitted(
    plain: Database, begin: Start, provider: Provider
) -> None:
    """They stay in nobody's hand."""
    add_model(plain, provider)
    fill(plain, "{}")
    plain.run("alter function steward.submit_plans rename to elsewhere")
    worker = begin()
    eventually(lambda: worker.told("cannot claim"))
    plain.run("alter function steward.elsewhere rename to submit_plans")
    eventually(lambda: is_embedded_in_time(plain))
    assert worker.stop() == 0
    assert plain.value("select count(*) from steward_private.claim") == 0


def is_embedded_in_time(db: Database) -> bool:
    """What was given back can be claimed after five seconds: let them be over."""
    hurry(db)
    return fresh(db, "pages") == len(TEXTS)


def fill(db: Database, chunking: str) -> None:
    """A table of two parts with the texts in it, embedded by a model of ours."""
    db.run("create table pages (id integer primary key, title text, body text)")
    db.run(
        "select steward.track('pages', content => 'title, body', model => 'remote@1', "
        "chunking => %s)",
        chunking,
    )
    for number, text in enumerate(TEXTS):
        db.run("insert into pages values (%s, %s, %s)", number, f"Page {number}", text)


def edit(db: Database) -> None:
    """What people do to texts."""
    for old, new in EDITS:
        db.run("update pages set body = replace(body, %s, %s)", old, new)


def stored(db: Database) -> list[tuple[Any, ...]]:
    """What there is of the documents, whatever numbers its rows have."""
    return db.run(
        "select d.key_1, d.revision, d.content_hash, d.starts, d.ends, d.headings, d.shown, "
        "(select array_agg((c.chunk, c.prefix, c.chunk_hash, c.embedding::text)::text "
        "order by array_position(d.chunk_ids, c.chunk_id)) "
        "from steward_data.pages_1_chunk as c where c.chunk_id = any(d.chunk_ids)) "
        "from steward_data.pages_1_doc as d order by d.key_1"
    )


def decided(db: Database) -> list[tuple[Any, ...]]:
    """What became of each change, and why."""
    return db.run(
        "select key, outcome, reason, chunks_embedded, chunks_reused, chunks_removed, details "
        "from steward.decisions order by key::text, decision_id"
    )


@pytest.mark.parametrize("chunking", CHUNKING)
def test_results_are_those_of_the_server(  # noqa: PLR0917
    db: Database, plain: Database, provider: Provider, start: Start, begin: Start, chunking: str
) -> None:
    """The same texts and edits, cut by the server and by the worker: not a byte differs."""
    asked = []
    for database, run in ((db, start), (plain, begin)):
        add_model(database, provider)
        fill(database, chunking)
        worker = run("--once")
        assert worker.wait() == 0
        assert bool(worker.told("the server has no PL/Python: texts are cut here")) == (
            database is plain
        )
        edit(database)
        assert run("--once").wait() == 0
        assert fresh(database, "pages") == len(TEXTS)
        asked.append(sorted(provider.texts))
        provider.requests.clear()
    assert asked[0] == asked[1]
    assert stored(db) == stored(plain)
    assert decided(db) == decided(plain)


def test_edits_deletions_and_empty_texts_without_python(
    plain: Database, provider: Provider, begin: Start
) -> None:
    """The whole life of a row; what needs no vector is finished without one."""
    add_model(plain, provider)
    fill(plain, "{}")
    worker = begin("--poll-max", "100ms")
    eventually(lambda: fresh(plain, "pages") == len(TEXTS))
    sent = len(provider.texts)
    plain.run("update pages set body = body || ' ' where id = 1")
    plain.run("delete from pages where id = 2")
    plain.run("update pages set title = null, body = null where id = 3")
    eventually(lambda: plain.value("select count(*) from steward.jobs") == 0)
    assert len(provider.texts) == sent
    assert plain.run("select count(*) from steward_data.pages_1_chunk where key_1 in (2, 3)") == [
        (0,)
    ]
    assert worker.stop() == 0


def test_options_that_are_wrong_are_charged_to_the_rows(
    plain: Database, provider: Provider, begin: Start
) -> None:
    """Without PL/Python nobody checks them before: the rows say what is wrong."""
    add_model(plain, provider)
    fill(plain, '{"size": 3}')
    begin("--once").wait()
    ((error, error_class),) = plain.run("select distinct last_error, error_class from steward.jobs")
    assert error_class == "item"
    assert "size" in error


@pytest.fixture
def claimed(db: Database, provider: Provider) -> tuple[Database, int, dict[str, Any]]:
    """A claim without a plan, of a row that is stored already, and the plan that it should get."""
    add_model(db, provider)
    db.run("create table pages (id integer primary key, body text)")
    db.run(
        "select steward.track('pages', content => 'body', model => 'remote@1', "
        'chunking => \'{"size": 100, "headings": true}\')'
    )
    db.run("insert into pages values (1, %s)", "# Head\n\n" + "Some words of a text. " * 20)
    assert Process(db, "--once").wait() == 0
    db.run("update pages set body = replace(body, 'Head', 'Tail') || 'More, and more of it.'")
    ((token, content, known, options),) = db.run(
        "select token, content, known, options from steward.claim_texts('w')"
    )
    plan = json.loads(plan_of(content, known, options))
    assert plan["texts"]
    return db, token, plan


def submit(db: Database, token: int, plan: object) -> tuple[Any, ...]:
    """The outcome, and why."""
    ((outcome, error),) = db.run(
        "select outcome, error from steward.submit_plans(%s, %s)", [token], [json.dumps(plan)]
    )
    return outcome, error


def test_plan_is_taken_once(claimed: tuple[Database, int, dict[str, Any]]) -> None:
    """A second one for the same claim is refused; vectors for the first one are stored."""
    db, token, plan = claimed
    assert submit(db, token, plan) == ("planned", None)
    vectors = ["[" + ",".join(["0.5"] * 256) + "]"] * len(plan["texts"])
    assert db.value("select steward.complete(%s, %s)", token, vectors) == "embedded"
    assert is_sound(db, "pages")
    assert submit(db, token, plan) == ("stale", None)


def spoil(plan: dict[str, Any], how: str) -> object:  # noqa: PLR0912
    """A plan that no worker of ours makes."""
    new = next(chunk for chunk in plan["chunks"] if "vector" in chunk)
    match how:
        case "another content":
            return plan | {"content_hash": "00" * 32}
        case "no chunks":
            return {"content_hash": plan["content_hash"]}
        case "another text":
            plan["texts"][new["vector"]] = "Something else that readers would see"
        case "another hash":
            new["chunk_hash"] = "00" * 32
        case "outside":
            new["end"] = 1_000_000
        case "twice in order":
            new["ordinal"] += 1
        case "not stored":
            del new["vector"]
            new["chunk_id"] = 4711
        case "somebody's chunk":
            new["near"] = 4711
        case "shown":
            del new["vector"]
            new |= {"chunk_id": plan["chunks"][0].get("chunk_id", 1), "shown": "Not what it says"}
        case "no vector":
            new["vector"] = 999
        case "a text too many":
            plan["texts"].append("Nobody needs it")
        case "another prefix":
            new["prefix"] = "Ignore all that follows"
        case "no number":
            new["start"] = "first"
        case "no object":
            return [1]
    return plan


@pytest.mark.parametrize(
    "how",
    [
        "another content", "no chunks", "another text", "another hash", "outside",
        "twice in order", "not stored", "somebody's chunk", "shown", "no vector",
        "a text too many", "another prefix", "no number", "no object",
    ],
)  # fmt: skip
def test_plan_that_is_not_of_the_content_is_refused(
    claimed: tuple[Database, int, dict[str, Any]], how: str
) -> None:
    """Whoever cuts outside can show nobody what is not in the row; the row is not charged."""
    db, token, plan = claimed
    outcome, error = submit(db, token, spoil(plan, how))
    assert (outcome, bool(error)) == ("refused", True)
    assert db.run("select state, attempts from steward.jobs") == [("pending", 0)]
    assert "refused" in db.value("select problem from steward_private.space")
    hurry(db)


def test_claim_without_a_plan_takes_no_vectors(
    claimed: tuple[Database, int, dict[str, Any]],
) -> None:
    """complete() before submit_plans() is a mistake of the worker's."""
    db, token, _ = claimed
    ((outcome, _),) = db.run(
        "select outcome, error from steward.complete(array[%s]::bigint[], array['[1]'])", token
    )
    assert outcome == "refused"
