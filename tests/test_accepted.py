"""What is not significant costs no vector, is shown all the same, and is never lost sight of."""

from __future__ import annotations

import math
from typing import Any

import psycopg
import pytest

from support import Database

PARAGRAPH = (
    "Take the tablets with a glass of water in the morning, and do not lie down for half an hour "
    "after that. Store them in a dry place where children cannot reach them, and bring back to "
    "the pharmacy what is left when the treatment has come to its end."
)
OTHER = (
    "The committee meets on the first floor, beside the library, and everybody who wants to speak "
    "may do so for as long as the others listen. Minutes are taken by whoever comes last, and are "
    "read aloud at the beginning of the next meeting before anything else is said."
)
LIVE = "select chunk from steward.search_vector('notes', '[1,0]', 100) order by ordinal"
LAST = "select {} from steward.decisions order by decision_id desc limit 1"


@pytest.fixture
def notes(db: Database) -> Database:
    """A table with one row of one paragraph, embedded by a worker of ours."""
    db.run("create table notes (id integer primary key, title text, body text)")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    db.run("select steward.track('notes', content => 'body', model => 'tiny@1')")
    db.run("insert into notes values (1, 'A title', %s)", PARAGRAPH)
    assert embed(db) == ["embedded"]
    return db


def embed(db: Database, vector: str = "[1,0]") -> list[str]:
    """Do what there is to do, with the same vector for every text; what came of it."""
    with db.connect() as session:
        claims = session.execute(
            "select token, texts from steward.claim('mine', batch => 1000)"
        ).fetchall()
        return [
            session.execute(
                "select steward.complete(%s, %s)", [token, [vector for _ in texts]]
            ).fetchall()[0][0]
            for token, texts in claims
        ]


def edit(db: Database, old: str, new: str, key: int = 1) -> None:
    changed = db.run(
        "update notes set body = replace(body, %s, %s) where id = %s and body like %s returning 1",
        old,
        new,
        key,
        f"%{old}%",
    )
    assert changed == [(1,)], f"there is no {old}"


def last(db: Database, columns: str) -> tuple[Any, ...]:
    (row,) = db.run(LAST.format(columns))
    return row


def accepted(db: Database) -> int:
    """How many documents are, as the view says, and as the rows do."""
    stated = db.value("select sum(accepted) from steward.freshness")
    assert stated == db.value(
        "select count(*) from steward_data.notes_1_doc "
        "where shown is not null and retired_at is null"
    )
    return int(stated)


def vectors(db: Database) -> list[tuple[int, str]]:
    return db.run("select chunk_id, embedding::text from steward_data.notes_1_chunk order by 1")


def test_typo_keeps_the_vector_and_shows_the_text(notes: Database) -> None:
    """No claim leaves the database, the row with the vector is not touched."""
    before = vectors(notes)
    edit(notes, "glass", "glas")
    assert embed(notes) == []
    assert vectors(notes) == before
    assert notes.run(LIVE) == [(PARAGRAPH.replace("glass", "glas"),)]
    outcome, version, embedded, reused, taken, sent = last(
        notes,
        "outcome, policy_version, chunks_embedded, chunks_reused, chunks_accepted, "
        "characters_embedded",
    )
    assert (outcome, version, embedded, reused, taken, sent) == ("skipped", 1, 0, 1, 1, 0)
    assert accepted(notes) == 1
    assert notes.run("select fresh, pending, coverage from steward.freshness") == [(1, 0, 1)]
    assert notes.run("select state from steward.freshness_detail('notes')") == [("accepted",)]
    assert notes.run("select * from steward.verify('notes')") == []
    assert notes.run("select skipped, skip_rate from steward.decisions_summary") == [(1, 0.5)]


def test_taken_back_it_is_as_if_nothing_had_been(notes: Database) -> None:
    edit(notes, "glass", "glas")
    embed(notes)
    edit(notes, "glas ", "glass ")
    assert embed(notes) == []
    assert last(notes, "outcome") == ("reused",)
    assert accepted(notes) == 0
    assert notes.run(LIVE) == [(PARAGRAPH,)]


def test_what_counts_is_embedded(notes: Database) -> None:
    """However small it is: the guards see to that."""
    before = vectors(notes)
    edit(notes, "do not lie", "do lie")
    assert embed(notes, "[0.6,0.8]") == ["embedded"]
    assert vectors(notes) != before
    (details,) = last(notes, "details")
    assert [found["guard"] for found in details["guards"]] == ["negations"]
    assert details["stages"]["guarded"] == 1
    assert accepted(notes) == 0


