"""What the documents say is true: examples are run, and what they name exists."""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest

import docs
from pgenv import Problem
from support import ROOT, Database, run_program

README = ROOT / "README.md"
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:sql|scripts|tests|plpython|\.ci)/[a-z0-9_./-]*)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
WORKER_SECONDS = 30


# The examples ------------------------------------------------------------------------------------


class Model(BaseHTTPRequestHandler):
    """Stands in for a server that embeds: the same text has the same vector, no more than that."""

    def do_POST(self) -> None:
        """Answer as such servers do."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert request["model"] == "nomic-embed-text"
        vectors = [self._vector(text) for text in request["input"]]
        answer = json.dumps({"data": [{"embedding": vector} for vector in vectors]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    @staticmethod
    def _vector(text: str) -> list[float]:
        seed = hashlib.sha256(text.encode()).hexdigest()
        return [random.Random(seed + str(place)).uniform(-1, 1) for place in range(768)]  # noqa: S311

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def model_url() -> Iterator[str]:
    """Where the stand-in answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/embeddings"
        server.shutdown()


def printed_by_psql(database: Database, statements: str) -> str:
    """What psql prints, messages included, as a person sees it."""
    done = subprocess.run(
        [database.cluster.bin("psql"), "-X", "-P", "pager=off"],
        env=database.cluster.env(database.name) | {"LC_ALL": "C.UTF-8"},
        input=statements,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.rstrip().splitlines())


def run_worker(database: Database, program: str, user: str, url: str, folder: Path) -> None:
    """Run a worker, which never ends by itself, until nothing is left to do."""
    script = folder / "worker.py"
    script.write_text(program, encoding="utf-8")
    dsn = database.cluster.dsn(database.name, user)
    worker = subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"DATABASE": dsn, "EMBEDDINGS_URL": url, "NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + WORKER_SECONDS
        while database.value("select exists (select from steward.jobs)"):
            failed = worker.poll() is not None or time.monotonic() > deadline
            assert not failed, database.rows("select * from steward.jobs")
            time.sleep(0.05)
    finally:
        worker.terminate()
        output, _ = worker.communicate()
        print(output)


def test_worker_in_the_shell(db: Database, make_role: Callable[..., str], tmp_path: Path) -> None:
    """The one of the protocol's page, with a command that knows one text to fail."""
    page = (ROOT / "sql" / "WORKERS.md").read_text(encoding="utf-8")
    (program,) = (block[2] for block in BLOCK.finditer(page) if block[1] == "bash")
    db.run("create table notes (id integer primary key, body text)")
    db.run("select steward.add_model('tiny@1', 2, 'my server')")
    db.run("select steward.track('notes', 'body', model => 'tiny@1')")
    db.run(
        "insert into notes select n, %s || n from generate_series(1, 30) as n",
        "it's a \\ line\n|of ",
    )
    db.run("insert into notes values (31, 'bad')")
    command = tmp_path / "embed"
    command.write_text(
        "#!/bin/sh\ntext=$(cat)\n"
        "if [ \"$text\" = bad ]; then echo 'I cannot' >&2; exit 1; fi\n"
        'echo "[${#text},1]"\n',
        encoding="utf-8",
    )
    command.chmod(0o755)
    psql = Path(db.cluster.bin("psql"))
    environment = db.cluster.env(db.name) | {"PGUSER": make_role("steward_worker")}
    environment["PATH"] = f"{tmp_path}:{psql.parent}:{os.environ['PATH']}"
    worker = subprocess.Popen(
        ["bash", "-c", program], env=environment, cwd=tmp_path, start_new_session=True
    )
    try:
        until = time.monotonic() + WORKER_SECONDS
        while db.value("select count(*) from steward.jobs where last_error is null") > 0:
            assert worker.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait()
    assert db.run("select key, last_error, error_class from steward.jobs") == [
        ({"id": 31}, "I cannot", "transient")
    ]
    assert (
        db.run(
            "select 1 from steward_data.notes_1_chunk "
            "where embedding::text <> format('[%s,1]', length(chunk))"
        )
        == []
    )


