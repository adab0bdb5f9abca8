"""Results and failures, many at once: each claim has its own outcome, and who is to blame pays."""

from __future__ import annotations

import random

import psycopg
import pytest

from support import Database

GOOD = "[1,0]"


@pytest.fixture
def notes(db: Database) -> Database:
    """A tracked table with four rows, whose vectors a worker of ours makes."""
    db.run("create table notes (id integer primary key, body text)")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine', price => 1000)")
    db.run("select steward.track('notes', content => 'body', model => 'tiny@1')")
    db.run("insert into notes select n, 'note ' || n from generate_series(1, 4) as n")
    return db


def claim(db: Database, batch: int = 10) -> list[int]:
    """The tokens of what there is to do, in the order of the rows."""
    return [
        token
        for (token,) in db.run(
            "select token from steward.claim('w', %s) order by (key ->> 'id')::integer", batch
        )
    ]


def complete(db: Database, tokens: list[int], vectors: list[str | None]) -> dict[int, str]:
    """What came of each claim."""
    rows = db.run(
        "select token, outcome from steward.complete(%s::bigint[], %s::text[])", tokens, vectors
    )
    assert len(rows) == len({token for token, _ in rows})
    return {token: str(outcome) for token, outcome in rows}


def fail(
    db: Database, tokens: list[int], kind: str, retry_after: str | None = None
) -> dict[int, str]:
    """What came of each failure."""
    return dict(
        db.run(
            "select token, outcome from steward.fail(%s::bigint[], 'no luck', %s, %s)",
            tokens,
            kind,
            retry_after,
        )
    )


def jobs(db: Database) -> list[tuple[str, int, str | None]]:
    """What is to be done, by the order of the rows."""
    return [
        (state, attempts, kind)
        for state, attempts, kind in db.run(
            "select state, attempts, error_class from steward.jobs order by (key ->> 'id')::integer"
        )
    ]


def forward(db: Database) -> None:
    """Let waiting times and pauses be over."""
    db.run(
        "update steward_data.notes_1_job set available_at = now() - interval '1 second' "
        "where available_at is not null"
    )
    db.run(
        "update steward_private.space set paused_until = now() - interval '1 second' "
        "where paused_until is not null and paused_until <> 'infinity'"
    )


@pytest.mark.parametrize("bad", ["nonsense", "[NaN,1]", "[0,0]", None, "[1e50,1]"])
def test_bad_vector_spoils_only_its_own_claim(notes: Database, bad: str | None) -> None:
    """It is charged to its row, with the reason; the others are stored."""
    first, second, third, fourth = claim(notes)
    outcomes = complete(notes, [first, second, third, fourth], [GOOD, bad, GOOD, GOOD])
    assert outcomes == {first: "embedded", second: "failed", third: "embedded", fourth: "embedded"}
    assert jobs(notes) == [("pending", 1, "item")]
    assert notes.value("select last_error from steward.jobs") is not None


def test_vectors_of_another_model_pause_the_space(notes: Database) -> None:
    """Nobody is charged, nothing is stored of them, and it is seen where one looks."""
    first, second, third, fourth = claim(notes)
    outcomes = complete(notes, [first, second, third, fourth], [GOOD, "[1,0,0]", GOOD, GOOD])
    assert outcomes[second] == "refused"
    assert sorted(outcomes.values()) == ["embedded", "embedded", "embedded", "refused"]
    assert jobs(notes) == [("pending", 0, "configuration")]
    forward(notes)
    assert claim(notes) == []
    assert notes.run(
        "select status, detail from steward.check() where item = 'source public.notes'"
    ) == [("critical", "it cannot be worked on: vector has 3 dimensions, not 2")]
    notes.run("select steward.resume('notes')")
    assert len(claim(notes)) == 1


def test_wrong_number_of_vectors_is_refused(notes: Database) -> None:
    """The others of the batch are stored."""
    first, second, *_ = claim(notes)
    outcomes = complete(notes, [first, first, second], [GOOD, GOOD, GOOD])
    assert outcomes == {first: "refused", second: "embedded"}


def test_batch_with_claims_that_were_lost(notes: Database) -> None:
    """Their results change nothing; the others are stored."""
    first, second, third, fourth = claim(notes)
    notes.run("select steward.release(%s)", second)
    assert complete(notes, [first, 12345, second, third], [GOOD] * 4) == {
        first: "embedded",
        12345: "stale",
        second: "stale",
        third: "embedded",
    }
    assert complete(notes, [first], [GOOD]) == {first: "stale"}
    assert complete(notes, [fourth], [GOOD]) == {fourth: "embedded"}


