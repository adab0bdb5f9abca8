"""The external worker: a real process, a real server and a provider that does everything wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import provider as stand_in
from provider import Provider
from steward_py import hashing_model
from support import ROOT, Database, kill_backend

PATIENCE = 30.0
# a provider that has refused many requests in a row is left alone for up to a minute
LONG_PATIENCE = 90.0


class Process:
    """A worker that runs until it is stopped; what it logs is kept."""

    def __init__(
        self,
        db: Database,
        *arguments: str,
        dsn: str | None = None,
        python: str | Path = sys.executable,
        **environment: str,
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self.raw: list[str] = []
        command = [
            *(str(python), str(ROOT / "scripts" / "steward-worker")),
            *("--dsn", dsn or db.cluster.dsn(db.name), "--log-level", "debug"),
            *("--log-format", "json", "--no-progress", *arguments),
        ]
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "STEWARD_"))
        }
        self.process = subprocess.Popen(
            command, env=kept | environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.raw.append(line.decode())
            if line.startswith(b"{"):
                self.events.append(json.loads(line))

    def told(self, event: str) -> list[dict[str, Any]]:
        """The events of a name."""
        return [each for each in list(self.events) if each["event"] == event]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; the exit status."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status


Start = Callable[..., Process]


@pytest.fixture
def start(db: Database) -> Iterator[Start]:
    """Start workers; they are killed at the end of the test."""
    started: list[Process] = []

    def begin(*arguments: str, **environment: Any) -> Process:
        started.append(Process(db, *arguments, **environment))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.wait()


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that answers as it should, until a test says otherwise."""
    with Provider() as provider:
        yield provider


def eventually(holds: Callable[[], object], what: str = "it", within: float = PATIENCE) -> None:
    """Wait until something holds."""
    until = time.monotonic() + within
    while not holds():
        assert time.monotonic() < until, f"{what} did not happen in time"
        time.sleep(0.01)


def add_model(db: Database, provider: Provider, name: str = "remote@1", **options: Any) -> None:
    """A model that the stand-in makes the vectors of."""
    given = {"endpoint": provider.url + "/v1", "timeout": "2 seconds"} | options
    named = "".join(f", {option} => %s" for option in given)
    db.run(
        f"select steward.add_model(%s, dimensions => 256, provider => 'openai'{named})",
        name,
        *given.values(),
    )


def add_table(db: Database, rows: int, name: str = "docs", model: str = "remote@1") -> None:
    """A tracked table with rows that are to be embedded."""
    db.run(f"create table {name} (id integer primary key, body text)")
    db.run(f"select steward.track('{name}', content => 'body', model => '{model}')")
    add_rows(db, 1, rows, name)


def add_rows(db: Database, first: int, last: int, name: str = "docs") -> None:
    """More of them."""
    db.run(
        f"insert into {name} select n, 'This is text {name} number ' || n "
        f"from generate_series({first}, {last}) as n"
    )


def fresh(db: Database, name: str = "docs") -> int:
    """How many rows are embedded as they are."""
    return int(
        db.value("select fresh from steward.freshness where source = %s::regclass", name) or 0
    )


def is_sound(db: Database, name: str = "docs") -> bool:
    """Whether every row has the chunks of its text, and nothing else is there."""
    return db.run(f"select * from steward.verify('{name}')") == []


def charged(db: Database) -> int:
    """How many rows have lost an attempt."""
    return int(db.value("select count(*) from steward.jobs where attempts > 0"))


def claims(db: Database) -> int:
    """How many rows are claimed."""
    return int(db.value("select count(*) from steward_private.claim"))


def hurry(db: Database) -> None:
    """Let all pauses of spaces and jobs be over, but those until resume()."""
    db.run("update steward_private.space set paused_until = now() where paused_until < 'infinity'")
    for (table,) in db.run("select job_table::text from steward_private.space"):
        db.run(f"update {table} set available_at = now() where available_at is not null")


def vector_of(text: str) -> str:
    """What the stand-in answers."""
    return hashing_model.as_pgvector(hashing_model.embed(text))


# ---- the ordinary


