"""What must not change unnoticed in a text, however small the change: the guards look here.

Each guard reads off a text what it watches over, in order.  Two texts that differ in that differ
in what they say: "10 mg" and "1000 mg" are 0.999 alike.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from unicodedata import numeric

from steward_py.languages import (
    ABBREVIATIONS,
    AMBIGUOUS_MONTHS,
    AMBIGUOUS_NUMBERS,
    CONNECTIVES,
    DAYS,
    DECISIVE,
    MONTHS,
    NEGATIONS,
    NUMBER_PARTS,
    NUMBERS,
    OPENERS,
    OPPOSITE_BEGINNINGS,
    OPPOSITE_ENDINGS,
    OPPOSITES,
    REFERENCES,
    SENDING,
    UNITS,
)

GUARDS = ("numbers", "dates", "negations", "names", "headings", "references")

_CURRENCIES = (
    "$\u00a2-\u00a5\u058f\u060b\u09f2\u09f3\u0e3f\u17db\u20a0-\u20cf\ufdfc\uff04\uffe0\uffe1"
    "\uffe5\uffe6"
)
_MATHEMATICAL = "\u00ac\u00b1\u00d7\u00f7\u2190-\u22ff\u27c0-\u27ff\u2900-\u2aff"

# A sign, a comparison or a currency may stand before a number, and a unit after it: written
# together with it, a symbol, or a word.
_NUMBER = re.compile(
    rf"(?:[<>=!~]=?\s?|[{_MATHEMATICAL}]\s?)?"
    r"(?:(?<![\w)\]])[-+]|(?<=\s)[-+]\s)?"
    rf"(?:[{_CURRENCIES}#\u00a7]\s?)?"
    r"(?<![\w.])(\.?\d+(?:[.,:/'*^\u00d7+-]\d+)*)"
    r"(?:\s?([AaPp]\.\s?[Mm])\b"
    r"|([^\W\d_]\w*(?:/[^\W\d_]+)?)"
    rf"|\s?([%\u2030{_CURRENCIES}]|\u00b0[CFK]?)"
    r"|\s([^\W\d_]+(?:/[^\W\d_]+)?))?"
)
# Of what a pointer consists.  Four numbers are an address, unless a section has them.
_POINTER = re.compile(r"\d{1,3}(?:\.\d{1,3}){1,2}")
_DEEP_POINTER = re.compile(r"sections? \d{1,2}(?:\.\d{1,2}){3,5}")
_WHOLE_POINTER = re.compile(r"\d{1,3}")

# Comparisons, sums and arrows that are not of a number behind them.
_OPERATOR = re.compile(
    r"(?:(?<=\s)(?:[<>=!:]=|<>|[-=]>|<-|[<>=+~])(?=\s)|(?<=\w)(?:[<>!=]=|<>|[<>=])(?=\w)"
    rf"|[{_MATHEMATICAL}])(?!\s?[-+{_CURRENCIES}]?\.?\d)"
    rf"|(?<!\d)(?<!\d\s)[{_CURRENCIES}](?!\s?\.?\d)(?![\w{{$])"
)
_ANY_OPERATOR = re.compile(rf"[<>=~+{_MATHEMATICAL}{_CURRENCIES}]")
_DIGIT = re.compile(r"\d")
# "[x]" of a list of tasks
_CHECKBOX = re.compile(r"(?<!\w)\[[ xX]\](?!\()")
# "A+", "AB-", "Rh+"
_GRADE = re.compile(r"(?<![^\s(\"'/|])[A-Z][A-Za-z]?[+-]{1,2}(?![^\s.,;:)\"'/|])")

_DATE = re.compile(
    r"\b\d{4}([-/.])\d{1,2}\1\d{1,2}\b|\b\d{1,2}([-/.])\d{1,2}\2\d{4}\b|\b\d{1,2}/\d{1,2}/\d{2}\b"
    r"|\b\d{1,2}:\d{2}(?::\d{2})?\b"
)
_DAY_OR_YEAR = re.compile(r"(?:\d{1,2}(?:st|nd|rd|th|er)?|\d{4})\Z")

_TOKEN = re.compile(
    r"`[^`]+`"
    r"|\w{1,20}://[^\s<>\"')\]]+"
    r"|[\w.+-]{1,64}@\w[\w-]*(?:\.\w+)+"
    r"|[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
    r"|(?:(?<!\S)--?|[/~@#$\\])?\w+(?:[./:@\\'-]+\w+)*(?:\(\))?"
)
_SENTENCE_END = re.compile(r"[.!?:;(|\u2026\u3002\uff01\uff1f]")
_WORDS = re.compile(r"(?<!\w)[^\W\d_]+(?:-[^\W\d_]+)*(?!\w)")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*\Z")
# "and/or", "e.g"
_PLAIN = re.compile(r"[^\W\d_A-Z]+(?:[/'-][^\W\d_A-Z]+)*\Z|(?:[^\W\d_]\.)+[^\W\d_]\Z")

# "9.27.3.", "F.44.1.", "3)", at the beginning of a paragraph
_NUMBERING = re.compile(
    r"(?:[-*+]\s+)?((?:[A-Z]\.)?\d{1,3}(?:\.\d{1,3})*[.)]|[A-Z](?:\.\d+)+\.?)\s+(\w*)"
)
_LETTERED = re.compile(r"[A-Z](?:\.\d+)*\Z")
# the same of a title, which needs no full stop, and may be that of "Chapter 50"
_TITLE_NUMBERING = re.compile(
    r"(?:(\w+)\s)?((?:[A-Z]\.)?\d+(?:\.\d+)*[.:)]?|[A-Z](?:\.\d+)+[.:)]?|[A-Z][.:)]?)"
    r"\s+(?=[^\W\d_])"
)
_HEADING = re.compile(r"(#{1,6})(?:\s+(.*?))??(?:\s+#+)?\s*\Z", re.DOTALL)
_MARKUP = re.compile(r"[*`]+")
_UNDERLINED = re.compile(r"(.+?)\s+(=+|-{2,})\Z", re.DOTALL)


# What a word or another token may be; most are nothing of it.
_NUMBER_WORD, _DATE_WORD, _NEGATION, _NAME, _IDENTIFIER = 1, 2, 4, 8, 16

# Words come again and again, and a session may last: this is some megabytes.
_REMEMBERED = 10_000
_LONGEST_REMEMBERED = 40


class Lexicon(NamedTuple):
    """The words of some languages."""

    negations: frozenset[str]
    decisive: frozenset[str]
    opposites: Mapping[str, tuple[tuple[int, int], ...]]
    numbers: frozenset[str]
    number_parts: re.Pattern[str] | None
    months: frozenset[str]
    days: frozenset[str]
    references: frozenset[str]
    sending: frozenset[str]
    # what each token may be, as far as it has come up
    kinds: dict[str, int]


@lru_cache(maxsize=16)
def lexicon_of(languages: tuple[str, ...], negations: tuple[str, ...]) -> Lexicon:
    """The words of the languages, and some more that negate."""

    def of(words: Mapping[str, frozenset[str]]) -> frozenset[str]:
        return frozenset().union(*(words[language] for language in languages))

    parts = "|".join(part for language in languages for part in sorted(NUMBER_PARTS[language]))
    return Lexicon(
        of(NEGATIONS).union(word.lower() for word in negations),
        of(DECISIVE),
        _sides("\n".join(OPPOSITES[language] for language in languages)),
        of(NUMBERS),
        re.compile(f"(?:{parts}){{2,}}") if parts else None,
        of(MONTHS),
        of(DAYS),
        of(REFERENCES),
        of(SENDING),
        {},
    )


def _sides(questions: str) -> dict[str, tuple[tuple[int, int], ...]]:
    """By word: the questions that it answers, each with the side that it takes."""
    sides: dict[str, tuple[tuple[int, int], ...]] = {}
    for number, question in enumerate(questions.split("\n")):
        for side, words in enumerate(question.split("/")):
            for word in words.split():
                sides[word] = (*sides.get(word, ()), (number, side))
    return sides


def findings_of(
    paragraphs: Iterable[str], guards: Sequence[str], lexicon: Lexicon
) -> dict[str, list[str]]:
    """What each guard finds in the paragraphs, in order.  Their white space is single spaces."""
    found: dict[str, list[str]] = {guard: [] for guard in guards}
    for paragraph in paragraphs:
        title = _title(paragraph) if "headings" in found else None
        findings = _in_text(paragraph, lexicon) if title is None else _in_title(title, lexicon)
        for guard, finding in findings:
            if guard in found:
                found[guard].append(finding)
    return found


def opposites_of(
    before: Iterable[str], after: Iterable[str], lexicon: Lexicon
) -> tuple[list[str], list[str]]:
    """The words that are gone, and those that came, where these say the opposite."""
    old, new = _words_of(before), _words_of(after)
    gone, came = Counter(old) - Counter(new), Counter(new) - Counter(old)
    pairs = [(word, other) for word in gone for other in _opposites(word) if other in came]
    answers_gone, answers_came = _answers(gone, lexicon), _answers(came, lexicon)
    pairs += [
        (word, other)
        for question, answers in answers_gone.items()
        for side, word in answers
        for taken, other in answers_came[question]
        if side != taken
    ]
    answers_before, answers_after = _answers(old, lexicon), _answers(new, lexicon)
    for question, answers in answers_before.items():
        others = answers_after[question]
        if sorted(side for side, _ in answers) == sorted(side for side, _ in others):
            # "A must, B may" and "A may, B must"
            pairs += [
                (word, other)
                for (side, word), (taken, other) in zip(answers, others)
                if side != taken
            ]
    return (
        list(dict.fromkeys(word for word, _ in pairs)),
        list(dict.fromkeys(other for _, other in pairs)),
    )


def _words_of(paragraphs: Iterable[str]) -> list[str]:
    return [word.lower() for paragraph in paragraphs for word in _WORDS.findall(paragraph)]


def _answers(words: Iterable[str], lexicon: Lexicon) -> dict[int, list[tuple[int, str]]]:
    """By question: the sides that are taken one after the other, with the words that say so."""
    answers: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for word in words:
        for question, side in lexicon.opposites.get(word, ()):
            answers[question].append((side, word))
    return answers


def _opposites(word: str) -> Iterable[str]:
    if len(word) > _LONGEST_REMEMBERED:
        return _opposites_made_of(word)
    return _remembered_opposites(word)


@lru_cache(maxsize=_REMEMBERED // 4)
def _remembered_opposites(word: str) -> tuple[str, ...]:
    return tuple(_opposites_made_of(word))


def _opposites_made_of(word: str) -> Iterator[str]:
    for letters, *ends in OPPOSITE_BEGINNINGS:
        for one, other in (ends, reversed(ends)):
            if word.startswith(one) and len(word) >= len(one) + letters:
                yield other + word[len(one) :]
    for letters, *ends in OPPOSITE_ENDINGS:
        for one, other in (ends, reversed(ends)):
            if word.endswith(one) and len(word) >= len(one) + letters:
                yield word[: -len(one)] + other


def _in_title(title: str, lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    numbering, rest = _without_numbering(title, lexicon)
    yield "headings", rest
    if numbering:
        yield "references", numbering


def _in_text(paragraph: str, lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    text = paragraph
    match = _NUMBERING.match(paragraph)
    # "10. Mai" is a date
    if match and match.group(2).lower() not in lexicon.months:
        text = paragraph[match.start(2) :]
        yield "references", match.group(1)
    has_digits = _DIGIT.search(text) is not None
    if has_digits or not text.isascii():
        yield from _numbers(text, lexicon)
    tokens = [(match.group(), match.start()) for match in _TOKEN.finditer(text)]
    kinds = _kinds_of(tokens, lexicon)
    for number in _numbers_in_words(tokens, kinds, lexicon):
        yield "numbers", number
    if _ANY_OPERATOR.search(text):
        for sign in _OPERATOR.finditer(text):
            yield "numbers", sign.group()
    if "[" in text:
        for box in _CHECKBOX.finditer(text):
            yield "negations", box.group().lower()
    if "+" in text or "-" in text:
        for grade in _GRADE.finditer(text):
            yield "names", grade.group()
    for date in _dates(text if has_digits else "", tokens, kinds, lexicon):
        yield "dates", date
    for negation in _negations(tokens, kinds, lexicon):
        yield "negations", negation
    yield from _names(text, tokens, kinds, lexicon)


def _kinds_of(tokens: Sequence[tuple[str, int]], lexicon: Lexicon) -> list[int]:
    known = lexicon.kinds
    kinds = []
    for token, _ in tokens:
        kind = known.get(token)
        if kind is None:
            kind = _kind(token, lexicon)
            if len(token) <= _LONGEST_REMEMBERED:
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[token] = kind
        kinds.append(kind)
    return kinds


def _kind(token: str, lexicon: Lexicon) -> int:
    word = token.lower()
    kind = 0
    if word in AMBIGUOUS_NUMBERS or _is_number(word, lexicon):
        kind |= _NUMBER_WORD
    if word in lexicon.days or word in lexicon.months:
        kind |= _DATE_WORD
    if _negation(word, "", lexicon) is not None:
        kind |= _NEGATION
    if _is_identifier(token):
        kind |= _IDENTIFIER | _NAME
    elif token[0].isupper():
        kind |= _NAME
    return kind


def _title(paragraph: str) -> str | None:
    """The title of a Markdown heading, after number signs that say its level."""
    match = _HEADING.match(paragraph)
    if match:
        return f"{match.group(1)} {match.group(2) or ''}"
    match = _UNDERLINED.match(paragraph)
    if match:
        return f"{'#' if match.group(2)[0] == '=' else '##'} {match.group(1)}"
    return None


def _without_numbering(title: str, lexicon: Lexicon) -> tuple[str, str]:
    """The number in front of a title, if there is one, and the title without it and its markup."""
    level, _, words = title.partition(" ")
    numbering = ""
    match = _TITLE_NUMBERING.match(words)
    if match:
        word, number = match.group(1), match.group(2)
        following = words[match.end() :].split()[0]
        measures = _is_unit(following) or following.lower() in lexicon.numbers
        if (
            word.capitalize() in lexicon.references
            if word
            else ("." in number or number[-1] == ")") and not measures
        ):
            numbering, words = match.group().rstrip(), words[match.end() :]
    return numbering, f"{level} {_MARKUP.sub('', words)}"


def path_without_numbering(path: str, lexicon: Lexicon) -> str:
    """The same of headings as ``chunking.Chunk.heading`` has them."""
    titles = (_without_numbering(f" {title}", lexicon)[1] for title in path.split(" > "))
    return " > ".join(title.lstrip() for title in titles)


def _numbers(text: str, lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    """The numbers with their units, and those that point to something."""
    pointer = ""
    sends = False
    end = 0
    for match in _NUMBER.finditer(text):
        daytime, attached, symbol, word = match.group(2, 3, 4, 5)
        if daytime:
            daytime = f"{daytime[0]}m".lower()
        if word and not _is_unit(word):
            word = None
        unit = daytime or attached or symbol or word
        number = text[match.start() : match.end(1)].replace(" ", "")
        between = text[end : match.start()].split()
        end = match.end() if unit or not match.group(5) else match.end(1)
        before = between[-1].strip("(),.") if between else ""
        if before in lexicon.references:
            pointer = before.lower()
            sends = _sends(between, lexicon)
        elif not all(each == "," or each.strip(",") in CONNECTIVES for each in between):
            pointer = ""
        counts = (match.group(5) or "").lower() in lexicon.numbers
        # "Section 9.27" is as good as "Section 9.28"; "Article 5" is not as good as "Article 6"
        reference = f"{pointer} {number}"
        if (
            pointer
            and not (unit or counts)
            and (
                _POINTER.fullmatch(number)
                or _DEEP_POINTER.fullmatch(reference)
                or (sends and _WHOLE_POINTER.fullmatch(number))
            )
        ):
            yield "references", reference
        else:
            yield "numbers", f"{number} {unit}" if unit else number
    if not text.isascii():
        for sign in text:
            # a fraction, an exponent, a numeral of another script
            if numeric(sign, None) is not None and not sign.isdecimal():
                yield "numbers", sign


def _sends(words: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether the last word, which introduces a pointer, is where a reader is sent."""
    before = [word.strip("(),.;:").lower() for word in words[-3:-1]]
    return bool(before) and (before[-1] in lexicon.sending or " ".join(before) in lexicon.sending)


