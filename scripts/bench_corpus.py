"""What the benchmarks of changed text share: two versions of a corpus, and what changed in truth.

A corpus is a file of lines such as ``{"path": "a/page", "content": "its text"}``, gzipped or not.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import Indel

from pgenv import Problem

# A paragraph with a twin in the old text that is at least so alike is not really changed.
TWIN = 0.95

Span = tuple[int, int]

_PARAGRAPH = re.compile(r"\S(?:.*\S)?(?:[^\S\n]*\n[^\S\n]*\S(?:.*\S)?)*")
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Change:
    """A document that is in both versions, with another text."""

    path: str
    old: str
    new: str
    really_changed: Sequence[Span]  # paragraphs of new


@dataclass(frozen=True)
class Corpora:
    """What there is to measure in two versions of a corpus."""

    documents: int  # of the new version
    added: int
    removed: int
    changes: Sequence[Change]

    @property
    def characters(self) -> int:
        """Of the changed documents, as they are now."""
        return sum(len(change.new) for change in self.changes)

    @property
    def really_changed(self) -> int:
        """How many paragraphs are really changed."""
        return sum(len(change.really_changed) for change in self.changes)

    def as_dict(self) -> dict[str, float]:
        """For the line of JSON."""
        spans = (span for change in self.changes for span in change.really_changed)
        return {
            "documents": self.documents,
            "changed": len(self.changes),
            "added": self.added,
            "removed": self.removed,
            "characters": self.characters,
            "really_changed_paragraphs": self.really_changed,
            "really_changed_characters": sum(end - start for start, end in spans) / self.characters,
        }


def read_corpus(file: Path) -> dict[str, str]:
    """The texts of a corpus by their paths."""
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if raw.startswith(_GZIP) else raw).decode("utf-8")
    except OSError as error:
        raise Problem(f"{file} cannot be read: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise Problem(f"{file} is not whole: its compressed data end too early") from None
    except UnicodeDecodeError as error:
        raise Problem(f"{file} is not in UTF-8: {error}") from None
    texts: dict[str, str] = {}
    # Not splitlines(): U+2028 may stand in a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        path, content = _document(line, f"{file}, line {number}")
        if path in texts:
            raise Problem(f"{file}, line {number}: the path {path!r} is there already")
        texts[path] = content
    if not texts:
        raise Problem(f"{file} has no document")
    return texts


def _document(line: str, place: str) -> tuple[str, str]:
    try:
        document = json.loads(line)
    except json.JSONDecodeError as error:
        raise Problem(f"{place}: not JSON: {error}") from None
    if isinstance(document, dict):
        path, content = document.get("path"), document.get("content")
        if isinstance(path, str) and isinstance(content, str):
            return path, content
    raise Problem(f'{place}: not an object with two texts, "path" and "content"')


def compare(old: Mapping[str, str], new: Mapping[str, str]) -> Corpora:
    """Find the documents that changed, and in them the paragraphs that really did."""
    changes = [
        Change(path, old[path], text, really_changed(old[path], text))
        for path, text in sorted(new.items())
        if path in old and old[path] != text and not text.isspace() and text
    ]
    if not changes:
        raise Problem("no path is in both files with two different texts: nothing to measure")
    return Corpora(
        documents=len(new),
        added=len(new.keys() - old.keys()),
        removed=len(old.keys() - new.keys()),
        changes=changes,
    )


def read_corpora(old: Path, new: Path) -> Corpora:
    """Two versions of a corpus, compared."""
    return compare(read_corpus(old), read_corpus(new))


def paragraphs(text: str) -> list[Span]:
    """Where the paragraphs are: what lies between blank lines, without white space around it."""
    return [match.span() for match in _PARAGRAPH.finditer(text)]


def really_changed(old: str, new: str) -> list[Span]:
    """The paragraphs of a text that have no twin in the old one."""
    known = {old[start:end] for start, end in paragraphs(old)}
    twins = sorted(known)
    return [
        (start, end)
        for start, end in paragraphs(new)
        if new[start:end] not in known
        and process.extractOne(
            new[start:end], twins, scorer=Indel.normalized_similarity, score_cutoff=TWIN
        )
        is None
    ]


def covered(text: str, spans: Iterable[Span], fresh: Iterable[Span]) -> int:
    """How many of the spans lie wholly, but for white space, in freshly embedded chunks."""
    marks = bytearray(len(text))
    for start, end in fresh:
        marks[start:end] = b"\x01" * (end - start)
    return sum(
        all(marks[place] or text[place].isspace() for place in range(start, end))
        for start, end in spans
    )