def test_once_embeds_what_there_is_and_ends(db: Database, provider: Provider, start: Start) -> None:
    """All rows, each text once, and exit status 0."""
    add_model(db, provider)
    add_table(db, 250)
    worker = start("--once")
    assert worker.wait() == 0
    assert fresh(db) == 250
    assert is_sound(db)
    assert sorted(set(provider.texts)) == sorted(provider.texts)
    (ended,) = worker.told("ended")
    assert (ended["claimed"], ended["embedded"], ended["failed"]) == (250, 250, 0)


def test_commit_is_soon_searchable(db: Database, provider: Provider, start: Start) -> None:
    """An edit is found by its new text, without anybody doing anything."""
    add_model(db, provider)
    add_table(db, 3)
    worker = start("--poll-max", "50ms")
    eventually(lambda: fresh(db) == 3)
    db.run("update docs set body = 'Entirely different words here' where id = 2")
    eventually(lambda: fresh(db) == 3 and is_sound(db))
    wanted = "Entirely different words here"
    found = db.value("select chunk from steward.search_vector('docs', %s, 1)", vector_of(wanted))
    assert found == wanted
    assert worker.stop() == 0


def test_work_is_found_without_polling_when_a_source_notifies(
    db: Database, provider: Provider, start: Start
) -> None:
    """With --listen an edit is worked on at once, however seldom the worker looks."""
    add_model(db, provider)
    db.run("create table docs (id integer primary key, body text)")
    db.run("select steward.track('docs', content => 'body', model => 'remote@1', notify => true)")
    worker = start("--listen", "--poll-min", "30s", "--poll-max", "30s")
    eventually(lambda: worker.told("listening"))
    time.sleep(0.5)
    add_rows(db, 1, 1)
    began = time.monotonic()
    eventually(lambda: fresh(db) == 1)
    assert time.monotonic() - began < 10


def test_only_what_is_asked_for_is_claimed(db: Database, provider: Provider, start: Start) -> None:
    """--model, --provider and --source each leave the rest alone."""
    add_model(db, provider)
    add_model(db, provider, "other@1")
    add_table(db, 2)
    add_table(db, 2, "second", "other@1")
    add_table(db, 2, "third", "builtin/hash@1")
    assert start("--once", "--model", "other@1").wait() == 0
    assert (fresh(db), fresh(db, "second"), fresh(db, "third")) == (0, 2, 0)
    assert start("--once", "--provider", "builtin").wait() == 0
    assert (fresh(db), fresh(db, "second"), fresh(db, "third")) == (0, 2, 2)
    add_rows(db, 3, 4, "third")
    assert start("--once", STEWARD_SOURCE="docs").wait() == 0
    assert (fresh(db), fresh(db, "second"), fresh(db, "third")) == (2, 2, 2)


def test_two_workers_share_the_work(db: Database, provider: Provider, start: Start) -> None:
    """Side by side, and no text is sent twice."""
    add_model(db, provider)
    provider.latency = 0.05
    add_table(db, 1200)
    both = [start("--name", name, "--batch", "50") for name in ("one", "two")]
    eventually(lambda: fresh(db) == 1200)
    for worker in both:
        assert worker.stop() == 0
        (ended,) = worker.told("ended")
        assert ended["embedded"] > 0
    assert len(set(provider.texts)) == len(provider.texts) == 1200
    assert is_sound(db)


@pytest.mark.parametrize("readers", [1, 3])
def test_readers_claim_at_the_same_time(
    db: Database, provider: Provider, start: Start, readers: int
) -> None:
    """While there is more than one has claimed: each on a connection of its own."""
    add_model(db, provider)
    add_table(db, 300)
    worker = start("--batch", "5", "--readers", str(readers))
    seen = 0
    with db.connect() as watching:
        while fresh(db) < 300:
            ((count,),) = watching.execute(
                "select count(distinct pid) from pg_stat_activity "
                "where datname = current_database() and query like 'select c.token, c.claimed%'"
            ).fetchall()
            seen = max(seen, count)
    assert worker.stop() == 0
    assert seen == readers
    assert sorted(provider.texts) == sorted(set(provider.texts))
    assert is_sound(db)


