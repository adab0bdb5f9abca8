"""Whether a change is worth a new vector: a policy, and the stages that judge by it.

The stages stand in the order of what they cost, and each can decide:

1. equal, and equal after normalisation: kept;
2. guards: a number, date, negation, name or heading differs: not kept, however alike the rest is;
3. structure: a paragraph is new, gone, or not alike: not kept;
4. similarity of the whole: decides.

Compared is always the text that the vector was made from, so that small edits add up.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple
from unicodedata import category, normalize

from steward_py.errors import INVALID_PARAMETER_VALUE, StewardError
from steward_py.findings import (
    GUARDS,
    findings_of,
    lexicon_of,
    opposites_of,
    path_without_numbering,
)
from steward_py.languages import LANGUAGES
from steward_py.pulse import Pulse
from steward_py.similarity import similarity

NORMALISATIONS = ("unicode", "space", "case", "punctuation")
COSINES = ("chunk", "lead", "centroid", "pairwise")

# References matter in a law, and not in a manual that counts its sections: to be asked for.
_DEFAULT_GUARDS = ("numbers", "dates", "negations", "names", "headings")

# So many paragraphs in both texts that are not equal are too many to look for twins.
_MOST_PAIRS = 2_500

# The same sign, as different keyboards and programs write it; and what cannot be seen.
_VARIANTS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
        "\u2026": "...",
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff"),
    }
)

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*|\x1d")
# a list item, a row of a table, a heading: paragraphs of their own
_ITEM = re.compile(r"(?:[-*+\u2022]\s|\d+[.)]\s|\||#{1,6}\s)")
# Nobody wraps a text to shorter lines.
_NARROWEST = 40
# Of two texts that have less in common, to list what came and went says nothing, and takes long.
_REWRITTEN = 0.5
_SIGN = re.compile(r"[^\w\s]")
_DIGIT_BEFORE = re.compile(r"\d\s?\Z")
_FOLLOWING_DIGIT = re.compile(r"\s\d")
_UNDERLINE = re.compile(r"(?:=+|-{2,})\Z")


@dataclass(frozen=True)
class Policy:
    """What counts as a change.  See ``parse_policy`` for the meaning of each."""

    similarity: float | None = 0.95
    normalise: tuple[str, ...] = ("unicode", "space")
    guards: tuple[str, ...] = _DEFAULT_GUARDS
    languages: tuple[str, ...] = LANGUAGES
    negations: tuple[str, ...] = ()
    structure: bool = True
    cosine: float | None = None
    cosine_by: str = "chunk"
    always: tuple[str, ...] = ()


DEFAULT = Policy()


class Finding(NamedTuple):
    """What a guard found to be gone from the old text, and to have come with the new one."""

    guard: str
    gone: tuple[str, ...]
    came: tuple[str, ...]


class Verdict(NamedTuple):
    """What was decided about a text in the place of another.

    ``stage`` is the one that decided: same, normalised, guarded, structure, similar or different.
    """

    stage: str
    keeps: bool
    similarity: float
    findings: tuple[Finding, ...] = ()


class Paragraph(NamedTuple):
    """A paragraph in its normal form, and as the guards read it."""

    normal: str
    text: str


class Reading:
    """A text as the stages read it; each form is made when it is first needed.

    ``heading`` stood above it when it was embedded.
    """

    def __init__(self, text: str, policy: Policy, heading: str | None = None) -> None:
        self.text = text
        self.heading = heading
        self._policy = policy

    @cached_property
    def normal(self) -> str:
        return normalised(self.text, self._policy)

    @cached_property
    def paragraphs(self) -> list[Paragraph]:
        return [
            Paragraph(normalised(paragraph, self._policy), paragraph)
            for paragraph in paragraphs_of(canonical(self.text))
        ]


def parse_policy(options: Mapping[str, object] | None) -> Policy:
    """The policy that somebody wrote down, checked.  What is left out has its default."""
    given = options or {}
    names = tuple(asdict(DEFAULT))
    for name, value in given.items():
        if name not in names:
            raise _refusal({name: value}, f"The keys are {', '.join(names)}.")
    structure = given.get("structure", DEFAULT.structure)
    if not isinstance(structure, bool):
        raise _refusal({"structure": structure}, "structure is true or false.")
    cosine_by = given.get("cosine_by", DEFAULT.cosine_by)
    if not isinstance(cosine_by, str) or cosine_by not in COSINES:
        raise _refusal({"cosine_by": cosine_by}, f"cosine_by is one of {', '.join(COSINES)}.")
    negations = _words(given, "negations")
    for word in negations:
        if not re.fullmatch(r"[^\W\d_]+(?:['-][^\W\d_]+)*", word):
            raise _refusal({"negations": word}, "negations are single words.")
    return Policy(
        similarity=_share(given, "similarity", DEFAULT.similarity),
        normalise=_some_of(given, "normalise", NORMALISATIONS, DEFAULT.normalise),
        guards=_some_of(given, "guards", GUARDS, DEFAULT.guards),
        languages=_some_of(given, "languages", LANGUAGES, DEFAULT.languages),
        negations=tuple(dict.fromkeys(word.lower() for word in negations)),
        structure=structure,
        cosine=_share(given, "cosine", DEFAULT.cosine),
        cosine_by=cosine_by,
        always=_words(given, "always"),
    )


def policy_as_dict(policy: Policy) -> dict[str, Any]:
    """The normal form of a policy: with every key, so that it means the same for ever."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(policy).items()
    }