def test_small_edits_add_up(notes: Database) -> None:
    """Each is compared with the text that the vector was made of, not with the one before."""
    words = PARAGRAPH.split()
    outcomes: list[str] = []
    # what no guard is about
    plain = [n for n, word in enumerate(words) if word.islower() and word not in ("not", "half")]
    for place in plain[::3]:
        words[place] = words[place][:-1] + "q"
        notes.run("update notes set body = %s where id = 1", " ".join(words))
        embed(notes)
        outcomes += last(notes, "outcome")
    assert outcomes[0] == "skipped"
    assert "embedded" in outcomes
    assert notes.run("select * from steward.verify('notes')") == []
    assert notes.run(LIVE) == [(" ".join(words),)]


@pytest.mark.parametrize(
    ("on_delete", "gone"),
    [
        ("drop", "delete from notes where id = 1"),
        ("drop", "truncate notes"),
        ("retire", "delete from notes where id = 1"),
        ("drop", "update notes set id = 2 where id = 1"),
    ],
)
def test_accepted_documents_are_counted_as_they_come_and_go(
    notes: Database, on_delete: str, gone: str
) -> None:
    notes.run(f"select from steward.alter('notes', on_delete => '{on_delete}')")
    edit(notes, "glass", "glas")
    embed(notes)
    assert accepted(notes) == 1
    notes.run(gone)
    assert accepted(notes) == 0
    embed(notes)
    assert accepted(notes) == 0
    notes.run("select steward.tidy()")
    assert accepted(notes) == 0
    notes.run("select steward.reconcile('notes')")
    assert accepted(notes) == 0


def test_reconcile_sets_the_count_right(notes: Database) -> None:
    edit(notes, "glass", "glas")
    embed(notes)
    notes.run("update steward_private.tally set accepted = 7 where accepted <> 0")
    notes.run("select steward.reconcile('notes')")
    assert accepted(notes) == 1


def test_erase_leaves_nothing_of_the_text_that_the_vector_was_made_of(notes: Database) -> None:
    """The document is of the present text of its row, its vector is not."""
    edit(notes, "glass", "glas")
    embed(notes)
    notes.run("select * from steward.erase('notes', '{\"id\": 1}')")
    assert vectors(notes) == []
    assert notes.run("select 1 from steward.decisions where details is not null") == []
    assert embed(notes) == ["embedded"]
    assert accepted(notes) == 0
    assert notes.run("select chunk from steward_data.notes_1_chunk") == [
        (PARAGRAPH.replace("glass", "glas"),)
    ]


def test_history_shows_what_search_showed(notes: Database) -> None:
    first = notes.value("select clock_timestamp()")
    edit(notes, "glass", "glas")
    embed(notes)
    second = notes.value("select clock_timestamp()")
    edit(notes, "do not lie", "do lie")
    embed(notes)
    third = notes.value("select clock_timestamp()")
    texts = [
        notes.value("select chunk from steward.as_of('notes', %s)", moment)
        for moment in (first, second, third)
    ]
    typo = PARAGRAPH.replace("glass", "glas")
    assert texts == [PARAGRAPH, typo, typo.replace("do not lie", "do lie")]


def test_vectors_of_an_accepted_revision_come_back_with_the_present_text(notes: Database) -> None:
    """And are counted as what they are."""
    first = vectors(notes)
    edit(notes, "glass", "glas")
    embed(notes)
    exact = '{"similarity": null}'
    notes.run("select from steward.alter('notes', significance => %s)", exact)
    assert embed(notes, "[0.6,0.8]") == ["embedded"]
    assert (vectors(notes) == first, accepted(notes)) == (False, 0)
    back = "select steward.rollback_document('notes', '{\"id\": 1}', 2)"
    # by the present policy that is no vector for this text
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="an earlier text"):
        notes.run(back)
    notes.run("select from steward.alter('notes', significance => '{}')")
    notes.run(back)
    assert last(notes, "outcome, policy_version, chunks_accepted") == ("restored", 3, 1)
    assert notes.run("select * from steward.verify('notes')") == []
    assert [vector for _, vector in vectors(notes)] == [vector for _, vector in first]
    assert notes.run(LIVE) == [(PARAGRAPH.replace("glass", "glas"),)]
    assert accepted(notes) == 1