def test_health_tells_how_it_is(db: Database, provider: Provider, start: Start) -> None:
    """200 with what it does, on loopback; a model that cannot be called from here is named."""
    add_model(db, provider)
    add_model(db, provider, "keyless@1", secret="missing")  # noqa: S106  its name
    add_table(db, 3)
    worker = start("--health-port", "0")
    eventually(lambda: fresh(db) == 3 and worker.told("health"))
    (told,) = worker.told("health")
    with urllib.request.urlopen(f"http://127.0.0.1:{told['port']}/health") as answer:
        assert answer.status == 200
        report = json.load(answer)
    assert (report["status"], report["embedded"], report["database"]) == ("degraded", 3, "ok")
    assert report["models"]["remote@1"] == "ok"
    assert "STEWARD_SECRET_MISSING" in report["models"]["keyless@1"]


def test_local_model_is_asked_in_the_process(db: Database, start: Start, tmp_path: Path) -> None:
    """--local: models of provider local, by whatever answers to sentence-transformers' name."""
    (tmp_path / "sentence_transformers.py").write_text(
        "class SentenceTransformer:\n"
        "    def __init__(self, name):\n"
        "        assert name == 'some-model'\n"
        "    def encode(self, texts, normalize_embeddings, show_progress_bar):\n"
        "        return [[len(text), text.count('e'), 1.5] for text in texts]\n",
        encoding="utf-8",
    )
    db.run("select steward.add_model('mini@1', 3, 'local', document_prefix => 'doc: ')")
    add_table(db, 5, model="mini@1")
    worker = start("--once", "--local", "some-model", PYTHONPATH=str(tmp_path))
    assert worker.wait() == 0
    assert is_sound(db)
    assert fresh(db) == 5
    (row,) = db.run("select embedding::text from steward_data.docs_1_chunk where key_1 = 1")
    text = "doc: This is text docs number 1"
    assert row == (f"[{len(text)},{text.count('e')},1.5]",)


def test_local_model_answers_searches(db: Database, start: Start, tmp_path: Path) -> None:
    """--serve: the server asks the worker for the vector of a query, as it asks any provider."""
    (tmp_path / "sentence_transformers.py").write_text(
        "class SentenceTransformer:\n"
        "    def __init__(self, name):\n"
        "        pass\n"
        "    def encode(self, texts, normalize_embeddings, show_progress_bar):\n"
        "        return [[text.count(letter) + 1.0 for letter in 'aeiou'] for text in texts]\n",
        encoding="utf-8",
    )
    worker = start("--local", "some-model", "--serve", "0", PYTHONPATH=str(tmp_path))
    eventually(lambda: worker.told("serving"))
    endpoint = f"http://127.0.0.1:{worker.told('serving')[0]['port']}/v1"
    db.run("select steward.add_model('mini@1', 5, 'openai', endpoint => %s)", endpoint)
    assert {step[1] for step in db.run("select * from steward.test_model('mini@1')")} == {"ok"}
    add_table(db, 5, model="mini@1")
    db.run("update docs set body = 'uuu aaa' where id = 3")
    eventually(lambda: fresh(db) == 5)
    found = db.run("select key, similarity from steward.search('docs', 'a a a u u u', 1)")
    assert found == [({"id": 3}, pytest.approx(1))]
    assert worker.stop() == 0


def test_local_model_that_is_not_there_is_said(start: Start) -> None:
    """Exit status 2, and what to install."""
    worker = start("--once", "--local", "some-model", PYTHONPATH="/nonexistent")
    assert worker.wait() == 2
    assert "sentence-transformers" in worker.told("cannot start")[0]["error"]


def test_python_without_psycopg_is_told_what_it_needs() -> None:
    """One line and exit status 2: an interpreter that sees no installed package."""
    script = ROOT / "scripts" / "steward-worker"
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "-S", str(script), "--help"],
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr == "steward-worker needs psycopg 3: pip install 'psycopg[binary]'\n"


@pytest.mark.parametrize("arguments", [(), ("--once",), ("--listen", "host")])
def test_connection_string_that_is_malformed_is_said(
    db: Database, start: Start, arguments: tuple[str, ...]
) -> None:
    """Exit status 2 at once: trying again would not mend it."""
    dsn = db.cluster.dsn(db.name) if "--listen" in arguments else "host"
    worker = start(*arguments, dsn=dsn)
    assert worker.wait() == 2
    assert [each["event"] for each in worker.events] == ["cannot start"]
    assert 'missing "=" after "host"' in worker.events[0]["error"]