def canonical(text: str) -> str:
    """The text without what distinguishes only the programs it was written with."""
    if text.isascii():
        return text
    return normalize("NFC", text).translate(_VARIANTS)


def normalised(text: str, policy: Policy) -> str:
    """The text without what the policy says is no change."""
    normalise = policy.normalise
    if "unicode" in normalise:
        text = canonical(text)
    if "case" in normalise:
        text = text.casefold()
    if "punctuation" in normalise:
        text = _without_punctuation(text)
    if "space" in normalise:
        text = " ".join(text.split())
    return text


def paragraphs_of(text: str) -> list[str]:
    """The paragraphs of a text, with white space as single spaces.

    List items, rows of tables and headings are paragraphs, and so is a line that was ended before
    it was full: the next word would have fit.
    """
    paragraphs = []
    for block in _BLANK_LINES.split(text):
        lines = [" ".join(line.split()) for line in block.split("\n")]
        lines = [line for line in lines if line]
        width = max(map(len, lines), default=0)
        first = 0
        for index in range(1, len(lines) + 1):
            if index == len(lines) or _is_ended(lines[index - 1], lines[index], width):
                paragraphs.append(" ".join(lines[first:index]))
                first = index
    return paragraphs


def _is_ended(line: str, following: str, width: int) -> bool:
    if _UNDERLINE.match(following):
        return False
    return (
        width < _NARROWEST
        or line[0] in "#|"
        or _UNDERLINE.match(line) is not None
        or _ITEM.match(following) is not None
        or len(line) + 1 + len(following.partition(" ")[0]) <= width
    )


def _without_punctuation(text: str) -> str:
    def rest(match: re.Match[str]) -> str:
        sign = match.group()
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        stays = (
            (before.isalnum() and after.isalnum())
            or (sign in "-.#/\u00a7" and after.isdigit())
            or (sign in "-#/*\u00a7" and _FOLLOWING_DIGIT.match(text, match.end()))
            or (
                sign in "%\u2030"
                and _DIGIT_BEFORE.search(text[max(0, match.start() - 2) : match.start()])
            )
            or (sign == "-" and before.isupper())
            or (sign == "!" and after == "=")
        )
        return sign if stays or category(sign)[0] != "P" else ""

    return _SIGN.sub(rest, text)


def judge(old: str, new: str, policy: Policy = DEFAULT, pulse: Pulse = None) -> Verdict:
    """Whether the vector of the old text may stand for the new one."""
    return judge_readings(Reading(old, policy), Reading(new, policy), policy, pulse)


def judge_readings(
    old: Reading,
    new: Reading,
    policy: Policy,
    pulse: Pulse = None,
    alike: float | None = None,
) -> Verdict:
    """As ``judge``; ``alike`` is the similarity of the normal forms, if it is known already."""
    if (old.text, old.heading) == (new.text, new.heading):
        return Verdict("same", True, 1.0)
    if alike is None:
        alike = similarity(old.normal, new.normal, 0.0, pulse)
    if policy.similarity is None:
        return Verdict("different", False, alike)
    if alike < min(_REWRITTEN, policy.similarity) and policy.cosine is None:
        return Verdict("different", False, alike)
    headings = _changed_heading(old, new, policy)
    if old.normal == new.normal and not headings:
        return Verdict("normalised", True, 1.0)
    stage, findings = "guarded", headings + _changed_findings(old, new, policy)
    if not findings and policy.structure:
        findings = _changed_structure(old, new, policy.similarity, pulse)
        # as many as before: none was added or removed, some were rewritten
        is_rewritten = all(len(each.gone) == len(each.came) for each in findings)
        stage = "different" if is_rewritten else "structure"
    if not findings:
        stage = "similar" if alike >= policy.similarity else "different"
    return Verdict(stage, stage == "similar", alike, findings)


def _changed_heading(old: Reading, new: Reading, policy: Policy) -> tuple[Finding, ...]:
    if "headings" not in policy.guards:
        return ()
    lexicon = lexicon_of(policy.languages, policy.negations)
    before, after = (path_without_numbering(each.heading or "", lexicon) for each in (old, new))
    if before == after:
        return ()
    return (Finding("headings", (before,) if before else (), (after,) if after else ()),)


