"""Vectors as halfvec and as bits, and other metrics: from the edit to the search, with an index."""

from __future__ import annotations

import json
from math import sqrt

import pytest

from provider import Provider
from steward_py import hashing_model
from support import Database

WORDS = ("bread", "oven", "flour", "tide", "moon", "ocean", "lock", "thread", "mutex", "field")
TEXTS = [" ".join(WORDS[(n * k) % len(WORDS)] for k in (1, 2, 3)) + f" {n}" for n in range(1, 31)]
QUERY = "the bread in the oven"

CASES = [
    ("cosine", "vector", "vector(256)", "vector_cosine_ops"),
    ("l2", "vector", "vector(256)", "vector_l2_ops"),
    ("inner_product", "vector", "vector(256)", "vector_ip_ops"),
    ("cosine", "halfvec", "halfvec(256)", "halfvec_cosine_ops"),
    ("l2", "halfvec", "halfvec(256)", "halfvec_l2_ops"),
    ("inner_product", "halfvec", "halfvec(256)", "halfvec_ip_ops"),
    ("cosine", "bit", "bit(256)", "bit_hamming_ops"),
]


def similarity(metric: str, storage: str, a: list[float], b: list[float]) -> float:
    """What search has to say, computed here."""
    if storage == "bit":
        return sum((x > 0) == (y > 0) for x, y in zip(a, b, strict=True)) / len(a)
    if metric == "l2":
        return 1 / (1 + sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True))))
    product = sum(x * y for x, y in zip(a, b, strict=True))
    if metric == "inner_product":
        return product
    return product / sqrt(sum(x * x for x in a) * sum(y * y for y in b))


# of different lengths, so that the metrics differ
def stretched(text: str) -> list[float]:
    return [round((1 + len(text) % 7) * number, 6) for number in hashing_model.embed(text)]


@pytest.mark.parametrize("metric, storage, column, operators", CASES)
def test_end_to_end(db: Database, metric: str, storage: str, column: str, operators: str) -> None:
    with Provider(vector_of=stretched) as provider:
        db.run(
            "select steward.add_model('served@1', 256, 'openai', endpoint => %s, metric => %s, "
            "storage => %s)",
            provider.url,
            metric,
            storage,
        )
        db.run("create table notes (id integer primary key, body text)")
        with db.connect() as session:
            for number, text in enumerate(TEXTS):
                session.execute("insert into notes values (%s, %s)", [number, text])
        db.run(
            "select steward.track('notes', content => 'body', model => 'served@1', "
            """significance => '{"cosine": 0.9999}')"""
        )
        db.work()
        (table,) = db.run("select chunk_table::text from steward.spaces")[0]
        assert (
            db.value(
                "select format_type(atttypid, atttypmod) from pg_attribute "
                "where attrelid = %s::regclass and attname = 'embedding'",
                table,
            )
            == column
        )

        expected = {
            number: similarity(metric, storage, stretched(QUERY), stretched(text))
            for number, text in enumerate(TEXTS)
        }

        def check() -> None:
            found = db.run(
                "select (key ->> 'id')::integer, similarity from steward.search('notes', %s, 10)",
                QUERY,
            )
            assert len(found) == 10
            for number, said in found:
                assert said == pytest.approx(expected[number], abs=2e-3)
            best = sorted(expected.values(), reverse=True)[:10]
            assert [said for _, said in found] == pytest.approx(best, abs=2e-3)

        check()
        db.run("select steward.configure('unindexed_warn', '1')")
        (advice,) = db.run(
            "select what_to_do from steward.health() where check_name = 'vector index'"
        )[0]
        assert operators in advice
        db.run(advice.removeprefix("Run: ").partition(";")[0])
        with db.connect() as session:
            session.execute("set enable_seqscan = off")
            session.execute("set enable_sort = off")
            statement = session.execute(
                "select steward._search_statement('notes', %s, 10, null)",
                [json.dumps(stretched(QUERY))],
            ).fetchone()
            assert statement
            session.execute(f"prepare q as {statement[0]}")
            plan = "\n".join(
                row[0]
                for row in session.execute(f"explain execute q ('{json.dumps(stretched(QUERY))}')")
            )
            assert "Index Scan using" in plan
            assert "Order By" in plan
        check()

        db.run("update notes set body = body || ' and more' where id = 3")
        db.work()
        assert db.run("select * from steward.verify('notes')") == []


def test_bits_have_no_centroid(db: Database) -> None:
    db.run("select steward.add_model('mine@1', 256, 'mine', storage => 'bit')")
    db.run("create table notes (id integer primary key, body text)")
    with pytest.raises(Exception, match="have no centroid"):
        db.run(
            "select steward.track('notes', content => 'body', model => 'mine@1', significance => "
            """'{"cosine": 0.9, "cosine_by": "centroid"}')"""
        )