def test_malformed_connection_string_is_not_repeated(start: Start) -> None:
    """There may be a password in it."""
    worker = start(dsn=f"postgresql://somebody:{CANARY}@[::1/app")
    assert worker.wait() == 2
    assert "IPv6" in worker.told("cannot start")[0]["error"]
    assert CANARY not in "".join(worker.raw)


def test_once_does_not_wait_long_for_a_server_that_never_was_there(
    start: Start, tmp_path: Path
) -> None:
    """Exit status 1, and why; nothing is called lost."""
    worker = start("--once", dsn=f"host={tmp_path} dbname=app")
    assert worker.wait() == 1
    assert worker.told("cannot connect")
    assert worker.told("connection lost") == []
    (told,) = worker.told("given up")
    assert str(tmp_path) in told["error"]


def test_once_says_that_it_does_not_know_a_model(
    db: Database, provider: Provider, start: Start
) -> None:
    """Exit status 2 and its name, instead of nothing to do."""
    add_model(db, provider)
    worker = start("--once", "--model", "remote@1,nope@1")
    assert worker.wait() == 2
    assert worker.told("cannot start")[0]["error"] == "no such model: nope@1"


@pytest.mark.parametrize(
    "refusal", [stand_in.Status(503, headers={"Retry-After": "60"}), stand_in.Status(401)], ids=str
)
def test_once_says_that_rows_are_not_embedded(
    db: Database, provider: Provider, start: Start, refusal: stand_in.Fault
) -> None:
    """Exit status 1: whoever calls it has to know; afterwards it is 0 again."""
    add_model(db, provider)
    add_table(db, 5)
    provider.always = refusal
    worker = start("--once")
    assert worker.wait() == 1
    assert worker.told("ended")[0]["failed"] == 5
    provider.always = None
    db.run("select steward.resume('docs')")
    hurry(db)
    assert start("--once").wait() == 0
    assert fresh(db) == 5


# ---- its end


def test_requests_under_way_are_finished_after_a_signal(
    db: Database, provider: Provider, start: Start
) -> None:
    """SIGTERM: what is at the provider is stored, the rest is given back, and nothing charged."""
    add_model(db, provider, batch_inputs=10, timeout="20 seconds")
    held = stand_in.Hang()
    provider.always = held
    add_table(db, 300)
    worker = start("--concurrency", "2", "--batch", "100")
    eventually(lambda: provider.under_way == 2)
    worker.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    held.released.set()
    assert worker.wait() == 0
    assert fresh(db) == 20
    assert (claims(db), charged(db)) == (0, 0)
    provider.always = None
    assert is_given_back_in_time(db)
    assert start("--once").wait() == 0
    assert fresh(db) == 300


def is_given_back_in_time(db: Database) -> bool:
    """What was given back can be claimed after five seconds: let them be over."""
    hurry(db)
    return bool(db.value("select count(*) = 0 from steward.jobs where state <> 'pending'"))


def test_claim_that_takes_long_is_undone_after_a_signal(
    db: Database, provider: Provider, start: Start
) -> None:
    """It would be committed after the worker is gone: rows that nobody has until the lease ends."""
    add_model(db, provider)
    db.run(
        "create function slowly(text text) returns text language plpgsql immutable "
        "as 'begin perform pg_sleep(60); return text; end'"
    )
    db.run("create table docs (id integer primary key, body text)")
    db.run("select steward.track('docs', content => 'public.slowly(body)', model => 'remote@1')")
    db.run("insert into docs values (1, 'one')")
    claiming = (
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and state = 'active' and query like 'select c.token, c.claimed%'"
    )
    worker = start()
    eventually(lambda: db.value(claiming) == 1)
    assert worker.stop() == 0
    eventually(lambda: db.value(claiming) == 0)
    assert (claims(db), charged(db)) == (0, 0)