def _changed_findings(old: Reading, new: Reading, policy: Policy) -> tuple[Finding, ...]:
    if not policy.guards:
        return ()
    common = _common(old.paragraphs, new.paragraphs)
    if _in_order(old.paragraphs, common) == _in_order(new.paragraphs, common):
        before, after = _others(old.paragraphs, common), _others(new.paragraphs, common)
    else:
        # what has changed its place may have changed what it belongs to
        before, after = old.paragraphs, new.paragraphs
    lexicon = lexicon_of(policy.languages, policy.negations)
    old_texts, new_texts = [each.text for each in before], [each.text for each in after]
    found_before = findings_of(old_texts, policy.guards, lexicon)
    found_after = findings_of(new_texts, policy.guards, lexicon)
    if "negations" in policy.guards:
        gone, came = opposites_of(old_texts, new_texts, lexicon)
        told: set[str] = set()
        if found_before["negations"] != found_after["negations"]:
            # "must" and "may" count by themselves, and are not said twice
            told.update(found_before["negations"], found_after["negations"])
        found_before["negations"] += [word for word in gone if word not in told]
        found_after["negations"] += [word for word in came if word not in told]
    return tuple(
        _finding(guard, found_before[guard], found_after[guard])
        for guard in policy.guards
        if found_before[guard] != found_after[guard]
    )


def _finding(guard: str, before: Sequence[str], after: Sequence[str]) -> Finding:
    gone = tuple((Counter(before) - Counter(after)).elements())
    came = tuple((Counter(after) - Counter(before)).elements())
    if not gone and not came:
        # the same ones in another order
        swapped = [pair for pair in zip(before, after) if pair[0] != pair[1]]
        gone, came = tuple(old for old, _ in swapped), tuple(new for _, new in swapped)
    return Finding(guard, gone, came)


def _common(old: Sequence[Paragraph], new: Sequence[Paragraph]) -> Counter[str]:
    return Counter(each.normal for each in old) & Counter(each.normal for each in new)


def _in_order(paragraphs: Sequence[Paragraph], common: Counter[str]) -> list[str]:
    return [each.normal for each in paragraphs if each.normal in common]


def _others(paragraphs: Sequence[Paragraph], common: Counter[str]) -> list[Paragraph]:
    left = Counter(common)
    others = []
    for each in paragraphs:
        if left[each.normal] > 0:
            left[each.normal] -= 1
        else:
            others.append(each)
    return others


def _changed_structure(
    old: Reading, new: Reading, threshold: float, pulse: Pulse
) -> tuple[Finding, ...]:
    """The paragraphs of either text that have no twin in the other one.

    Each is the twin of one.  The most alike pair up first, so that with a lower threshold there
    can only be more pairs.
    """
    common = _common(old.paragraphs, new.paragraphs)
    gone = [each.normal for each in _others(old.paragraphs, common)]
    came = [each.normal for each in _others(new.paragraphs, common)]
    if len(gone) * len(came) <= _MOST_PAIRS:
        pairs = [
            (-similarity(before, after, threshold, pulse), i, j)
            for i, before in enumerate(gone)
            for j, after in enumerate(came)
        ]
        paired_before: set[int] = set()
        paired_after: set[int] = set()
        for negative, i, j in sorted(pairs):
            if -negative >= threshold and i not in paired_before and j not in paired_after:
                paired_before.add(i)
                paired_after.add(j)
        gone = [text for i, text in enumerate(gone) if i not in paired_before]
        came = [text for j, text in enumerate(came) if j not in paired_after]
    return (Finding("structure", tuple(gone), tuple(came)),) if gone or came else ()


def _share(options: Mapping[str, object], name: str, default: float | None) -> float | None:
    value = options.get(name, default)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise _refusal({name: value}, f"{name} is a number from 0 to 1, or null.")
    return float(value)


def _some_of(
    options: Mapping[str, object], name: str, choices: Sequence[str], default: tuple[str, ...]
) -> tuple[str, ...]:
    """Those of the choices that are listed, in the order of the choices."""
    value = options.get(name, default)
    if not isinstance(value, (list, tuple)) or any(each not in choices for each in value):
        raise _refusal({name: value}, f"{name} is an array of any of {', '.join(choices)}.")
    return tuple(choice for choice in choices if choice in value)


def _words(options: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = options.get(name, ())
    if not isinstance(value, (list, tuple)) or not all(
        isinstance(each, str) and each for each in value
    ):
        raise _refusal({name: value}, f"{name} is an array of strings that are not empty.")
    return tuple(dict.fromkeys(value))


def _refusal(option: Mapping[str, object], hint: str) -> StewardError:
    return StewardError(
        "the significance policy is not valid",
        sqlstate=INVALID_PARAMETER_VALUE,
        detail=f"It has {json.dumps(option, ensure_ascii=False)}.",
        hint=hint,
    )