def test_stricter_policy_judges_again_what_was_accepted(notes: Database) -> None:
    """Of all documents only these; decisions say by which version."""
    notes.run("insert into notes values (2, 'Another', %s)", OTHER)
    embed(notes)
    edit(notes, "glass", "glas")
    embed(notes)
    ((option, consequence),) = notes.run(
        "select option, consequence from steward.alter('notes', "
        "significance => steward.significance(similarity => 1))"
    )
    assert (option, consequence) == (
        "significance",
        "changes that were accepted will be judged again",
    )
    assert notes.run("select key from steward.jobs") == [({"id": 1},)]
    # until then it is known, and pending
    assert notes.run("select problem, pending from steward.verify('notes')") == [
        ("not accepted", True)
    ]
    assert embed(notes, "[0,1]") == ["embedded"]
    assert last(notes, "outcome, policy_version") == ("embedded", 2)
    assert accepted(notes) == 0
    assert notes.run("select * from steward.verify('notes')") == []
    assert notes.run(
        "select policy_version, is_current, significance -> 'similarity' from steward.policies "
        "order by 1"
    ) == [(1, False, 0.95), (2, True, 1)]


def test_policy_changed_while_a_worker_has_the_row(notes: Database) -> None:
    """What was accepted by the old policy and stored after the change is judged again."""
    notes.run("select from steward.alter('notes', chunking => '{\"size\": 260, \"minimum\": 150}')")
    notes.run("update notes set body = body || E'\\n\\n' || %s", OTHER)
    embed(notes)
    edit(notes, "glass", "glas")
    edit(notes, "beside the library", "above the ballroom and its orchestra")
    ((token, texts),) = notes.run("select token, texts from steward.claim('slow')")
    assert not any("glas " in text for text in texts)
    notes.run("select from steward.alter('notes', significance => '{\"similarity\": null}')")
    assert notes.value("select steward.complete(%s, %s)", token, ["[0,1]" for _ in texts]) == (
        "embedded"
    )
    assert embed(notes) == ["embedded"]
    assert accepted(notes) == 0


def test_verify_knows_a_vector_of_a_text_that_was_never_accepted(notes: Database) -> None:
    notes.run("update notes set body = %s", OTHER)
    notes.run(
        "update steward_data.notes_1_doc set shown = array[%s], starts = '{0}', ends = array[%s], "
        "content_hash = sha256(convert_to(%s, 'UTF8'))",
        OTHER,
        len(OTHER),
        OTHER,
    )
    notes.run("truncate steward_data.notes_1_mark_0, steward_data.notes_1_mark_1")
    assert notes.run("select problem, pending from steward.verify('notes')") == [
        ("not accepted", False)
    ]


def at(cosine: float) -> str:
    """A vector that has this cosine with [1,0]."""
    return f"[{cosine},{math.sqrt(1 - cosine * cosine)}]"


REWRITE = ("a glass of water in the morning", "some sips of milk before breakfast")


@pytest.mark.parametrize("strategy", ["chunk", "lead", "centroid", "pairwise"])
def test_cosine_keeps_the_old_vector(notes: Database, strategy: str) -> None:
    """After embedding, where the policy asks for it: near enough, and nothing is written."""
    policy = f'{{"cosine": 0.9, "cosine_by": "{strategy}"}}'
    notes.run("select from steward.alter('notes', significance => %s)", policy)
    before = vectors(notes)
    edit(notes, *REWRITE)
    assert embed(notes, at(0.91)) == ["skipped"]
    assert vectors(notes) == before
    assert notes.run(LIVE) == [(PARAGRAPH.replace(*REWRITE),)]
    outcome, sent, details = last(notes, "outcome, characters_embedded, details")
    assert (outcome, sent > 0, details["kept_by_cosine"]) == ("skipped", True, 1)
    ((similarity, cosine),) = details["pairs"]
    assert cosine == pytest.approx(0.91, abs=0.001)
    assert 0.5 < similarity < 0.95
    assert accepted(notes) == 1
    assert notes.run("select * from steward.verify('notes')") == []
    # from the text that the vector was made of, not from the one shown
    edit(notes, "some sips", "a few drops")
    assert embed(notes, at(0.89)) == ["embedded"]
    assert vectors(notes) != before
    assert accepted(notes) == 0


def test_cosine_is_not_asked_about_what_a_guard_has_found(notes: Database) -> None:
    notes.run("select from steward.alter('notes', significance => '{\"cosine\": 0.5}')")
    edit(notes, "do not lie", "do lie")
    assert embed(notes, "[1,0]") == ["embedded"]