def test_requests_that_hang_do_not_keep_the_worker_from_ending(
    db: Database, provider: Provider, start: Start
) -> None:
    """After --grace calls are ended, and their rows are given back, charged to nobody."""
    add_model(db, provider, timeout="60 seconds")
    provider.always = stand_in.Hang()
    add_table(db, 30)
    worker = start("--grace", "500ms")
    eventually(lambda: provider.under_way)
    began = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - began < 10
    assert (claims(db), charged(db), fresh(db)) == (0, 0, 0)
    assert db.run("select problem from steward_private.space") == [(None,)]


def test_kills_in_the_middle_lose_nothing(db: Database, start: Start) -> None:
    """Worker, backend and server get kill -9: twice is embedded only what was in hand just then."""
    rows, batch, inputs = 10_000, 100, 20
    # what a worker has claimed and not yet stored, see docs/WORKER.md on --batch
    hand = 4 * batch
    settings = ("--batch", str(batch), "--lease", "3s", "--poll-max", "100ms")

    with Provider(is_cheap=True) as provider:

        def reached(share: float) -> bool:
            return len(provider.requests) * inputs >= share * rows

        def twice() -> int:
            texts = provider.texts
            return len(texts) - len(set(texts))

        add_model(db, provider, batch_inputs=inputs)
        # so slow that the worker has all in hand that it may have
        provider.latency = 0.15
        add_table(db, rows)
        worker = start(*settings)
        eventually(lambda: reached(0.2) and claims(db) > 0)
        worker.stop(signal.SIGKILL)
        assert 0 < fresh(db) < rows
        lost = claims(db)
        assert 0 < lost <= hand

        worker = start(*settings)
        eventually(lambda: reached(0.45) and claims(db) > 0)
        (pid,) = db.run(
            "select pid from pg_stat_activity where application_name = 'steward-worker' "
            "and datname = current_database() limit 1"
        )[0]
        kill_backend(db, pid)
        assert 0 < fresh(db) < rows

        eventually(lambda: reached(0.7) and claims(db) > 0)
        db.cluster.kill9()
        db.cluster.start()
        assert 0 < fresh(db) < rows

        def is_done() -> bool:
            # the fifteen seconds of a lost attempt
            hurry(db)
            return fresh(db) == rows

        eventually(is_done)
        assert worker.told("connection lost")
        assert worker.stop() == 0
        assert set(provider.texts) == {body for (body,) in db.run("select body from docs")}
        assert twice() <= lost + 2 * hand
        assert is_sound(db)
        assert claims(db) == 0
        assert db.value("select count(*) from steward.decisions where outcome = 'failed'") == 0
        assert db.value("select count(*) from steward.jobs") == 0


# ---- a server in trouble


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_server_that_goes_away_is_waited_for(
    db: Database, provider: Provider, start: Start, how: str
) -> None:
    """The worker connects again, and nothing is lost."""
    add_model(db, provider, batch_inputs=10)
    provider.latency = 0.02
    add_table(db, 600)
    worker = start("--batch", "50", "--lease", "2s")
    eventually(lambda: fresh(db) > 50)
    db.cluster.stop(how)
    time.sleep(0.5)
    db.cluster.start()

    def is_done() -> bool:
        hurry(db)
        return fresh(db) == 600

    eventually(is_done)
    assert is_sound(db)
    assert worker.told("connection lost")
    assert worker.process.poll() is None
    assert worker.stop() == 0


def test_sessions_that_are_ended_are_made_again(
    db: Database, provider: Provider, start: Start
) -> None:
    """pg_terminate_backend, again and again."""
    add_model(db, provider, batch_inputs=10)
    provider.latency = 0.01
    add_table(db, 400)
    worker = start("--batch", "20", "--lease", "2s")
    for share in (40, 120, 200):
        eventually(lambda share=share: fresh(db) >= share)  # type: ignore[misc]
        db.run(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'steward-worker' and datname = current_database()"
        )

    def is_done() -> bool:
        hurry(db)
        return fresh(db) == 400

    eventually(is_done)
    assert is_sound(db)
    assert worker.stop() == 0


