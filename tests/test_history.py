"""What search showed once: looked back at, gone back to, pruned, erased; and what is tidied up."""

from __future__ import annotations

import random
from typing import Any

import psycopg
import pytest

from support import Database

Shown = list[tuple[Any, ...]]


def shown(db: Database) -> Shown:
    """All that a search shows just now."""
    return sorted(
        db.run(
            "select key::text, ordinal, heading, chunk "
            "from steward.search_vector('docs', (steward.embed('{a}'))[1], 10000)"
        ),
        key=repr,
    )


def as_of(db: Database, moment: object) -> Shown:
    """All that a search showed at a moment."""
    return sorted(
        db.run("select key::text, ordinal, heading, chunk from steward.as_of('docs', %s)", moment),
        key=repr,
    )


def text(dice: random.Random) -> str:
    """A text of some paragraphs, some of which others have, too."""
    parts = [f"## Part {dice.randrange(4)}\n\n" if dice.random() < 0.3 else "" for _ in range(3)]
    return "\n\n".join(
        part + " ".join(f"Word{dice.randrange(30)} is here, and stays." for _ in range(8))
        for part in parts[: dice.randrange(1, 4)]
    )


EDITS = (
    *["edit"] * 6,
    *["insert"] * 3,
    *["delete"] * 3,
    "key",
    "leave",
    "enter",
    "empty",
    "same",
    "several",
)


def edit(db: Database, dice: random.Random) -> None:
    """Something that people do."""
    what = dice.choice(EDITS)
    one = dice.randrange(50)
    if what == "edit":
        db.run("update docs set body = %s where id = %s", text(dice), one)
    elif what == "insert":
        db.run(
            "insert into docs values (%s, %s) on conflict (id) do update set body = excluded.body",
            one,
            text(dice),
        )
    elif what == "delete":
        db.run("delete from docs where id between %s and %s", one, one + 1)
    elif what == "key":
        db.run(
            "update docs set id = %s where id = %s and not exists "
            "(select from docs where id = %s)",
            *((one + 7) % 50, one, (one + 7) % 50),
        )
    elif what == "leave":
        db.run("update docs set live = false where id between %s and %s", one, one + 2)
    elif what == "enter":
        db.run("update docs set live = true")
    elif what == "empty":
        db.run("update docs set body = '' where id = %s", one)
    elif what == "same":
        db.run("update docs set body = body || ' ' where id = %s", one)
    else:
        db.run("update docs set body = %s || body where id %% 10 = %s", text(dice), one % 10)


@pytest.mark.parametrize("on_delete", ["drop", "retire"])
def test_as_of_is_what_search_returned(on_delete: str, db: Database) -> None:
    """A history of 50 documents, replayed: whatever was done, also after a part of it is pruned."""
    dice = random.Random(4)  # noqa: S311
    db.run("create table docs (id integer primary key, body text, live boolean default true)")
    with db.connect() as session:
        for n in range(50):
            session.execute("insert into docs values (%s, %s)", [n, text(dice)])
    db.run(
        "select steward.track('docs', content => 'body', \"where\" => 'live', chunk_size => 200, "
        f"on_delete => '{on_delete}')"
    )
    seen: list[tuple[Any, Shown]] = []
    for step in range(60):
        for _ in range(3):
            edit(db, dice)
        if step in (20, 45):
            db.run("truncate docs")
        if step in (22, 46):
            db.run(
                "insert into docs select n, 'Anew ' || n || '. And more of ' || n "
                "from generate_series(0, 49) as n"
            )
        # what no worker has come to yet is shown as it was, or not at all
        if dice.random() < 0.8:
            db.work()
        seen.append((db.value("select clock_timestamp()"), shown(db)))
    assert len({repr(rows) for _, rows in seen}) > 40
    assert max(len(rows) for _, rows in seen) > 100
    for moment, rows in seen:
        assert as_of(db, moment) == rows

    # what is older than the 30th step goes, the rest stays true
    border = seen[30][0]
    assert db.value("select steward.prune('docs', clock_timestamp() - %s)", border) > 50
    refused = 0
    for moment, rows in seen:
        try:
            assert as_of(db, moment) == rows
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            assert "does not reach back" in str(error)
            assert moment < border
            refused += 1
    assert refused > 20
    assert db.value("select count(*) from steward_data.docs_1_revision") > 0

    # and at last there is nothing but what is shown now
    assert db.value("select steward.prune('docs', '0')") > 0
    assert db.value("select count(*) from steward_data.docs_1_revision") == 0
    assert db.value("select count(*) from steward_data.docs_1_past") == 0
    assert as_of(db, db.value("select clock_timestamp()")) == seen[-1][1] == shown(db)