def test_lead_chunk_decides_for_the_others(db: Database) -> None:
    """Also where their own cosine would say the opposite; and the other way round."""
    db.run("create table notes (id integer primary key, body text)")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    for strategy, kept in (("chunk", 1), ("lead", 2), ("centroid", 2), ("pairwise", 2)):
        db.run(
            "select steward.track('notes', content => 'body', model => 'tiny@1', "
            'chunking => \'{"size": 260, "minimum": 150, "maximum": 400}\', '
            f'significance => \'{{"cosine": 0.9, "cosine_by": "{strategy}"}}\')'
        )
        db.run("insert into notes values (1, %s)", f"{PARAGRAPH}\n\n{OTHER}")
        ((token, texts),) = db.run("select token, texts from steward.claim('mine')")
        assert len(texts) == 2
        # two chunks, far from each other
        db.run("select steward.complete(%s, %s)", token, ["[1,0]", "[0,1]"])
        edit(db, *REWRITE)
        edit(
            db,
            "beside the library, and everybody who wants to speak",
            "under an old oak tree, where those who came early have found a seat and",
        )
        ((token, texts),) = db.run("select token, texts from steward.claim('mine')")
        assert len(texts) == 2
        # the first is near the first; the second is not near the second, but the first
        db.run("select steward.complete(%s, %s)", token, ["[1,0.01]", "[1,0.02]"])
        reused = last(db, "chunks_accepted")
        expected = {"chunk": 1, "lead": 2, "centroid": 0, "pairwise": 1}[strategy]
        assert reused == (expected,), (strategy, kept)
        db.run("select steward.untrack('notes')")
        db.run("truncate notes")


def test_transactional_mode_accepts_as_well(db: Database) -> None:
    db.run("create table notes (id integer primary key, body text)")
    db.run("select steward.track('notes', content => 'body', mode => 'transactional')")
    db.run("insert into notes values (1, %s)", PARAGRAPH)
    edit(db, "glass", "glas")
    assert last(db, "outcome") == ("skipped",)
    assert accepted(db) == 1
    assert db.run("select chunk from steward.search('notes', 'tablets')") == [
        (PARAGRAPH.replace("glass", "glas"),)
    ]


def test_headings_before_the_text(db: Database) -> None:
    """The model gets the breadcrumb, search shows the chunk; another heading is another text."""
    db.run("create table notes (id integer primary key, body text)")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    db.run(
        "select steward.track('notes', content => 'body', model => 'tiny@1', "
        'chunking => \'{"size": 300, "headings": true}\')'
    )
    db.run("insert into notes values (1, %s)", f"# Dosage\n\n{PARAGRAPH}\n\n{OTHER}\n\n{PARAGRAPH}")
    ((token, texts),) = db.run("select token, texts from steward.claim('mine')")
    assert len(texts) > 1
    assert all(text.startswith("Dosage\n\n") for text in texts)
    db.run("select steward.complete(%s, %s)", token, ["[1,0]" for _ in texts])
    assert [text for text in texts if text.endswith(OTHER)] == [f"Dosage\n\n{OTHER}"]
    assert OTHER in [chunk for (chunk,) in db.run(LIVE)]
    assert db.run("select * from steward.verify('notes')") == []
    edit(db, "# Dosage", "# Storage")
    ((token, again),) = db.run("select token, texts from steward.claim('mine')")
    assert [text.replace("Storage", "Dosage") for text in again] == texts
    db.run("select steward.complete(%s, %s)", token, ["[1,0]" for _ in again])
    assert db.run("select * from steward.verify('notes')") == []


def test_content_of_several_columns(notes: Database) -> None:
    """It is told which of them has changed, and one of them may always count."""
    notes.run(
        "select from steward.alter('notes', content => 'title, body', "
        "significance => steward.significance(always => array['title']))"
    )
    assert notes.value("select parts from steward.sources") == ["title", "body"]
    assert embed(notes) in (["embedded"], [])
    edit(notes, "glass", "glas")
    assert embed(notes) == []
    outcome, details = last(notes, "outcome, details")
    assert (outcome, details["parts"]) == ("skipped", ["body"])
    notes.run("update notes set title = 'A tittle'")
    assert embed(notes) == ["embedded"]
    outcome, details = last(notes, "outcome, details")
    # of the body it has still the text of before
    assert (outcome, details["parts"]) == ("embedded", ["title", "body"])
    assert notes.run(LIVE) == [(f"A tittle\n\x1d\n{PARAGRAPH}".replace("glass", "glas"),)]
    notes.run("update notes set title = null")
    assert embed(notes) == ["embedded"]
    assert notes.run(LIVE) == [(PARAGRAPH.replace("glass", "glas"),)]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("title, body", ["title", "body"]),
        (' "Odd, one" ,body', ["Odd, one", "body"]),
        ("TITLE,Body", ["title", "body"]),
        ("one, two", None),
        ("coalesce(title, body)", None),
        ("body", None),
    ],
)
def test_list_of_columns(db: Database, content: str, parts: list[str] | None) -> None:
    """A column whose name is such a list is that column."""
    db.run(
        'create table notes (id integer primary key, title text, body text, "Odd, one" text, '
        '"one, two" text)'
    )
    db.run("select steward.track('notes', content => %s)", content)
    assert db.value("select parts from steward.sources") == parts
    db.run("insert into notes values (1, 'a', 'b', 'c', 'd')")
    db.work()
    assert db.value("select chunk from steward.search('notes', 'a')") is not None
    assert db.run("select * from steward.verify('notes')") == []