def test_worker_waits_until_it_may_claim(db: Database, provider: Provider, start: Start) -> None:
    """A privilege that is missing is said, and once it is there the work begins."""
    add_model(db, provider)
    add_table(db, 3)
    db.run("alter function steward.claim rename to claim_away")
    worker = start()
    eventually(lambda: worker.told("cannot claim"))
    assert "steward.claim" in worker.told("cannot claim")[0]["error"]
    db.run("alter function steward.claim_away rename to claim")
    eventually(lambda: fresh(db) == 3)


def test_row_that_is_locked_holds_up_nobody(db: Database, provider: Provider, start: Start) -> None:
    """Somebody deletes a row and does not commit: busy, given back, and later it is as it is."""
    add_model(db, provider)
    held = stand_in.Hang()
    provider.always = held
    add_table(db, 20)
    worker = start()
    eventually(lambda: provider.under_way)
    with db.connect(autocommit=False) as other:
        other.execute("delete from docs where id = 5")
        held.released.set()
        eventually(lambda: fresh(db) == 19)
        eventually(lambda: claims(db) == 0)
        other.rollback()

    def is_done() -> bool:
        hurry(db)
        return fresh(db) == 20

    eventually(is_done)
    assert worker.stop() == 0
    assert worker.told("ended")[0]["released"] == 1


def test_lease_lasts_as_long_as_the_provider_takes(
    db: Database, provider: Provider, start: Start
) -> None:
    """A claim is extended while its text is at the provider: nobody else gets it."""
    add_model(db, provider, timeout="20 seconds")
    provider.latency = 4
    add_table(db, 5)
    start("--lease", "1s", "--name", "slow")
    start("--lease", "1s", "--name", "other")
    eventually(lambda: fresh(db) == 5)
    assert sorted(provider.texts) == sorted(set(provider.texts))


# ---- a provider in trouble

FAULTS: dict[str, tuple[Callable[[], stand_in.Fault], str]] = {
    "429 with seconds": (lambda: stand_in.too_many("17"), "rate_limit"),
    "429 with a date": (lambda: stand_in.too_many(stand_in.in_seconds(18)), "rate_limit"),
    "429 without a word": (lambda: stand_in.too_many(None), "rate_limit"),
    "500": (lambda: stand_in.Status(500), "transient"),
    "502": (lambda: stand_in.Status(502), "transient"),
    "503": (lambda: stand_in.Status(503), "transient"),
    "reset in the body": (stand_in.Reset, "transient"),
    "closed without a word": (stand_in.Vanish, "transient"),
    "truncated JSON": (stand_in.Truncated, "transient"),
    "truncated body": (lambda: stand_in.Truncated(told=False), "transient"),
    "no JSON": (lambda: stand_in.Raw(b"<html>gateway</html>"), "transient"),
    "hangs": (stand_in.Hang, "transient"),
    "a byte at a time": (lambda: stand_in.Drip(1.0), "transient"),
    "fewer vectors": (stand_in.fewer, "configuration"),
    "wrong dimensions": (lambda: stand_in.dimensions(200), "configuration"),
    "nothing but NaN": (lambda: stand_in.not_a_number(None), "configuration"),
    "key revoked": (lambda: stand_in.Status(401), "configuration"),
    "no such model": (lambda: stand_in.Status(404), "configuration"),
    "redirected": (
        lambda: stand_in.Status(302, headers={"Location": "http://127.0.0.1:1/"}),
        "configuration",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_provider_in_trouble_charges_nobody(
    db: Database, provider: Provider, start: Start, name: str
) -> None:
    """Each fault ends as its class says; another source goes on; afterwards all is embedded."""
    make, kind = FAULTS[name]
    with Provider() as healthy:
        add_model(db, provider, timeout="1 second")
        add_model(db, healthy, "healthy@1")
        provider.always = make()
        add_table(db, 30)
        worker = start("--poll-max", "100ms")
        eventually(
            lambda: [each for each in worker.told("not embedded") if each["kind"] == kind],
            f"a failure of class {kind}",
        )
        add_table(db, 10, "others", "healthy@1")
        eventually(lambda: fresh(db, "others") == 10, "the other source")
        assert fresh(db) == 0
        problem = db.value(
            "select problem from steward_private.space where model_name = 'remote@1'"
        )
        assert problem
        if isinstance(provider.always, stand_in.Hang):
            provider.always.released.set()
        provider.always = None
        db.run("select steward.resume('docs')")

        def is_done() -> bool:
            hurry(db)
            return fresh(db) == 30

        eventually(is_done, within=LONG_PATIENCE if kind == "rate_limit" else PATIENCE)
        assert is_sound(db)
        assert {each["kind"] for each in worker.told("not embedded")} == {kind}
        assert db.value("select count(*) from steward.decisions where outcome = 'failed'") == 0
        assert worker.stop() == 0


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        ("http://nowhere.invalid/v1", "transient"),
        ("http://127.0.0.1:1/v1", "transient"),
        ("http://169.254.169.254/v1", "configuration"),
        ("http://10.1.2.3/v1", "configuration"),
    ],
)
def test_provider_that_cannot_be_reached(
    db: Database, provider: Provider, start: Start, endpoint: str, kind: str
) -> None:
    """No such host, nobody there, and addresses that may not be called."""
    add_model(db, provider, endpoint=endpoint)
    add_table(db, 3)
    worker = start()
    eventually(lambda: [each for each in worker.told("not embedded") if each["kind"] == kind])
    assert worker.stop() == 0
    assert (claims(db), fresh(db)) == (0, 0)


