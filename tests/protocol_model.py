"""A model of how edits become documents, and a checker that walks through all it can do.

The model is one row of a tracked table with its marks, its job, its document, one writing
transaction at a time (a second one would wait for the row) and two workers. Whatever two sessions
can do at the same time is a step of its own, and every order of steps is tried: the checker visits
all states that can be reached and looks at each of them. What it does not know is SQL: a step
stands for statements, and is only as true as this list.

Which statement a step stands for (files in sql/src/code/functions):

- "edits", "deletes", "inserts", "leaves": the user's statement with the triggers that
  define_trigger_functions.sql makes: it locks the row and adds a mark; if the row is gone, it also
  takes the document away and writes down that it is gone. "leaves" is an UPDATE after which the row
  is no longer what the source's filter wants; it locks the row as an edit does. "edits with its
  vector" and "inserts with its vector" are what sync_row.sql does in transactional mode: it takes
  the job away and stores the document itself, without a mark. Nothing of all this is seen before
  "commits".
- "revokes", "clears", "folds": the three statements of the function that define_fold_function.sql
  makes, at the beginning of claim(), by one worker at a time: it takes the claims of rows that are
  gone away, forgets that they are gone where nobody has the job, and makes jobs of committed marks,
  deleting those whose job it could change.
- "takes": due_<space>() and claim_<space>() of define_space_functions.sql: locks the job, charges
  an attempt, gives it a token.
- "reads the row", "reads the document": the next two statements of plan_claims.sql, each under a
  snapshot of its own.
- "ends its claim": COMMIT, after settle_claims.sql has finished what needs no vector, or given it
  back.
- "locks" and "writes": the two halves of the function that define_finish_function.sql makes, which
  complete() calls: first all locks and checks, without waiting, then the changes and COMMIT.
- "fails", "releases": fail.sql and release.sql, by way of give_back.sql.
- "crashes": a worker is gone, with what it had not committed; its claim stays.
- "reaper": reap.sql. A lease may run out at any moment.
- "sees no marks", "truncates": empty_mark_table.sql. It looks again under its lock, so that it
  never truncates more than nothing; there are such steps only if that rule is broken.

The fields of Rules are what the protocol rests on. tests/test_protocol_model.py breaks each of them
and wants the checker to say how that goes wrong.

A version is a number that grows with every change of the row; 0 is no row. Two keys share nothing
but the lock of a fold, so that one is enough; a key that changes is a row deleted here and one
inserted there. A key used again is "deletes" and "inserts", in one transaction or two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Operation = Literal[
    "edits", "deletes", "inserts", "leaves", "edits with its vector", "inserts with its vector"
]
JobState = Literal["ready", "waiting", "claimed", "failed"]
Stage = Literal[
    "idle",
    "begun",
    "sweeping",
    "revoked",
    "cleared",
    "folded",
    "taken",
    "seen",
    "read",
    "claimed",
    "locked",
]
Verdict = Literal["", "vectors", "nothing", "busy", "stale", "superseded", "write", "remove"]

NAMES = "AB"
# more steps than any drain needs
STEPS_TO_DRAIN = 300


@dataclass(frozen=True)
class Rules:
    """What the protocol rests on. All of it is true; a mutant has one that is not."""

    # a job that is claimed when its mark is folded gets the next generation
    fold_raises_generation: bool = True
    # the marks of a job that somebody else has locked stay
    fold_leaves_marks_of_locked_jobs: bool = True
    # a ready job needs no change, but has to be locked to know that it is still ready
    fold_locks_ready_jobs: bool = True
    # a fold sees that there are no more marks after it has locked their table, not before
    sweep_looks_under_its_lock: bool = True
    # the row is read under a later snapshot than the one of the fold
    claim_reads_after_fold: bool = True
    # a token is never given again
    tokens_are_unique: bool = True
    # whoever completes must have the job's token
    complete_checks_token: bool = True
    # a job whose generation has been raised stays
    complete_checks_generation: bool = True
    # the row is locked, and without a row there is no document
    complete_checks_source: bool = True
    # with a filter or writers that store vectors, an UPDATE in progress makes complete() busy;
    # otherwise only a DELETE does
    complete_keeps_updates_out: bool = True
    # the document is the one that was there when the row was read
    complete_checks_revision: bool = True
    # a plan is not for the row whose key is known to have been another row's
    complete_checks_gone: bool = True
    # that a row is gone is not forgotten while somebody has its job
    fold_keeps_gone_of_held_jobs: bool = True
    # a claim of a row that is gone is taken away
    fold_revokes_claims_of_gone: bool = True
    # a writer that stores the document itself takes the job away, and waits for whoever has it
    sync_takes_job: bool = True
    # a claim that was lost is charged
    reap_charges: bool = True
    # a mark can be seen when the change can be
    mark_commits_with_change: bool = True
    # an edit leaves a mark
    edit_leaves_mark: bool = True
    # a row that is deleted leaves a mark
    delete_leaves_mark: bool = True
    # that a row was deleted is written down
    delete_notes_gone: bool = True
    # a row that is deleted takes its document along
    delete_removes_document: bool = True


@dataclass(frozen=True)
class Scenario:
    """What may happen, and how often."""

    name: str
    operations: tuple[Operation, ...]
    edits: int
    crashes: int = 1
    reaps: int = 1
    attempts: int = 2
    # one snapshot for the whole transaction of a writer, as under REPEATABLE READ
    old_snapshots: bool = False
    # a key that is used again never has the document of its earlier row, not even for a while
    documents_follow_rows: bool = True

    @property
    def keeps_updates_out(self) -> bool:
        return any(o == "leaves" or o.endswith("vector") for o in self.operations)


class Job(NamedTuple):
    state: JobState = "ready"
    token: int = 0
    generation: int = 1
    attempts: int = 0
    # of the claim that has the token
    claimed_generation: int = 0
    # only for the checker: claims lost or failed since attempts began anew
    losses: int = 0


class Writer(NamedTuple):
    """A transaction in progress: what the row will be, and what has been done for it."""

    version: int
    born: int
    changed: bool = False
    # locks the row against KEY SHARE also
    strong: bool = False
    mark: bool = False
    gone: bool = False
    # has taken the job away
    holds_job: bool = False
    document: Literal["kept", "removed", "written"] = "kept"
    # of the document in its snapshot
    snapshot: int = 0


class Worker(NamedTuple):
    stage: Stage = "idle"
    token: int = 0
    generation: int = 0
    plan: int = 0
    known: int = 0
    verdict: Verdict = ""
    # the job as it will be when the claim commits; nobody else can lock it until then
    pending: Job | None = None
    # has the lock of the fold
    folds: bool = False
    # has deleted marks, or what says that the row is gone
    took_marks: bool = False
    took_gone: bool = False
    holds_row: bool = False


class State(NamedTuple):
    version: int
    # version with which the row was inserted
    born: int
    document: int
    revision: int
    marks: bool
    gone: bool
    job: Job | None
    next_version: int
    edits: int
    crashes: int
    reaps: int
    writer: Writer | None = None
    workers: tuple[Worker, Worker] = (Worker(), Worker())


class Step(NamedTuple):
    label: str
    state: State
    # index of the worker that holds or held a claim
    worker: int | None = None


@dataclass(frozen=True)
class Violation:
    """What went wrong, and the steps that led to it."""

    problem: str
    trace: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((self.problem, *(f"  {step}" for step in self.trace)))


@dataclass(frozen=True)
class Result:
    states: int
    steps: int
    violation: Violation | None


IDLE = Worker()


class Model:
    """The protocol under some rules, in a scenario."""

    def __init__(self, scenario: Scenario, rules: Rules) -> None:
        self.scenario = scenario
        self.rules = rules
        self._drained: set[State] = set()

    def starts(self) -> Iterator[Step]:
        def start(document: int, marks: bool, job: Job | None) -> State:
            return State(
                version=1,
                born=1,
                document=document,
                revision=document,
                marks=marks,
                gone=False,
                job=job,
                next_version=2,
                edits=self.scenario.edits,
                crashes=self.scenario.crashes,
                reaps=self.scenario.reaps,
            )

        yield Step("a row without a document has a mark", start(0, True, None))
        yield Step("a row without a document has a job", start(0, False, Job()))
        yield Step("a row with its document has nothing to do", start(1, False, None))
        yield Step("a row with its document has a job", start(1, False, Job()))

    def steps(self, state: State) -> Iterator[Step]:
        yield from self._writer_steps(state)

        for n in range(len(state.workers)):
            yield from self._worker_steps(state, n)
            yield from self._crash(state, n)

        if state.reaps:
            yield from self._reap(state)

    # The writer

    def _writer_steps(self, state: State) -> Iterator[Step]:
        writer = state.writer

        if writer is not None:
            yield self._commit(state, writer)
            yield Step("writer rolls back", state._replace(writer=None))
        elif self.scenario.old_snapshots and state.edits:
            begun = Writer(state.version, state.born, snapshot=state.revision)
            yield Step("writer begins", state._replace(writer=begun))
            return

        if state.edits:
            for operation in self.scenario.operations:
                yield from self._operate(state, operation)

    def _operate(self, state: State, operation: Operation) -> Iterator[Step]:
        writer = state.writer or Writer(state.version, state.born)
        inserts = operation.startswith("inserts")
        leaves = operation in ("deletes", "leaves")
        with_vector = operation.endswith("vector")

        if inserts == (writer.version != 0):
            return

        strong = operation == "deletes"
        takes_job = with_vector and self.rules.sync_takes_job

        for worker in state.workers:
            # waits for the row
            if worker.holds_row and (strong or (not inserts and self._updates_kept_out())):
                return

        if takes_job and any(_has_job(worker) for worker in state.workers):
            return

        document = writer.document
        marks = self.rules.edit_leaves_mark

        if leaves:
            marks = self.rules.delete_leaves_mark
            removed = self._removes(state, writer)
            document = "removed" if removed else "kept"
        elif with_vector:
            marks = False
            document = "written"

        after = state._replace(
            edits=state.edits - 1,
            next_version=state.next_version + 1,
            marks=state.marks or (marks and not self.rules.mark_commits_with_change),
            writer=writer._replace(
                version=0 if leaves else state.next_version,
                born=state.next_version if inserts else writer.born,
                changed=True,
                strong=writer.strong or strong,
                mark=writer.mark or (marks and self.rules.mark_commits_with_change),
                gone=writer.gone or (leaves and self.rules.delete_notes_gone),
                holds_job=writer.holds_job or takes_job,
                document=document,
            ),
        )
        result = "" if leaves else f" (version {state.next_version})"
        yield Step(f"writer {operation}{result}", after)

    def _removes(self, state: State, writer: Writer) -> bool:
        """Whether a row that goes takes a document along: one that its snapshot can see."""
        if not self.rules.delete_removes_document:
            return False

        if writer.document != "kept":
            return True

        if self.scenario.old_snapshots:
            return 0 < writer.snapshot == state.revision

        return state.revision != 0

    def _commit(self, state: State, writer: Writer) -> Step:
        after = state._replace(
            version=writer.version,
            born=writer.born,
            marks=state.marks or writer.mark,
            gone=state.gone or writer.gone,
            job=None if writer.holds_job else state.job,
            writer=None,
        )

        if writer.document == "removed":
            after = after._replace(document=0, revision=0)
        elif writer.document == "written":
            after = self._store(after, writer.version)

        return Step("writer commits", after)

    @staticmethod
    def _store(state: State, version: int) -> State:
        return state._replace(document=version, revision=state.revision + 1)

    def _updates_kept_out(self) -> bool:
        return self.rules.complete_keeps_updates_out and self.scenario.keeps_updates_out

    # A worker

    def _worker_steps(  # noqa: PLR0912 - one case for each stage
        self, state: State, n: int
    ) -> Iterator[Step]:
        """What a worker can do next; the first is what brings it to its end."""
        worker = state.workers[n]

        match worker.stage:
            case "idle":
                if self.rules.claim_reads_after_fold:
                    yield from self._revoke(state, n)
                    yield from self._take(state, n)
                elif state.marks or state.gone or state.job is not None:
                    begun = Worker("begun", plan=state.version, known=state.revision)
                    yield self._step(state, n, "begins, and takes its snapshot", begun)
                if not (self.rules.sweep_looks_under_its_lock or state.marks):
                    yield self._step(state, n, "sees no marks", Worker("sweeping"))
            case "sweeping":
                others = any(w.took_marks for w in state.workers)
                if not others and not (state.writer is not None and state.writer.mark):
                    after = state._replace(marks=False)
                    yield self._step(after, n, "truncates the marks", IDLE)
                yield self._step(state, n, "does not get the lock of the marks", IDLE)
            case "begun":
                yield from self._revoke(state, n)
                yield from self._take(state, n)
                yield self._step(state, n, "finds nothing to do", IDLE)
            case "revoked":
                yield self._clear(state, n)
            case "cleared":
                yield self._fold(state, n)
            case "folded":
                taken = list(self._take(state, n))
                yield from taken or [self._end_claim(state, n)]
            case "taken":
                yield self._read(state, n)
            case "seen":
                yield self._look_up(state, n)
            case "read":
                yield self._end_claim(state, n)
            case "claimed":
                yield from self._lock(state, n)
                yield from self._give_up(state, n)
            case "locked":
                yield self._write(state, n)

    def _step(
        self, state: State, n: int, label: str, worker: Worker, *, as_holder: bool = False
    ) -> Step:
        return Step(
            f"worker {NAMES[n]} {label}",
            state._replace(workers=_with(state, n, worker)),
            n if as_holder else None,
        )

    @staticmethod
    def _is_locked(state: State, n: int | None = None) -> bool:
        """Whether somebody other than worker n has the job locked."""
        return (state.writer is not None and state.writer.holds_job) or any(
            _has_job(w) for i, w in enumerate(state.workers) if i != n
        )

    def _revoke(self, state: State, n: int) -> Iterator[Step]:
        if not (state.marks or state.gone) or any(w.folds for w in state.workers):
            return

        writer = state.writer

        if not (state.gone or (writer is not None and writer.gone)):
            # The first two statements see nothing. That they come now is no loss: if they shall see
            # nothing and the third something, they can still come before that is committed.
            begun = state._replace(workers=_with(state, n, state.workers[n]._replace(folds=True)))
            yield self._fold(begun, n)
            return

        worker = state.workers[n]._replace(stage="revoked", folds=True)
        job = state.job
        label = "begins to fold"

        if (
            self.rules.fold_revokes_claims_of_gone
            and state.gone
            and job is not None
            and job.token
            and not self._is_locked(state)
        ):
            worker = worker._replace(pending=Job(generation=job.generation))
            label = "begins to fold, and revokes the claim"

        yield self._step(state, n, label, worker)

    def _clear(self, state: State, n: int) -> Step:
        worker = state.workers[n]._replace(stage="cleared")

        if not state.gone:
            return self._step(state, n, "has nothing to clear", worker)

        job = worker.pending or state.job
        is_free = job is not None and not job.token and not self._is_locked(state, n)

        if is_free:
            worker = worker._replace(pending=job)

        if job is None or is_free or not self.rules.fold_keeps_gone_of_held_jobs:
            worker = worker._replace(took_gone=True)
            return self._step(state._replace(gone=False), n, "clears what is gone", worker)

        return self._step(state, n, "cannot clear what is gone", worker)

    def _fold(self, state: State, n: int) -> Step:
        rules = self.rules
        worker = state.workers[n]._replace(stage="folded")
        job = worker.pending or state.job

        if not state.marks:
            return self._step(state, n, "has nothing to fold", worker)

        if self._is_locked(state, n):
            is_ready = job is not None and job.state == "ready"

            # nobody but a fold adds a job, so that one being added cannot be met here
            if rules.fold_leaves_marks_of_locked_jobs and (
                rules.fold_locks_ready_jobs or not is_ready
            ):
                return self._step(state, n, "cannot fold the mark", worker)
        elif job is None:
            worker = worker._replace(pending=Job())
        elif job.state == "claimed":
            more = 1 if rules.fold_raises_generation else 0
            worker = worker._replace(pending=job._replace(generation=job.generation + more))
        elif job.state == "ready":
            worker = worker._replace(pending=job if rules.fold_locks_ready_jobs else None)
        else:
            worker = worker._replace(pending=job._replace(state="ready", attempts=0, losses=0))

        worker = worker._replace(took_marks=True)
        return self._step(state._replace(marks=False), n, "folds", worker)

    def _take(self, state: State, n: int) -> Iterator[Step]:
        worker = state.workers[n]
        job = worker.pending

        if job is None:
            if self._is_locked(state, n):
                return
            job = state.job

        if job is None or job.state not in ("ready", "waiting"):
            return

        token = 1

        if self.rules.tokens_are_unique:
            used = {w.token for w in state.workers}
            token = next(t for t in range(1, 4) if t not in used)

        taken = worker._replace(
            stage="taken",
            token=token,
            generation=job.generation,
            pending=job._replace(
                state="claimed",
                token=token,
                attempts=job.attempts + 1,
                claimed_generation=job.generation,
            ),
        )
        yield self._step(state, n, f"takes the job (token {token})", taken)

    def _read(self, state: State, n: int) -> Step:
        worker = state.workers[n]._replace(stage="seen")

        if self.rules.claim_reads_after_fold:
            worker = worker._replace(plan=state.version)

        return self._step(state, n, f"reads the row (version {worker.plan})", worker)

    def _look_up(self, state: State, n: int) -> Step:
        worker = state.workers[n]

        if self.rules.claim_reads_after_fold:
            worker = worker._replace(known=state.revision)

        unchanged = worker.plan in (0, state.document)
        worker = worker._replace(stage="read", verdict="nothing" if unchanged else "vectors")
        return self._step(state, n, f"reads the document (revision {worker.known})", worker)

    def _end_claim(self, state: State, n: int) -> Step:
        """Commits; what needs no vector is finished before, or given back."""
        worker = state.workers[n]

        if worker.stage == "folded":
            if worker.pending is not None:
                state = state._replace(job=worker.pending)
            return self._step(state, n, "ends its claim without a job", IDLE)

        state = state._replace(job=worker.pending)

        if worker.verdict == "vectors":
            claimed = Worker("claimed", worker.token, worker.generation, worker.plan, worker.known)
            return self._step(state, n, "ends its claim", claimed)

        verdict, _ = self._decide(state, n)

        if verdict in ("busy", "superseded"):
            assert worker.pending is not None
            after = state._replace(job=_uncharged(worker.pending))
            return self._step(after, n, f"ends its claim: {verdict}", IDLE)

        after = self._apply(state, worker, verdict)
        return self._step(after, n, f"ends its claim: nothing to embed, {verdict}", IDLE)

    def _decide(  # noqa: PLR0911 - one for each answer
        self, state: State, n: int
    ) -> tuple[Verdict, bool]:
        """The locks and checks of complete(); and whether the row is locked now."""
        rules = self.rules
        worker = state.workers[n]
        writer = state.writer
        has_row = state.version != 0

        if rules.complete_checks_source:
            is_locked = writer is not None and (
                writer.strong or (writer.changed and self._updates_kept_out())
            )
            if has_row and is_locked:
                return "busy", False
        else:
            has_row = worker.plan != 0

        holds_row = has_row and rules.complete_checks_source
        job = state.job

        if rules.complete_checks_token and (job is None or job.token != worker.token):
            return "stale", False

        if self._is_locked(state, n):
            return "busy", False

        if state.revision and writer is not None and writer.document != "kept":
            return "busy", False

        if has_row:
            if rules.complete_checks_revision and worker.known != state.revision:
                return "superseded", False

            # what somebody else has cleared and not yet committed is still to be seen
            gone = state.gone or any(w.took_gone for i, w in enumerate(state.workers) if i != n)
            if rules.complete_checks_gone and gone:
                return "superseded", False

        return ("write" if has_row and worker.plan else "remove"), holds_row

    def _apply(self, state: State, worker: Worker, verdict: Verdict) -> State:
        if verdict == "write":
            state = self._store(state, worker.plan)
        else:
            state = state._replace(document=0, revision=0)

        job = state.job

        if job is None or (
            job.generation == worker.generation or not self.rules.complete_checks_generation
        ):
            return state._replace(job=None)

        return state._replace(job=Job("waiting", generation=job.generation))

    def _lock(self, state: State, n: int) -> Iterator[Step]:
        worker = state.workers[n]
        verdict, holds_row = self._decide(state, n)

        if verdict == "busy":
            return

        if verdict == "stale":
            yield self._step(state, n, "completes: it has lost its token", IDLE, as_holder=True)
        elif verdict == "superseded":
            after = state if state.job is None else state._replace(job=_uncharged(state.job))
            yield self._step(after, n, "completes: superseded", IDLE, as_holder=True)
        else:
            locked = worker._replace(stage="locked", verdict=verdict, holds_row=holds_row)
            yield self._step(state, n, "locks row, job and document", locked)

    def _write(self, state: State, n: int) -> Step:
        worker = state.workers[n]
        after = self._apply(state, worker, worker.verdict)
        what = f"version {worker.plan}" if worker.verdict == "write" else "no document"
        return self._step(after, n, f"writes {what}", IDLE, as_holder=True)

    def _give_up(self, state: State, n: int) -> Iterator[Step]:
        """fail() and release(): refused, and nothing is changed, without the token."""
        job = state.job

        if job is None or job.token != state.workers[n].token or self._is_locked(state):
            return

        after = state._replace(job=self._charged(job))
        yield self._step(after, n, "fails", IDLE, as_holder=True)
        after = state._replace(job=_uncharged(job))
        yield self._step(after, n, "releases", IDLE, as_holder=True)

    def _charged(self, job: Job) -> Job:
        if job.generation != job.claimed_generation:
            return Job("waiting", generation=job.generation)

        return Job(
            "failed" if job.attempts >= self.scenario.attempts else "waiting",
            generation=job.generation,
            attempts=job.attempts,
            losses=job.losses + 1,
        )

    def _crash(self, state: State, n: int) -> Iterator[Step]:
        worker = state.workers[n]

        if state.crashes and worker.stage != "idle":
            after = state._replace(
                crashes=state.crashes - 1,
                marks=state.marks or worker.took_marks,
                gone=state.gone or worker.took_gone,
            )
            yield self._step(after, n, "crashes", IDLE)

    def _reap(self, state: State) -> Iterator[Step]:
        job = state.job

        if job is None or job.state != "claimed" or self._is_locked(state):
            return

        charged = self._charged(job)

        if not self.rules.reap_charges:
            charged = charged._replace(state="waiting", attempts=max(job.attempts - 1, 0))

        yield Step("reaper", state._replace(job=charged, reaps=max(state.reaps - 1, 0)))

    # What must never be

    def step_problem(self, before: State, step: Step) -> str | None:
        after = step.state

        if step.worker is not None:
            token = before.workers[step.worker].token
            held = before.job is not None and before.job.token == token

            if not held and (
                (before.document, before.revision, before.job)
                != (after.document, after.revision, after.job)
            ):
                return "a worker that had lost its token changed something"

        if step.label.startswith("worker"):
            if before.document > after.document > 0:
                return "an older result took the place of a newer one"

            if before.document and not after.document and before.document == before.version:
                return "the document of a row that is there was removed"

        return None

    def state_problem(self, state: State) -> tuple[str, tuple[str, ...]] | None:
        """What is wrong with a state, and the steps that show it."""
        problem = self._state_problem(state)
        return (problem, ()) if problem is not None else self._drain_problem(state)

    def _state_problem(self, state: State) -> str | None:
        if state.document and not state.version and not self.scenario.old_snapshots:
            return "there is a document and no row"

        if 0 < state.document < state.born and self.scenario.documents_follow_rows:
            return "the document is that of an earlier row of the same key"

        tokens = [w.token for w in state.workers if w.token]

        if len(tokens) != len(set(tokens)):
            return "two workers have the same token"

        job = state.job

        if job is not None and max(job.losses, job.attempts) > self.scenario.attempts:
            return "attempts do not end"

        if (
            not state.marks
            and job is None
            and state.writer is None
            and not any(w.took_marks or w.pending is not None for w in state.workers)
            and state.document != state.version
        ):
            return f"lost: nothing to do, the row is {state.version}, the document {state.document}"

        return None

    def _drain_problem(self, state: State) -> tuple[str, tuple[str, ...]] | None:
        """Whether everybody who goes on with what they do comes to an end, and to the right one."""
        path: list[State] = []
        labels: list[str] = []
        now = state

        while now not in self._drained:
            path.append(now)
            step = self._drain_step(now)

            if step is None:
                problem = self._end_problem(now)
                if problem is not None:
                    return problem, tuple(labels)
                break

            labels.append(step.label)
            now = step.state

            if len(path) > STEPS_TO_DRAIN:
                return "it does not come to an end", tuple(labels)

        self._drained.update(path)
        return None

    @staticmethod
    def _end_problem(end: State) -> str | None:
        failed = end.job is not None and end.job.state == "failed"

        if end.marks or end.gone or (end.job is not None and not failed):
            return "stuck: there is something to do and nobody can do it"

        if end.document != end.version and not failed:
            return f"lost: in the end the row is {end.version}, the document {end.document}"

        return None

    def _drain_step(self, state: State) -> Step | None:
        if state.writer is not None:
            return self._commit(state, state.writer)

        # whoever is in a transaction has locks: they come first
        for n, worker in sorted(
            enumerate(state.workers), key=lambda item: item[1].stage == "claimed"
        ):
            if worker.stage != "idle":
                for step in self._worker_steps(state, n):
                    return step

        for step in self._reap(state):
            return step

        if (
            state.marks
            or state.gone
            or (state.job is not None and state.job.state in ("ready", "waiting"))
        ):
            for step in self._worker_steps(state, 0):
                return step

        return None


def _nameless(state: State) -> State:
    """The same for two states in which the workers have only changed places."""
    one, other = state.workers
    return state if hash(one) <= hash(other) else state._replace(workers=(other, one))


def _with(state: State, n: int, worker: Worker) -> tuple[Worker, Worker]:
    return (worker, state.workers[1]) if n == 0 else (state.workers[0], worker)


def _has_job(worker: Worker) -> bool:
    return worker.pending is not None or worker.stage == "locked"


def _uncharged(job: Job) -> Job:
    if job.generation != job.claimed_generation:
        return Job("waiting", generation=job.generation)

    return Job("waiting", generation=job.generation, attempts=job.attempts - 1, losses=job.losses)


def check(scenario: Scenario, rules: Rules | None = None) -> Result:
    """Visit all states, nearest first, until one is wrong."""
    model = Model(scenario, rules or Rules())
    parents: dict[State, tuple[State | None, str]] = {}
    seen: set[State] = set()
    queue: deque[State] = deque()
    steps = 0

    def trace(state: State, *more: str) -> tuple[str, ...]:
        labels: list[str] = []
        here: State | None = state

        while here is not None:
            here, label = parents[here]
            labels.append(label)

        return (*reversed(labels), *more)

    for start in model.starts():
        parents[start.state] = (None, start.label)
        seen.add(start.state)
        queue.append(start.state)

    while queue:
        state = queue.popleft()
        found = model.state_problem(state)

        if found is not None:
            return Result(len(parents), steps, Violation(found[0], trace(state, *found[1])))

        for step in model.steps(state):
            steps += 1
            problem = model.step_problem(state, step)

            if problem is not None:
                return Result(len(parents), steps, Violation(problem, trace(state, step.label)))

            nameless = _nameless(step.state)

            if nameless not in seen:
                seen.add(nameless)
                parents[step.state] = (state, step.label)
                queue.append(step.state)

    return Result(len(parents), steps, None)


QUEUED = Scenario("queued", ("edits", "deletes", "inserts"), edits=3)
FILTERED = Scenario("filtered", ("edits", "leaves", "inserts"), edits=2)
TRANSACTIONAL = Scenario(
    "transactional",
    ("edits", "deletes", "inserts", "edits with its vector", "inserts with its vector"),
    edits=2,
)
# There a document may outlive its row for a while, because the snapshot of the one who deleted the
# row could not see it. Search asks the source for the row and does not show it. But if a row with
# the same key comes before a worker does, that row has the document of the old one until then.
OLD_SNAPSHOTS = Scenario(
    "old snapshots",
    ("edits", "deletes", "inserts"),
    edits=2,
    old_snapshots=True,
    documents_follow_rows=False,
)
CRASHES = Scenario("crashes", ("edits",), edits=1, crashes=6, reaps=6, attempts=4)

SCENARIOS = (QUEUED, FILTERED, TRANSACTIONAL, OLD_SNAPSHOTS, CRASHES)