def test_batch_of_several_sources_and_texts(notes: Database) -> None:
    """Each vector goes to its own text, in whatever order the claims are handed in."""
    notes.run("create table long (id integer primary key, body text)")
    notes.run("select steward.add_model('wide@1', 3, 'mine')")
    notes.run(
        "select steward.track('long', 'body', model => 'wide@1', chunking => '{\"size\": 200}')"
    )
    notes.run(
        "insert into long select d, "
        "(select string_agg('Sentence ' || n || ' of ' || d || '.', ' ') "
        "from generate_series(1, 40) as n) from generate_series(1, 5) as d"
    )
    rows = notes.run("select token, texts, dimensions from steward.claim('w', 100)")
    assert len(rows) == 9
    random.Random(4).shuffle(rows)  # noqa: S311
    tokens, vectors = [], []
    for token, texts, dimensions in rows:
        for text in texts:
            tokens.append(token)
            vectors.append(str([float(len(text) + 7 * ord(text[-2])), 1.0, 2.0][:dimensions]))
    assert set(complete(notes, tokens, list(vectors)).values()) == {"embedded"}
    stored = notes.run("select chunk, embedding::text from steward_data.long_2_chunk")
    assert len(stored) > 15
    for chunk, embedding in stored:
        assert embedding == f"[{len(chunk) + 7 * ord(chunk[-2])},1,2]"
    assert notes.run("select * from steward.verify('long')") == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            "array[1, 2], array['[1,0]']",
            psycopg.errors.InvalidParameterValue,
            "each vector needs the token of its claim",
        ),
        (
            "array[1, null], array['[1,0]', '[1,0]']",
            psycopg.errors.NullValueNotAllowed,
            "a token must not be null",
        ),
        (
            "null::bigint[], array['[1,0]']",
            psycopg.errors.InvalidParameterValue,
            "each vector needs the token of its claim",
        ),
        (
            "array[1]::bigint[], null::text[]",
            psycopg.errors.InvalidParameterValue,
            "each vector needs the token of its claim",
        ),
        (
            "array[1], array['[1,0]'], -1",
            psycopg.errors.InvalidParameterValue,
            "tokens_used must not be negative",
        ),
    ],
)
def test_arguments_of_complete(
    notes: Database, arguments: str, error: type[psycopg.Error], message: str
) -> None:
    """What cannot be meant is an error, and changes nothing."""
    claim(notes)
    with pytest.raises(error) as caught:
        notes.run(f"select * from steward.complete({arguments})")
    assert caught.value.diag.message_primary == message
    assert [state for state, _, _ in jobs(notes)] == ["claimed"] * 4


def test_item_failures_are_charged_until_they_end(notes: Database) -> None:
    """Four attempts; then failed, with a decision, and nobody else is held up."""
    for attempt in range(1, 5):
        forward(notes)
        tokens = claim(notes)
        outcome = "failed" if attempt == 4 else "pending"
        assert fail(notes, tokens[:1], "item") == {tokens[0]: outcome}
        if tokens[1:]:
            complete(notes, tokens[1:], [GOOD] * 3)
    assert jobs(notes) == [("failed", 4, "item")]
    assert notes.run("select key, reason from steward.decisions where outcome = 'failed'") == [
        ({"id": 1}, "no luck")
    ]
    assert notes.value("select steward.retry_failed('notes')") == 1
    assert complete(notes, claim(notes), [GOOD]) != {}


def test_provider_that_is_away_charges_nobody(notes: Database) -> None:
    """However often it is tried; the space pauses longer and longer, and goes on by itself."""
    pauses = []
    for _ in range(8):
        forward(notes)
        tokens = claim(notes)
        assert len(tokens) == 4
        assert set(fail(notes, tokens, "transient").values()) == {"pending"}
        assert claim(notes) == []
        pauses.append(
            notes.value(
                "select extract(epoch from paused_until - now())::float from steward_private.space"
            )
        )
    assert jobs(notes) == [("pending", 0, "transient")] * 4
    assert pauses[-1] > 30 * pauses[0] > 0
    forward(notes)
    tokens = claim(notes)
    assert set(complete(notes, tokens, [GOOD] * 4).values()) == {"embedded"}
    assert notes.run("select problem, paused_until, setbacks from steward_private.space") == [
        (None, None, 0)
    ]