def test_certificate_that_is_not_trusted(db: Database, start: Start, tmp_path: Path) -> None:
    """Somebody has to mend that: the source waits for steward.resume()."""
    with Provider(certificate=stand_in.make_certificate(tmp_path)) as encrypted:
        add_model(db, encrypted)
        add_table(db, 3)
        worker = start()
        eventually(lambda: worker.told("not embedded"))
        (told,) = worker.told("not embedded")[:1]
        assert (told["kind"], encrypted.requests) == ("configuration", [])
        assert "certificate" in told["reason"]


def test_order_is_what_index_says(db: Database, provider: Provider, start: Start) -> None:
    """Each text gets its own vector, in whatever order they come."""
    add_model(db, provider)
    provider.always = stand_in.Shuffled()
    add_table(db, 40)
    assert start("--once").wait() == 0
    for chunk, embedding in db.run("select chunk, embedding::text from steward_data.docs_1_chunk"):
        close = db.value("select %s::vector <-> %s::vector", embedding, vector_of(chunk))
        assert close < 1e-5


def test_one_text_that_is_refused_is_the_only_one_charged(
    db: Database, provider: Provider, start: Start
) -> None:
    """Its request is halved until it stands alone."""
    add_model(db, provider)
    provider.limits.poison = "number 17 of"
    db.run("create table docs (id integer primary key, body text)")
    db.run("select steward.track('docs', content => 'body', model => 'remote@1')")
    db.run(
        "insert into docs select n, 'Text number ' || n || ' of it' from generate_series(1, 64) n"
    )
    worker = start()
    eventually(lambda: fresh(db) == 63)
    eventually(lambda: charged(db) == 1)
    assert db.run("select key, state, error_class from steward.jobs") == [
        ({"id": 17}, "pending", "item")
    ]
    assert worker.stop() == 0


def test_requests_are_as_small_as_the_provider_wants(
    db: Database, provider: Provider, start: Start
) -> None:
    """413 for more than 8 texts: halved, and remembered."""
    add_model(db, provider)
    provider.limits.inputs = 8
    add_table(db, 200)
    assert start("--once").wait() == 0
    assert fresh(db) == 200
    assert max(len(request.texts) for request in provider.requests[-5:]) <= 8


@pytest.mark.parametrize("policy", ["fail", "truncate"])
def test_text_that_is_too_long_is_truncated_or_failed(
    db: Database, provider: Provider, start: Start, policy: str
) -> None:
    """As the model says."""
    add_model(db, provider, on_too_long=policy)
    provider.limits.tokens_each = 50
    db.run("create table docs (id integer primary key, body text)")
    db.run(
        "select steward.track('docs', content => 'body', model => 'remote@1', "
        "chunking => '{\"size\": 1000}')"
    )
    db.run("insert into docs values (1, repeat('Some words of it. ', 40)), (2, 'Short.')")
    worker = start()
    expected = 2 if policy == "truncate" else 1
    eventually(lambda: fresh(db) == expected)
    eventually(lambda: charged(db) == 2 - expected)
    assert worker.stop() == 0