def _numbers_in_words(
    tokens: Sequence[tuple[str, int]], kinds: Sequence[int], lexicon: Lexicon
) -> Iterator[str]:
    """Numbers that are words, with the unit after them if there is one."""
    for index, kind in enumerate(kinds):
        if not kind & _NUMBER_WORD:
            continue
        token = tokens[index][0]
        following = tokens[index + 1][0] if index + 1 < len(tokens) else ""
        unit = f" {following}" if following and _is_unit(following) else ""
        if unit or _is_number(token.lower(), lexicon):
            yield f"{token}{unit}"


def _is_number(word: str, lexicon: Lexicon) -> bool:
    return not lexicon.numbers.isdisjoint(word.split("-")) or (
        lexicon.number_parts is not None and lexicon.number_parts.fullmatch(word) is not None
    )


def _is_unit(word: str) -> bool:
    return word.partition("/")[0].lower() in UNITS


def _dates(
    text: str, tokens: Sequence[tuple[str, int]], kinds: Sequence[int], lexicon: Lexicon
) -> list[str]:
    dates = [(match.start(), match.group()) for match in _DATE.finditer(text)]
    for index, kind in enumerate(kinds):
        if not kind & _DATE_WORD:
            continue
        word, place = tokens[index]
        lower = word.lower()
        if lower in lexicon.days:
            dates.append((place, word))
        if lower not in lexicon.months:
            continue
        first = last = index
        while first > max(0, index - 2) and _DAY_OR_YEAR.match(tokens[first - 1][0]):
            first -= 1
        while last < min(len(tokens) - 1, index + 2) and _DAY_OR_YEAR.match(tokens[last + 1][0]):
            last += 1
        if first < last or lower not in AMBIGUOUS_MONTHS:
            dates.append((place, " ".join(each for each, _ in tokens[first : last + 1])))
    return [date for _, date in sorted(dates)]


