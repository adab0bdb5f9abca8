"""The second part of the demo: a worker outside of the database, and a provider that fails."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from demo_provider import DIMENSIONS, DemoProvider
from demo_stage import DBNAME, POLL_SECONDS, ROOT, Failed, Session, Story

TICKETS = 120
EDITS_A_SECOND = 25
EDITS, EDITS_IN_OUTAGE, EDITS_AFTER = 75, 40, 25
# for a machine that is very slow; otherwise facts are waited for
PATIENCE = 120.0
STOPPING = 10.0
# in seconds: what has waited longer tells more than how long the last edit took
SOON = 0.3
# so long the pause shall still last while the story shows what is in it
UNDISTURBED = 1.5
LOG_LINES = 20

THINGS = ("coffee machine", "lift", "projector", "heating", "printer", "door", "lamp")
TROUBLES = (
    "makes a noise like a saw",
    "does not switch on any more",
    "leaks water on the carpet",
    "is hot and smells of rubber",
    "stops after a minute",
)

QUERY = """
    select s.key, round(s.similarity::numeric, 2) as similarity, s.chunk
    from steward.search('tickets', 'smoke comes out of the printer', 3) as s;
"""

FRESHNESS = """
    select f.fresh, f.documents, f.pending, extract(epoch from f.oldest_pending)::float8,
        (
            select extract(epoch from d.lag)::float8 from steward.decisions as d
            where d.source = f.source order by d.decision_id desc limit 1
        )
    from steward.freshness as f
    where f.source = 'tickets'::regclass
"""


def tell(story: Story) -> None:
    """The story of an outage, from a table of tickets to one that nobody misses."""
    with DemoProvider() as provider, worker_log(story) as log:
        prepare(story, provider)
        with (
            Worker(story, log) as worker,
            Editor(story.cluster.dsn(DBNAME)) as editor,
            Watch(story, worker, editor) as watch,
            Session(story) as session,
        ):
            run_well(story, editor, watch, session)
            run_without_provider(story, provider, editor, watch, session)
            recover(story, provider, editor, watch, session)
    story.terminal.tell(
        """Worker and provider have been stopped. So this table is looked after no longer, and
        nothing of pg_steward stays with it."""
    )
    story.show("select steward.untrack('tickets');")


def prepare(story: Story, provider: DemoProvider) -> None:
    """A table, and a model that is somewhere else."""
    tell, show = story.terminal.tell, story.show
    tell(
        f"""Until now the database did all the work, with a model of its own. Other models are
        behind an address. Here one is on loopback, a few lines in scripts/demo_provider.py that
        speak OpenAI's protocol; and there is a table with {TICKETS} tickets that change all the
        time."""
    )
    show(
        f"""
        select steward.add_model('demo/remote@1', dimensions => {DIMENSIONS},
            provider => 'openai', endpoint => '{provider.url}');
        """
    )
    show("select step, status, detail from steward.test_model('demo/remote@1');")
    show("create table tickets (id integer primary key, body text not null);")
    with psycopg.connect(story.cluster.dsn(DBNAME)) as connection:
        connection.cursor().executemany(
            "insert into tickets values (%s, %s)",
            [(number, ticket(number)) for number in range(1, TICKETS + 1)],
        )
    show("select steward.track('tickets', content => 'body', model => 'demo/remote@1');")


def run_well(story: Story, editor: Editor, watch: Watch, session: Session) -> None:
    """The worker begins, and keeps up with the edits."""
    watch.until(lambda: watch.pending == 0)
    story.terminal.tell(
        f"""All are embedded. Now somebody edits {EDITS_A_SECOND} tickets a second. Each is found by
        its new text a moment later, which is the lag."""
    )
    editor.go_on(EDITS)
    watch.until(lambda: editor.is_done and watch.pending == 0)
    session.show(QUERY)


def run_without_provider(
    story: Story, provider: DemoProvider, editor: Editor, watch: Watch, session: Session
) -> None:
    """What happens while nobody answers."""
    tell, show = story.terminal.tell, story.show
    tell(
        """Now the provider is down: it answers 503, whatever it is asked. The edits go on, writers
        notice nothing, and freshness says how much is waiting."""
    )
    provider.is_down = True
    show("insert into tickets values (999, 'Smoke comes out of the printer in the mail room.');")
    editor.go_on(EDITS_IN_OUTAGE)
    watch.until(lambda: editor.is_done and watch.is_left_alone_for(UNDISTURBED))
    tell(
        """No row that waits has lost an attempt, because it is not the fault of any; one that the
        worker holds is charged only until it gives it back. And health says it first."""
    )
    show(
        """
        select state, count(*) as rows, max(attempts) as charged, max(last_error) as last_error
        from steward.jobs
        where source = 'tickets'::regclass
        group by state;
        """
    )
    show(
        """
        select status, figure from steward.health()
        where check_name = 'source' and source = 'tickets'::regclass;
        """
    )
    tell(
        """Search goes on with the vectors that there are; that of the query this session remembers.
        Only what was written since is not found yet."""
    )
    session.show(QUERY)


def recover(
    story: Story, provider: DemoProvider, editor: Editor, watch: Watch, session: Session
) -> None:
    """It answers again."""
    tell, show = story.terminal.tell, story.show
    tell(
        """The provider is back. Nobody has to do anything: the worker asks again now and then, and
        embeds what has been waiting."""
    )
    provider.is_down = False
    editor.go_on(EDITS_AFTER)
    watch.until(lambda: editor.is_done and watch.pending == 0)
    session.show(QUERY)
    tell("Nothing was lost, nothing failed, and every row has the vectors of its text.")
    show(
        """
        select
            (select count(*) from steward.verify('tickets')) as differences,
            (select count(*) from steward.failures) as failures;
        """
    )


def ticket(number: int) -> str:
    """The text of a ticket; each number makes another one."""
    thing = THINGS[number % len(THINGS)]
    trouble = TROUBLES[number % len(TROUBLES)]
    return f"The {thing} in room {number} {trouble}."


@contextmanager
def worker_log(story: Story) -> Iterator[Path]:
    """Where the worker's log goes; its end is shown if the story fails."""
    path = story.cluster.folder / "steward-worker.log"
    try:
        yield path
    except Failed:
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            story.terminal.write("\n".join(["the worker said:", *lines[-LOG_LINES:]]))
        raise