def test_storm_of_429_charges_nobody(db: Database, provider: Provider, start: Start) -> None:
    """A provider that takes 20 requests a second gets no more than it can bear for long."""
    add_model(db, provider, batch_inputs=5)
    provider.limits.rate, provider.limits.capacity = 20.0, 1.0
    provider.limits.retry_after = False
    add_table(db, 600)
    worker = start()
    began = time.monotonic()
    eventually(lambda: fresh(db) == 600)
    took = time.monotonic() - began
    assert provider.refused > 0
    assert took < 2.5 * 600 / 5 / 20
    assert {each["kind"] for each in worker.told("not embedded")} <= {"rate_limit"}
    assert db.value("select count(*) from steward.decisions where outcome = 'failed'") == 0


def test_source_whose_provider_hangs_keeps_no_other_waiting(
    db: Database, provider: Provider, start: Start
) -> None:
    """More rows than a worker takes are at a provider that does not answer: others go on."""
    with Provider() as quick:
        add_model(db, provider, timeout="60 seconds")
        add_model(db, quick, "quick@1")
        held = stand_in.Hang()
        provider.always = held
        add_table(db, 500)
        worker = start("--batch", "10", "--poll-max", "100ms")
        eventually(lambda: claims(db) >= 30)
        add_table(db, 200, "others", "quick@1")
        eventually(lambda: fresh(db, "others") == 200)
        assert (fresh(db), claims(db) <= 40) == (0, True)
        provider.always = None
        held.released.set()
        eventually(lambda: fresh(db) == 500)
        assert worker.stop() == 0


# ---- secrets

CANARY = "canary-7f3a9c51d2e84b60"


def test_key_goes_to_the_provider_and_nowhere_else(
    db: Database, provider: Provider, start: Start, tmp_path: Path
) -> None:
    """Sent in its header; in no log, table or statement, even when a provider echoes it."""
    (tmp_path / "files").write_text(CANARY + "\n", encoding="ascii")
    (tmp_path / "files.origin").write_text(provider.url, encoding="ascii")
    add_model(db, provider, secret="files")  # noqa: S106  its name
    provider.limits.key = CANARY
    add_table(db, 3)
    worker = start("--secrets", str(tmp_path))
    eventually(lambda: fresh(db) == 3)
    assert provider.requests[0].headers["authorization"] == f"Bearer {CANARY}"

    # revoked in the middle, with an answer that repeats it
    provider.always = stand_in.Status(401, {"error": {"message": f"wrong key: {CANARY}"}})
    add_rows(db, 4, 6)
    eventually(lambda: worker.told("not embedded"))
    provider.always = stand_in.Status(500, {"error": {"message": f"oops {CANARY[:-2]}"}})
    db.run("select steward.resume('docs')")
    eventually(lambda: len(worker.told("not embedded")) > 1)
    assert worker.stop() == 0
    assert CANARY[:-4] not in "".join(worker.raw)
    dumped = db.cluster.bin("pg_dump")
    content = subprocess.run(
        [dumped, "--data-only", db.cluster.dsn(db.name)], capture_output=True, check=True
    ).stdout
    assert CANARY[:-4].encode() not in content
    log = db.cluster.log.read_bytes()
    assert CANARY[:-4].encode() not in log


def test_key_is_sent_only_to_whom_it_is_for(db: Database, provider: Provider, start: Start) -> None:
    """Whoever may say where a model is called does not get a key by that."""
    add_model(db, provider, secret="open-ai")  # noqa: S106  its name
    add_table(db, 3)
    worker = start(STEWARD_SECRET_OPEN_AI=CANARY)
    eventually(lambda: worker.told("model cannot be called"))
    time.sleep(1)
    assert provider.requests == []
    assert claims(db) == 0
    (told,) = worker.told("model cannot be called")
    assert "STEWARD_SECRET_OPEN_AI_ORIGIN" in told["reason"]
    assert CANARY not in "".join(worker.raw)
    assert worker.stop() == 0
    start(STEWARD_SECRET_OPEN_AI=CANARY, STEWARD_SECRET_OPEN_AI_ORIGIN=provider.url)
    eventually(lambda: fresh(db) == 3)