def test_row_that_always_fails_while_others_get_through_is_charged(notes: Database) -> None:
    """A text that makes the provider fall over looks like an outage, but for the others."""
    for attempt in range(6):
        forward(notes)
        tokens = claim(notes)
        fail(notes, tokens[:1], "transient")
        notes.run("update notes set body = body || '.' where id = 2")
        notes.run("select steward.resume('notes')")
        others = [token for token in [*tokens[1:], *claim(notes)] if token != tokens[0]]
        complete(notes, others, [GOOD] * len(others))
        if ("failed", 4, "transient") in jobs(notes):
            assert attempt >= 4
            return
    raise AssertionError(jobs(notes))


def test_rate_limit_is_honoured_and_charges_nobody(notes: Database) -> None:
    """All that use the model pause as long as the provider says."""
    notes.run("create table more (id integer primary key, body text)")
    notes.run("select steward.track('more', content => 'body', model => 'tiny@1')")
    tokens = claim(notes, 2)
    notes.run("insert into more values (1, 'more')")
    assert set(fail(notes, tokens, "rate_limit", "40 seconds").values()) == {"pending"}
    assert claim(notes) == []
    waits = notes.run("select extract(epoch from paused_until - now())::float from steward.spaces")
    assert [39 < wait <= 40 for (wait,) in waits] == [True, True]
    notes.run("update steward_private.space set paused_until = now() - interval '1 second'")
    forward(notes)
    assert len(claim(notes)) == 5
    assert all(attempts <= 1 for _, attempts, _ in jobs(notes))


def test_wrong_configuration_pauses_until_somebody_resumes(notes: Database) -> None:
    """Instead of burning the attempts of every row."""
    fail(notes, claim(notes, 1), "configuration")
    forward(notes)
    assert claim(notes) == []
    assert all(attempts == 0 for _, attempts, _ in jobs(notes))
    notes.run("select steward.resume('notes')")
    assert len(claim(notes)) == 4


@pytest.mark.parametrize(
    "arguments", ["'bad luck'", "null", "'item', '-1 second'", "'item', '8 d'"]
)
def test_arguments_of_fail(notes: Database, arguments: str) -> None:
    """What cannot be meant is an error, and changes nothing."""
    (token, *_) = claim(notes)
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        notes.run(f"select steward.fail({token}, 'error', {arguments})")
    assert [state for state, _, _ in jobs(notes)] == ["claimed"] * 4


def test_heartbeat_keeps_the_claims(notes: Database) -> None:
    """Extended claims are not reaped; a token that does not come back was lost."""
    first, second, third, fourth = claim(notes)
    notes.run("select steward.release(%s)", fourth)
    notes.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
    rows = notes.run(
        "select token, lease_expires_at > now() + interval '9 minutes' "
        "from steward.extend(%s::bigint[], '10 minutes') order by token",
        [first, second, fourth],
    )
    assert rows == [(token, True) for token in sorted([first, second])]
    assert notes.value("select steward.reap()") == 1
    assert complete(notes, [first, second, third], [GOOD] * 3) == {
        first: "embedded",
        second: "embedded",
        third: "stale",
    }


def test_release_of_many(notes: Database) -> None:
    """Nobody is charged, and what is not held is told."""
    tokens = claim(notes)
    notes.run("select steward.release(%s)", tokens[3])
    rows = dict(notes.run("select * from steward.release(%s::bigint[])", tokens))
    assert rows == {
        tokens[0]: "pending",
        tokens[1]: "pending",
        tokens[2]: "pending",
        tokens[3]: "stale",
    }
    assert [attempts for _, attempts, _ in jobs(notes)] == [0, 0, 0, 0]


def test_costs_are_written_down_and_a_budget_is_kept(notes: Database) -> None:
    """What the provider counted, or a quarter of the characters; enough for today is enough."""
    tokens = claim(notes, 2)
    notes.run("select from steward.complete(%s::bigint[], %s::text[], 1000)", tokens, [GOOD, GOOD])
    assert notes.run("select texts, characters, tokens, cost from steward.costs") == [
        (2, 12, 1000, 1)
    ]
    notes.run("select * from steward.alter('notes', daily_budget => 0.5)")
    assert claim(notes) == []
    assert notes.value("select problem from steward_private.space") == (
        "the budget of 0.5 for today is spent"
    )
    notes.run("select * from steward.alter('notes', daily_budget => 2)")
    notes.run("select steward.resume('notes')")
    complete(notes, claim(notes), [GOOD, GOOD])
    assert notes.run("select texts, tokens from steward.costs") == [(4, 1003)]


