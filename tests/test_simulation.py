"""Looking at a policy before and after it decides: explain_change, simulate, suggest_threshold."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from random import Random

import psycopg
import pytest

from python.documents import article, seeded, words
from support import Database

PARAGRAPH = (
    "Take the tablets with a glass of water in the morning, and do not lie down for half an hour "
    "after that. Store them in a dry place where children cannot reach them, and bring back to "
    "the pharmacy what is left when the treatment has come to its end."
)


def tracked(db: Database, policy: str = "{}") -> None:
    db.run("create table notes (id integer primary key, body text)")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine', price => 2.5)")
    db.run(
        "select steward.track('notes', content => 'body', model => 'tiny@1', significance => %s)",
        policy,
    )


def embed(db: Database, vector: Callable[[str], str] = lambda _: "[1,0]") -> None:
    with db.connect() as session:
        for token, texts in session.execute(
            "select token, texts from steward.claim('mine', batch => 1000)"
        ).fetchall():
            session.execute(
                "select steward.complete(%s, %s)", [token, [vector(text) for text in texts]]
            )


def write(db: Database, key: int, body: str) -> None:
    db.run(
        "insert into notes values (%s, %s) on conflict (id) do update set body = excluded.body",
        key,
        body,
    )


def edits(random: Random, text: str, count: int) -> list[str]:
    """The text as it is after each of some edits, of which some are significant."""
    states = []
    for _ in range(count):
        place = random.randrange(len(text))
        inserted = random.choice(
            ["", "z", " 5 ", " not ", "  ", " some more words ", "\n\nA new one.\n\n"]
        )
        text = text[:place] + inserted + text[place + random.randint(0, 2) :]
        states.append(text)
    return states


CHUNK = """
    jsonb_build_object(
        'chunk_id', 1, 'heading', null, 'prefix', null, 'vector_of', t.text, 'text', t.text
    )
"""
STATES = f"""
    select jsonb_agg(
        jsonb_build_object(
            'revision', n, 'begins', 1, 'ends', 1, 'chunks', jsonb_build_array({CHUNK})
        )
    )
    from generate_series(1, 60) as n
    cross join lateral (
        select left(case n %% 2 when 0 then %(old)s else %(new)s end, 19000) as text
    ) as t
"""
LONG = (
    "select * from steward.explain_change(%(old)s, %(new)s, chunking => '{\"size\": 15000}')",
    f"select * from steward_private.replay(({STATES}), '{{}}')",
)


@pytest.mark.parametrize("statement", LONG, ids=["explain_change", "replay"])
def test_statement_timeout_ends_a_long_comparison(db: Database, statement: str) -> None:
    """In the middle of Python's work, in which the server is not asked anything."""
    random = seeded(1)
    # of the same words, so that every chunk has some likeness to every other one
    vocabulary = words(random, 200)
    old, new = (" ".join(random.choices(vocabulary, k=80_000)) for _ in range(2))
    with db.connect() as session:
        session.execute("set statement_timeout = '400ms'")
        began = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute(statement, {"old": old, "new": new})
        assert time.monotonic() - began < 4
        session.execute("set statement_timeout = 0")
        began = time.monotonic()
        session.execute(statement, {"old": old, "new": new})
        assert time.monotonic() - began > 1, "there was nothing to interrupt"


def test_explanation_of_a_row_is_what_becomes_of_it(db: Database) -> None:
    tracked(db)
    random = seeded(2)
    text = article(random, 12)
    write(db, 1, text)
    embed(db)
    for changed in edits(random, text, 12):
        write(db, 1, changed)
        rows = db.run(
            "select decision, count(*) from steward.explain_change('notes', key => '{\"id\": 1}') "
            "group by decision"
        )
        given = db.run(
            "select decision, count(*) from steward.explain_change('notes', "
            "key => '{\"id\": 1}', new_text => %s) group by decision",
            changed,
        )
        assert sorted(rows) == sorted(given)
        count = dict(rows)
        before = db.value("select max(decision_id) from steward.decisions")
        embed(db)
        decided = db.run(
            "select chunks_embedded, chunks_reused, chunks_accepted from steward.decisions "
            "where decision_id > %s",
            before,
        )
        accept = count.get("accept", 0)
        kept = count.get("keep", 0) + count.get("move", 0) + accept
        assert decided == [(count.get("embed", 0), kept, accept)]