def _negations(
    tokens: Sequence[tuple[str, int]], kinds: Sequence[int], lexicon: Lexicon
) -> Iterator[str]:
    """Each negation with the word after it, so that one that moves is seen to have moved."""
    for index, kind in enumerate(kinds):
        if kind & _NEGATION:
            following = tokens[index + 1][0] if index + 1 < len(tokens) else ""
            negation = _negation(tokens[index][0].lower(), following, lexicon)
            if negation is not None:
                yield negation


def _negation(word: str, following: str, lexicon: Lexicon) -> str | None:
    if word.endswith("n't") or word == "cannot":
        return f"not {following}".strip()
    # "n'est", "nessun'altra", "qu'aucun"
    elided, apostrophe, rest = word.partition("'")
    if apostrophe and elided == "n" and "ne" in lexicon.negations:
        return f"ne {rest}"
    if apostrophe and elided in lexicon.negations:
        return f"{elided} {rest}"
    if apostrophe and rest in lexicon.negations:
        return f"{rest} {following}".strip()
    if word in lexicon.negations:
        return f"{word} {following}".strip()
    return word if word in lexicon.decisive else None


def _names(
    text: str, tokens: Sequence[tuple[str, int]], kinds: Sequence[int], lexicon: Lexicon
) -> Iterator[tuple[str, str]]:
    """Names of people, places and things: capitals within a sentence, and what code is made of.

    Not what only points, as in "Appendix F.31".
    """
    for index, kind in enumerate(kinds):
        if not kind & _NAME:
            continue
        token, place = tokens[index]
        previous, before = tokens[index - 1] if index else ("", 0)
        if _LETTERED.match(token) and previous.capitalize() in lexicon.references:
            yield "references", f"{previous} {token}"
        elif token not in lexicon.references and (
            kind & _IDENTIFIER
            or not (
                token.lower() in OPENERS
                and (index == 0 or _ends_sentence(previous, text[before + len(previous) : place]))
            )
        ):
            yield "names", token


def _ends_sentence(word: str, gap: str) -> bool:
    """Whether a sentence ends after the word, with what stands between it and the next one."""
    return _SENTENCE_END.search(gap) is not None and not ("." in gap and _is_abbreviation(word))


def _is_abbreviation(word: str) -> bool:
    return word.lower() in ABBREVIATIONS or (len(word) == 1 and word.isupper())


def _is_identifier(token: str) -> bool:
    """Whether a token is no ordinary word: code, an address, an abbreviation in capitals."""
    if token[0] == "`" or (token[0] >= "\u2600" and not token[0].isalnum()):
        return True
    if token[0] in "@#$/~\\-":
        return not token[1].isdigit()
    if token.endswith("()") or "@" in token or "://" in token:
        return True
    if _WORD.match(token):
        return not token[1:].islower() and any(
            letter.isupper() for part in token.split("-") for letter in part[1:]
        )
    if token[0].isdigit():
        # numbers, and what is written together with them, are of another guard
        return False
    return _PLAIN.match(token) is None