def test_requests_that_fail_together_are_one_failure(notes: Database) -> None:
    """What was under way when the provider went away does not make the pause longer."""
    for token in claim(notes):
        fail(notes, [token], "transient")
    paused = (
        "select setbacks, paused_until - clock_timestamp() < interval '2 seconds' "
        "from steward_private.space"
    )
    assert notes.run(paused) == [(1, True)]
    forward(notes)
    fail(notes, claim(notes)[:1], "transient")
    assert notes.value("select setbacks from steward_private.space") == 2


def test_each_space_pays_for_its_vectors(notes: Database) -> None:
    """What the provider counted for vectors of two tables is divided between them."""
    notes.run("create table others (id integer primary key, body text)")
    notes.run("select steward.track('others', content => 'body', model => 'tiny@1')")
    notes.run("insert into others values (5, 'other')")
    tokens = claim(notes)
    # one of another order, and of both tables in turn
    tokens = [tokens[4], *tokens[:4]]
    notes.run("select from steward.complete(%s::bigint[], %s::text[], 1000)", tokens, [GOOD] * 5)
    assert notes.run("select source::text, tokens from steward.costs order by 1") == [
        ("notes", 800),
        ("others", 200),
    ]


def test_busy_result_is_paid_once(notes: Database) -> None:
    """Handing it in again is no second request."""
    tokens = claim(notes)
    with notes.connect(autocommit=False) as holder:
        holder.execute("select from notes where id = 1 for update")
        outcomes = complete(notes, tokens, [GOOD] * 4)
        assert outcomes[tokens[0]] == "busy"
        assert sorted(outcomes.values()) == ["busy", "embedded", "embedded", "embedded"]
    assert complete(notes, tokens[:1], [GOOD]) == {tokens[0]: "embedded"}
    assert notes.run("select texts, batches from steward.costs") == [(4, 2)]
    assert notes.run("select * from steward.verify('notes')") == []


@pytest.mark.parametrize("call", ["claim('w')", "complete(%s, array['[1,0]'])", "reap()"])
def test_locked_table_keeps_no_worker_waiting(notes: Database, call: str) -> None:
    """Whoever has it may be about to ask for what the worker holds."""
    tokens = claim(notes, 1)
    notes.run("update steward_private.claim set lease_expires_at = now() - interval '1 second'")
    with notes.connect(autocommit=False) as holder:
        holder.execute("lock table notes in access exclusive mode")
        parameters = tokens if "%s" in call else []
        rows = notes.run(f"select * from steward.{call}", *parameters)
        assert rows in ([], [("busy",)], [(0,)])
    assert complete(notes, tokens, [GOOD]) == {tokens[0]: "embedded"}


def test_more_budget_ends_the_pause_of_the_budget(notes: Database) -> None:
    """And no other one."""
    notes.run("select * from steward.alter('notes', daily_budget => 0)")
    complete(notes, claim(notes, 1), [GOOD])
    assert claim(notes) == []
    notes.run("select * from steward.alter('notes', daily_budget => 1000)")
    (token, *_) = claim(notes)
    fail(notes, [token], "configuration")
    notes.run("select * from steward.alter('notes', daily_budget => 2000)")
    assert claim(notes) == []


def test_failed_for_good_is_not_pending(notes: Database) -> None:
    """Nobody will come to it: verify() calls it a fault."""
    for _ in range(4):
        forward(notes)
        tokens = claim(notes)
        fail(notes, tokens[:1], "item")
        notes.run("select from steward.release(%s::bigint[])", tokens[1:])
    rows = notes.run("select key ->> 'id', pending from steward.verify('notes') order by 1")
    assert rows == [("1", False), ("2", True), ("3", True), ("4", True)]


@pytest.mark.parametrize("kind", ["transient", "rate_limit"])
def test_check_does_not_cry_wolf(notes: Database, kind: str) -> None:
    """A provider that is away for a moment is a warning, that goes by itself."""
    fail(notes, claim(notes), kind)
    state = "select status from steward.check() where item = 'source public.notes'"
    assert notes.value(state) == "warning"
    forward(notes)
    complete(notes, claim(notes), [GOOD] * 4)
    assert notes.value(state) == "ok"
