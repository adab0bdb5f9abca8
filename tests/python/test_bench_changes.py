"""The measuring of changes: what is counted, on texts small enough to count by hand."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench_agreement import Judged, Pair, summarise
from bench_changes import exact, ours, per_row
from bench_corpus import (
    Change,
    compare,
    covered,
    paragraphs,
    read_corpus,
    really_changed,
)
from pgenv import Problem

ROOT = Path(__file__).resolve().parents[2]

OLD = "The first paragraph stays.\n\nThe second has a typo that nobody minds at all.\n\nThird."
NEW = "The first paragraph stays.\n\nThe second has a typo that nobody mind at all.\n\nFourth!"


def texts(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in spans]


def long_page(*sentences: str) -> str:
    filler = "Paragraph {} says something that no other paragraph of this page says. " * 6
    pages = [filler.format(*[number] * 6) for number in range(20)]
    return "\n\n".join([*pages[:10], *sentences, *pages[10:]])


def test_paragraphs_are_divided_by_blank_lines_only() -> None:
    text = "\n\n one\n two \n \t\nthree\r\n\r\nfour\n\n\n"
    assert texts(text, paragraphs(text)) == ["one\n two", "three", "four"]


def test_a_blank_text_has_no_paragraph() -> None:
    assert paragraphs(" \n\n\t\n") == []


def test_really_changed_is_what_has_no_twin() -> None:
    assert texts(NEW, really_changed(OLD, NEW)) == ["Fourth!"]


def test_a_moved_paragraph_is_not_really_changed() -> None:
    turned = "\n\n".join(reversed(OLD.split("\n\n")))
    assert really_changed(OLD, turned) == []


def test_covered_is_all_of_a_paragraph_or_nothing() -> None:
    text = "abc def"
    assert covered(text, [(0, 3), (4, 7)], [(0, 3)]) == 1
    assert covered(text, [(0, 3)], [(0, 2)]) == 0
    assert covered(text, [(0, 3)], [(0, 2), (2, 7)]) == 1


def test_white_space_between_chunks_is_no_gap() -> None:
    assert covered("abc def", [(0, 7)], [(0, 3), (4, 7)]) == 1
    assert covered("abcXdef", [(0, 7)], [(0, 3), (4, 7)]) == 0


def test_compare_takes_only_documents_that_are_in_both_and_differ() -> None:
    corpora = compare(
        {"same": "x", "changed": OLD, "gone": "y"}, {"same": "x", "changed": NEW, "come": "z"}
    )
    assert [change.path for change in corpora.changes] == ["changed"]
    assert (corpora.documents, corpora.added, corpora.removed) == (3, 1, 1)
    assert corpora.characters == len(NEW)
    assert corpora.really_changed == 1


def test_two_corpora_without_a_change_are_refused() -> None:
    with pytest.raises(Problem, match="nothing to measure"):
        compare({"a": "x"}, {"a": "x", "b": "y"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no document"),
        (b"{", "line 1: not JSON"),
        (b'{"path": "a", "content": "x"}\n[]', "line 2: not an object with two texts"),
        (b'{"path": "a"}', "line 1: not an object with two texts"),
        (b'{"path": "a", "content": 1}', "line 1: not an object with two texts"),
        (b'{"path": "a", "content": "x"}\n' * 2, "line 2: the path 'a' is there already"),
        (b"\xff", "not in UTF-8"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-20], "not whole"),
        (b"\x1f\x8bnonsense", "cannot be read"),
    ],
)
def test_a_bad_file_is_explained(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_bytes(content)
    with pytest.raises(Problem, match=message):
        read_corpus(file)


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="nowhere cannot be read: No such file"):
        read_corpus(tmp_path / "nowhere")


def test_a_line_may_hold_any_character(tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl.gz"
    content = "one\u2028two\x85three"
    line = json.dumps({"path": "a", "content": content}, ensure_ascii=False)
    file.write_bytes(gzip.compress(f"{line}\n\n".encode()))
    assert read_corpus(file) == {"a": content}


def test_methods_send_what_they_must() -> None:
    sentence = "Here something stands that was never said on this page before, and it is long."
    old, new = long_page(), long_page(sentence)
    change = Change("page", old, new, really_changed(old, new))
    assert texts(new, list(change.really_changed)) == [sentence]
    sent: dict[str, int] = {}
    for name, method in {"row": per_row, "exact": exact, "ours": ours()}.items():
        result, _ = method(change)
        sent[name] = result.sent
        assert covered(new, change.really_changed, result.fresh) == 1
        assert result.kept == result.chunks - len(result.fresh)
        assert sum(end - start for start, end in result.fresh) == result.sent
    assert len(new) * 0.95 < sent["row"] <= len(new)
    assert len(sentence) < sent["ours"] < sent["row"] / 2
    assert sent["exact"] < sent["row"]


def test_chunks_after_a_new_one_are_moved() -> None:
    paragraph = "Nothing of this was here before. " * 60
    old, new = long_page(), long_page(paragraph)
    result, _ = ours()(Change("page", old, new, []))
    assert 0 < result.moved < result.kept


def test_agreement_counts_misses_and_what_was_in_vain() -> None:
    def judged(stage: str, similarity: float, kept: bool, cosine: float) -> Judged:
        return Judged(Pair("page", "a", "b", stage, similarity, kept), cosine)

    figures = summarise(
        [
            judged("similar", 0.99, True, 0.99),
            judged("similar", 0.96, True, 0.90),
            judged("guarded", 0.99, False, 0.99),
            judged("different", 0.60, False, 0.50),
        ]
    )
    assert figures["agreement"] == 0.5
    assert figures["agreement_of_kept"] == 0.5
    assert figures["agreement_of_similarity"] == 0.75
    assert figures["misses"] == 1
    assert figures["in_vain"] == 1
    assert figures["stages"]["similar"] == {"pairs": 2, "kept": True, "same": 0.5}


def run_bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "bench_changes.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(file: Path, texts_by_path: dict[str, str]) -> Path:
    lines = [json.dumps({"path": path, "content": text}) for path, text in texts_by_path.items()]
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    return file


def test_the_command_ends_with_a_line_of_json(tmp_path: Path) -> None:
    sentence = "Here something stands that was never said on this page before, and it is long."
    old = write(tmp_path / "old.jsonl.gz", {"page": long_page(), "same": "x"})
    new = write(tmp_path / "new.jsonl.gz", {"page": long_page(sentence), "same": "x"})
    done = run_bench(old, new)
    assert done.returncode == 0, done.stderr
    *printed, last = done.stdout.splitlines()
    figures: dict[str, Any] = json.loads(last)
    assert figures["corpora"]["changed"] == 1
    assert set(figures["methods"]) >= {"per_row", "exact", "ours"}
    assert figures["methods"]["ours"]["coverage"] == 1.0
    assert 0 < figures["methods"]["ours"]["sent"] < figures["methods"]["per_row"]["sent"] <= 1
    assert any(line.startswith("| ours |") for line in printed)


def test_the_command_explains_a_bad_file(tmp_path: Path) -> None:
    done = run_bench(tmp_path / "old", tmp_path / "new")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