def test_further_models_from_the_beginning(db: Database) -> None:
    db.run("create table notes (id integer primary key, body text)")
    db.run("insert into notes values (1, 'One')")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    db.run("select steward.track('notes', content => 'body', also => '{tiny@1}')")
    assert db.run("select model, state from steward.spaces order by state") == [
        ("builtin/hash@1", "active"),
        ("tiny@1", "building"),
    ]
    db.work()
    assert embed(db) == ["embedded"]
    assert db.run("select sum(fresh) from steward.freshness") == [(2,)]


@pytest.mark.parametrize("function", ["track", "alter"])
def test_part_that_there_is_not(notes: Database, function: str) -> None:
    """A policy that could never fire is a mistake, not a policy."""
    if function == "track":
        notes.run("select steward.untrack('notes')")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match='no part "titel"'):
        notes.run(
            f"select * from steward.{function}('notes', content => 'title, body', "
            "significance => steward.significance(always => array['titel']))"
        )


def test_separator_of_parts_in_a_text(notes: Database) -> None:
    """It is a space there, so that nobody's text ends a part, and a policy with it."""
    notes.run(
        "select from steward.alter('notes', content => 'title, body', "
        "significance => steward.significance(always => array['title']))"
    )
    embed(notes)
    notes.run("update notes set title = 'A tittle', body = body || E'\\n\\x1d\\n'")
    assert embed(notes) == ["embedded"]


def test_what_the_cosine_has_kept_is_not_sent_again(notes: Database) -> None:
    """Not as long as the policy is the same."""
    notes.run("select from steward.alter('notes', chunking => '{\"size\": 260, \"minimum\": 150}')")
    notes.run("select from steward.alter('notes', significance => '{\"cosine\": 0.9}')")
    notes.run("update notes set body = body || E'\\n\\n' || %s", OTHER)
    embed(notes)
    edit(notes, *REWRITE)
    assert embed(notes, at(0.95)) == ["skipped"]
    edit(notes, "committee", "committee of the whole town and of all the villages around it")
    ((token, texts),) = notes.run("select token, texts from steward.claim('mine')")
    assert len(texts) == 1
    assert "committee" in texts[0]
    notes.run("select steward.complete(%s, %s)", token, [at(0.1)])
    assert accepted(notes) == 1
    notes.run("select from steward.alter('notes', significance => '{\"cosine\": 0.91}')")
    ((token, texts),) = notes.run("select token, texts from steward.claim('mine')")
    assert len(texts) == 1
    assert "tablets" in texts[0]


def test_paragraph_is_not_taken_for_an_embedded_heading(db: Database) -> None:
    """Also where no guard is on headings."""
    db.run("create table notes (id integer primary key, body text)")
    db.run("select steward.add_model('tiny@1', dimensions => 2, provider => 'mine')")
    db.run(
        "select steward.track('notes', content => 'body', model => 'tiny@1', "
        "chunking => '{\"headings\": true}', significance => '{\"guards\": []}')"
    )
    db.run("insert into notes values (1, %s)", f"Money is what the committee grants.\n\n{OTHER}")
    assert embed(db) == ["embedded"]
    db.run("update notes set body = %s", f"# Rules\n\n{OTHER}")
    assert embed(db) == ["embedded"]


def test_without_history_decisions_do_not_say_what_was_said(notes: Database) -> None:
    notes.run("select from steward.alter('notes', keep_history => '0')")
    edit(notes, "do not lie", "do lie")
    assert embed(notes) == ["embedded"]
    (details,) = last(notes, "details")
    assert details["stages"]["guarded"] == 1
    assert "guards" not in details


def test_change_of_a_row_that_is_not_there(notes: Database) -> None:
    with pytest.raises(psycopg.errors.NoDataFound):
        notes.run("select * from steward.explain_change('notes', key => '{\"id\": 77}')")
    assert notes.run(
        "select decision from steward.explain_change('notes', key => '{\"id\": 1}')"
    ) == [("keep",)]