def test_explanation_needs_the_sight_of_all_rows(db: Database) -> None:
    tracked(db)
    write(db, 1, PARAGRAPH)
    embed(db)
    db.run("create role narrow login in role steward_admin")
    for statement in (
        "select * from steward.explain_change('notes'::regclass, '{\"id\": 1}'::jsonb)",
        "select * from steward.simulate('notes', '{}')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.run(statement, user="narrow")
        db.run("grant select on notes to narrow")
        db.run(statement, user="narrow")
        db.run("alter table notes enable row level security")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.run(statement, user="narrow")
        db.run("alter table notes disable row level security")
        db.run("revoke select on notes from narrow")


WORDS = ("bread", "tides", "backups")
SIMULATED = (
    "select key, revision, outcome, chunks_embedded, characters, simulated_outcome, "
    "simulated_chunks, simulated_characters from steward.simulate('notes', %s) order by 1, 2"
)


@pytest.mark.parametrize(
    "policy", ["{}", '{"similarity": 0.8, "guards": []}', '{"similarity": null}']
)
def test_the_policy_that_was_in_force_decides_as_it_did(db: Database, policy: str) -> None:
    tracked(db, policy)
    random = seeded(3)
    for key in (1, 2):
        text = article(random, 8)
        write(db, key, text)
        embed(db)
        for changed in edits(random, text, 8):
            write(db, key, changed)
            embed(db)
    rows = db.run(SIMULATED, policy)
    assert len(rows) >= 12
    for row in rows:
        assert row[2:5] == row[5:8]
    decided = db.run(
        "select key, revision, outcome, chunks_embedded, characters_embedded "
        "from steward.decisions where revision > 1 order by 1, 2"
    )
    assert [row[:3] for row in rows] == [row[:3] for row in decided]
    # equal chunks share a text
    assert [row[4] for row in decided] == [row[7] for row in rows]
    assert {row[2] for row in rows} >= (
        {"embedded"} if "null" in policy else {"embedded", "skipped"}
    )


@pytest.mark.parametrize("policy", ['{"always": ["title"]}', '{"guards": []}', "{}"])
@pytest.mark.parametrize("headings", ["true", "false"])
def test_headings_and_parts_are_simulated_as_they_are_planned(
    db: Database, policy: str, headings: str
) -> None:
    db.run("create table notes (id integer primary key, title text, body text)")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine', price => 2.5)")
    db.run(
        "select steward.track('notes', content => 'title, body', model => 'tiny@1', "
        "significance => %s, chunking => %s)",
        policy,
        f'{{"headings": {headings}, "size": 200}}',
    )
    dice = seeded(4)
    body = "\n\n".join(f"## {n}. Of {word}\n\n{article(dice, 2)}" for n, word in enumerate(WORDS))
    db.run("insert into notes values (1, 'What is said of it here', %s)", body)
    embed(db)
    for title, gone, came in (
        ("what is said of it here", "", ""),
        ("what is said of it here", "2. Of", "3. Of"),
        ("what is said of it here", "Of tides", "About tides"),
        ("what is said of it  here", "About tides", "About tide"),
        ("what was said of it here", "1. Of", "7. Of"),
    ):
        body = body.replace(gone, came)
        db.run("update notes set title = %s, body = %s", title, body)
        embed(db)
    rows = db.run(SIMULATED, policy)
    assert len(rows) == 5
    for row in rows:
        assert row[2:5] == row[5:8]
    # nobody said why it decided so, if not what it decided by
    told = "select coalesce(details -> %s, '0')::text {}"
    simulated = told.format("from steward.simulate('notes', %s) order by revision")
    decided = told.format("from steward.decisions where revision > 1 order by revision")
    for what in ("guards", "stages", "parts"):
        assert db.run(simulated, what, policy) == db.run(decided, what)
    assert db.run(simulated, "parts_unknown", policy) == [("0",)] * 5


def test_cosine_is_said_to_be_asked_after_embedding(db: Database) -> None:
    tracked(db)
    write(db, 1, PARAGRAPH)
    embed(db)
    write(db, 1, PARAGRAPH.replace("with a glass of water", "beside something to drink"))
    embed(db)
    write(db, 1, PARAGRAPH.replace("half an hour", "5 hours"))
    embed(db)
    asked = (
        "select simulated_outcome, coalesce((details -> 'asked_after_embedding')::integer, 0) "
        "from steward.simulate('notes', %s) order by revision"
    )
    # what a guard has found is not asked
    assert db.run(asked, '{"cosine": 0.9}') == [("embedded", 1), ("embedded", 0)]
    assert db.run(asked, "{}") == [("embedded", 0), ("embedded", 0)]


def test_a_stricter_policy_embeds_what_was_skipped(db: Database) -> None:
    tracked(db)
    write(db, 1, PARAGRAPH)
    embed(db)
    write(db, 1, PARAGRAPH.replace("glass", "glas"))
    embed(db)
    ((outcome, would, characters, cost, was),) = db.run(
        "select outcome, simulated_outcome, simulated_characters, simulated_cost, cost "
        "from steward.simulate('notes', '{\"similarity\": null}')"
    )
    assert (outcome, would, characters) == ("skipped", "embedded", len(PARAGRAPH) - 1)
    assert float(cost) == pytest.approx(math.ceil(characters / 4) * 2.5 / 1e6)
    assert was == 0
    details = db.value("select details from steward.simulate('notes', '{\"similarity\": null}')")
    assert details["stages"]["different"] == 1


def test_the_past_of_a_simulation_is_its_own(db: Database) -> None:
    """Small edits add up against the text that its vector would have been made of."""
    tracked(db, '{"similarity": null}')
    text = PARAGRAPH
    write(db, 1, text)
    embed(db)
    for step in range(40):
        text = text[: 4 * step + 1] + "z" + text[4 * step + 2 :]
        write(db, 1, text)
        embed(db)
    outcomes = db.run(
        "select outcome, simulated_outcome, count(*) from steward.simulate('notes', "
        "'{\"guards\": []}') group by 1, 2 order by 2"
    )
    assert [row[:2] for row in outcomes] == [("embedded", "embedded"), ("embedded", "skipped")]
    assert 2 <= outcomes[0][2] <= 12
    assert sum(row[2] for row in outcomes) == 40


def test_simulation_since_a_moment_and_over_a_gap(db: Database) -> None:
    tracked(db)
    write(db, 1, PARAGRAPH)
    embed(db)
    write(db, 1, PARAGRAPH + " More of it.")
    embed(db)
    moment = db.value("select clock_timestamp()")
    write(db, 1, PARAGRAPH + " More of it, and still more.")
    embed(db)
    since = "select revision from steward.simulate('notes', '{}', %s)"
    assert db.run(since, None) == [(2,), (3,)]
    assert db.run(since, moment) == [(3,)]
    assert db.run(since, db.value("select clock_timestamp()")) == []
    # what comes after a time without the row is no change of it
    db.run("delete from notes")
    write(db, 1, PARAGRAPH)
    embed(db)
    assert db.run(since, moment) == [(3,)]


def test_threshold_is_the_lowest_that_agrees(db: Database) -> None:
    """Vectors that turn away as texts do: cosine 0.95 is crossed at a likeness known."""
    tracked(db, '{"similarity": null}')
    changes = [1, 1, 2, 3, 5, 8, 13, 20, 30, 40, 60]
    for key, changed in enumerate(changes):
        write(db, key, PARAGRAPH)
        embed(db)
        write(db, key, "#" * changed + PARAGRAPH[changed:])
        # up to 5 of 245 characters: 0.97 alike and more
        turned = 0.1 if changed <= 5 else 0.8
        embed(db, lambda _, turned=turned: f"[{math.cos(turned)},{math.sin(turned)}]")  # type: ignore[misc]
    rows = db.run("select * from steward.suggest_threshold('notes', evidence => 5)")
    thresholds = [row[0] for row in rows]
    assert thresholds == sorted(thresholds, reverse=True)
    assert sum(row[1] for row in rows) == len(changes)
    assert [float(row[0]) for row in rows if row[6]] == [0.97]
    (suggested,) = (row for row in rows if row[6])
    assert (suggested[4], float(suggested[5])) == (5, 1)
    more = "select count(*) from steward.suggest_threshold('notes', {}) where is_suggested"
    assert db.value(more.format("evidence => 6")) == 0
    assert db.value(more.format("share => 0.5, evidence => 6")) == 1
    assert db.value(more.format("cosine => 0.999, evidence => 1")) == 0
    since = "select count(*) from steward.suggest_threshold('notes', since => clock_timestamp())"
    assert db.value(since) == 0