def test_examples_of_readme(
    db: Database,
    make_role: Callable[..., str],
    model_url: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """In one new database, in their order: sql is followed by what psql prints, python is run."""
    readme = README.read_text(encoding="utf-8")
    user = make_role("steward_worker")
    blocks = list(BLOCK.finditer(readme))
    actual, position = "", 0
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        language, content = block.groups()
        if language == "python":
            run_worker(db, content, user, model_url, tmp_path)
        if language == "sql":
            assert following is not None and following[1] == "text", f"no output: {content}"
            assert readme[block.end() : following.start()].strip() == "", f"no output: {content}"
            output = printed_by_psql(db, content)
            actual += readme[position : following.start(2)] + output
            position = following.end(2)
    actual += readme[position:]
    assert any(block[1] == "python" for block in blocks)

    if request.config.getoption("accept"):
        README.write_text(actual, encoding="utf-8")
        return
    lines = difflib.unified_diff(
        readme.splitlines(), actual.splitlines(), "README.md", "what is printed", lineterm=""
    )
    assert actual == readme, "\n".join(["make accept takes what is printed:", *lines])


def test_crontab_lines_of_readme(db: Database) -> None:
    """They are those that steward.start() shows."""
    lines = [
        line.replace(f"-d {db.name} ", "-d mydb ")
        for (line,) in db.run("select crontab_line from steward._tasks() order by job_name")
    ]
    assert "\n".join(lines) in README.read_text(encoding="utf-8")


# The reference -----------------------------------------------------------------------------------


def test_reference_is_current(db: Database) -> None:
    """sql/REFERENCE.md is what the catalog of this version says, too."""
    with psycopg.connect(db.cluster.dsn(db.name)) as connection:
        message = docs.difference(docs.render(connection))
    assert message is None, message


def test_reference_is_checked(
    db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that differs is noticed, with what to do; so is one that is missing."""
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "REFERENCE", tmp_path / "REFERENCE.md")
    assert "run: make docs" in (docs.difference("new\n") or "")
    docs.REFERENCE.write_text("old\n", encoding="utf-8")
    assert "-old\n+new" in (docs.difference("new\n") or "")

    db.run("comment on function steward.version() is null")
    with (
        psycopg.connect(db.cluster.dsn(db.name)) as connection,
        pytest.raises(Problem, match=r"have no comment: version\."),
    ):
        docs.render(connection)


def test_reference_has_every_public_object(db: Database) -> None:
    """One that is in no group is noticed."""
    db.run("create view steward.unheard_of as select 1 as one")
    with (
        psycopg.connect(db.cluster.dsn(db.name)) as connection,
        pytest.raises(Problem, match=r"differ in: unheard_of\."),
    ):
        docs.render(connection)


# What is named -----------------------------------------------------------------------------------


@functools.cache
def text_of(path: Path) -> str:
    """A document."""
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """The headings of a document, as links name them."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", text_of(path)), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("name", [*DOCUMENTS, "sql/REFERENCE.md"])
def test_links_lead_somewhere(name: str) -> None:
    """Files and headings that are linked to exist."""
    document = ROOT / name
    for link in LINK.findall(BLOCK.sub("", text_of(document))):
        if link.startswith(("http:", "https:")):
            continue
        path, _, heading = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), f"{name} links to {link}"
        assert not heading or heading in anchors(target), f"{name} links to {link}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_exist(name: str) -> None:
    """Files and folders that are named exist."""
    for path in PATH.findall(text_of(ROOT / name)):
        assert (ROOT / path).exists(), f"{name} names {path}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_make_targets_exist(name: str) -> None:
    """So does what is to be made."""
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    code = "\n".join(re.findall(r"`[^`]+`|^```.*?^```$", text_of(ROOT / name), re.M | re.S))
    for target in re.findall(r"\bmake ([a-z][a-z-]*)", code):
        assert target in targets, f"{name} names make {target}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_functions_exist(db: Database, name: str) -> None:
    """Functions, procedures and views that are named exist."""
    known = {
        row[0]
        for row in db.run(
            "select proname from pg_proc where pronamespace = 'steward'::regnamespace "
            "union all select relname from pg_class where relnamespace = 'steward'::regnamespace"
        )
    }
    for function in re.findall(r"\bsteward\.(\w+)", text_of(ROOT / name)):
        assert function in known | {"control"}, f"{name} names steward.{function}"


def test_psql_finds_install_sql_as_readme_says(bare: Database) -> None:
    """From the top folder, by its relative path."""
    assert "-f sql/install.sql" in text_of(README)
    arguments = ["-X", "-q", "-f", os.path.relpath(ROOT / "sql" / "install.sql")]
    run_program(bare.cluster, bare.name, "psql", arguments)