class Worker:
    """scripts/steward-worker, as a process."""

    def __init__(self, story: Story, log: Path) -> None:
        arguments = ["--model", "demo/remote@1", "--poll-max", "200ms"]
        story.terminal.tell("The worker: a process of its own, on this machine or another.")
        story.terminal.command(f"scripts/steward-worker --dsn ... {' '.join(arguments)}")
        command = [
            *(sys.executable, str(ROOT / "scripts" / "steward-worker")),
            *("--dsn", story.cluster.dsn(DBNAME), "--log-format", "text", "--no-progress"),
            *arguments,
        ]
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=file)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOPPING)
        finally:
            self._process.kill()
            self._process.wait()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None


class Editor:
    """Somebody who edits one ticket after the other, at a steady pace, when told to."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._left = 0
        self._changed = threading.Condition()
        self._is_closed = False
        self._error: psycopg.Error | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Editor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def go_on(self, edits: int) -> None:
        """Make so many more."""
        with self._changed:
            self._left += edits
            self._changed.notify_all()

    @property
    def is_done(self) -> bool:
        """Whether all have been made."""
        if self._error is not None:
            raise self._error
        return self._left == 0

    def _run(self) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                for number in itertools.count(TICKETS + 1):
                    with self._changed:
                        self._changed.wait_for(lambda: self._left or self._is_closed)
                        if self._is_closed:
                            return
                    row = number % TICKETS + 1
                    connection.execute(
                        "update tickets set body = %s where id = %s", [ticket(number), row]
                    )
                    with self._changed:
                        self._left -= 1
                    time.sleep(1 / EDITS_A_SECOND)
        except psycopg.Error as error:
            self._error = error


class Watch:
    """Looks all the time how fresh the tickets are, and shows it."""

    def __init__(self, story: Story, worker: Worker, editor: Editor) -> None:
        self._terminal = story.terminal
        self._worker = worker
        self._editor = editor
        self._connection: psycopg.Connection[Any] = psycopg.connect(
            story.cluster.dsn(DBNAME), autocommit=True
        )
        self.pending = -1

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def until(self, holds: Callable[[], bool]) -> None:
        """Show it until something holds."""
        until = time.monotonic() + PATIENCE
        while True:
            # Asked before the look, so that a look after the last edit decides.
            is_done = self._editor.is_done
            fresh, total, self.pending, oldest, lag = self._look()
            has_ended = is_done and holds()
            told = f"fresh, {self.pending:2} pending"
            if oldest is not None and (lag is None or oldest > SOON):
                told += f", oldest {oldest:.1f} s"
            elif lag is not None:
                told += f", lag {1000 * lag:4.0f} ms"
            self._terminal.progress(fresh, total, told, is_last=has_ended)
            if has_ended:
                return
            if not self._worker.is_alive or time.monotonic() > until:
                self._terminal.write()
                what = "took too long" if self._worker.is_alive else "has ended"
                self._terminal.write(f"error: the worker {what}")
                raise Failed
            time.sleep(POLL_SECONDS)

    def is_left_alone_for(self, seconds: float) -> bool:
        """Whether the worker has found the provider down, holds no row, and takes none so soon."""
        found = self._connection.execute(
            "select from steward.spaces where source = 'tickets'::regclass "
            "and paused_until > now() + make_interval(secs => %s) and not exists ("
            "select from steward.jobs where source = 'tickets'::regclass and state = 'claimed')",
            [seconds],
        )
        return found.rowcount > 0

    def _look(self) -> tuple[int, int, int, float | None, float | None]:
        ((fresh, total, pending, oldest, lag),) = self._connection.execute(FRESHNESS).fetchall()
        return fresh, total, pending, oldest, lag
