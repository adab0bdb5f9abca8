"""The built-in model ``builtin/hash@1``: hashed words and n-grams, for trying out and testing.

It needs no network and no key, so a fresh installation can show every step from an edit to a
search, and tests get the same vector everywhere.  It is a real *lexical* embedding: texts that
share words or parts of words are near each other, a typo changes little, another topic is far.
It knows nothing of meaning: "car" and "automobile" are strangers to it.  For production semantics
use a model of an external provider.

A text is normalised (NFKC, case folded) and taken apart into words.  Every word has a fixed
pattern of signed hash positions, from the word itself and its character n-grams; the patterns are
added, weighted by how often the word occurs (1 + ln n) and by its length, and the sum is scaled to
length 1.  Longer words count more because function words are short in most languages: that stands
in for a stop-word list.  All sums are integers, so the order of addition changes nothing and the
result is the same in every version of Python and on every platform.  (One exception: characters
that were added to Unicode after the database that a Python carries.)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import log, sqrt
from unicodedata import normalize
from zlib import crc32

from steward_py.errors import INVALID_PARAMETER_VALUE, StewardError

NAME = "builtin/hash@1"
DIMENSIONS = 256

# Changing anything below changes vectors: that is a new model, hash@2, never an improved hash@1.

# Scripts that are written without spaces between words: Thai to Myanmar, Khmer, kana, Han.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3105-\u312f\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
# Marks that belong to a word though Python's \w leaves them out; whole blocks, where they have
# little else, so that nothing depends on the Unicode version.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0dff\u0f00-\u0fbc"

_TOKEN = re.compile(rf"[\w{_MARKS}{_UNSPACED}]+|\S")
_WORD_CHARACTER = re.compile(rf"[\w{_MARKS}{_UNSPACED}]")
_UNSPACED_RUN = re.compile(rf"([{_UNSPACED}]+)")
_FIRST_UNSPACED = "\u0e00"

_GRAM_LENGTHS = (3, 4, 5)
_WORD_START, _WORD_END = "\x02", "\x03"

# Start values of the checksum keep the kinds of features apart.
_WORD_SEED, _GRAM_SEED, _SYMBOL_SEED = 1, 2, 3

_WORD_FACTOR = 3  # a word against one of its n-grams
_SYMBOL_WEIGHT = 1
_WEIGHT_BY_LENGTH = (0, 2, 3, 4, 6, 8, 9, 10, 11)
_COUNT_SCALE = 64

# Longer words are rare and would fill the cache with what never comes again.
_CACHED_LENGTH = 40
_CACHED_WORDS = 16384

_Pattern = tuple[bytes, bytes]  # positions to add to, positions to subtract from


def embed(text: str) -> list[float]:
    """The vector of a text: 256 numbers, of length 1.  A blank text has none."""
    sums = [0] * DIMENSIONS
    words, symbols = _count(text)
    for word, count in words.items():
        weight = _WEIGHT_BY_LENGTH[min(len(word), len(_WEIGHT_BY_LENGTH) - 1)]
        weight *= _damped(count)
        pattern = _word_pattern if len(word) <= _CACHED_LENGTH else _compute_word_pattern
        added, subtracted = pattern(word)
        for position in added:
            sums[position] += weight
        for position in subtracted:
            sums[position] -= weight
    for symbol, count in symbols.items():
        position, sign = _place(symbol.encode("utf-8", "surrogatepass"), _SYMBOL_SEED)
        sums[position] += sign * _SYMBOL_WEIGHT * _damped(count)

    norm = sqrt(sum(number * number for number in sums))
    if norm == 0:
        if not words and not symbols:
            raise StewardError(
                "a blank text has no vector",
                sqlstate=INVALID_PARAMETER_VALUE,
                hint="Give a text with at least one visible character.",
            )
        # Opposite signs met in the same position.  Any fixed direction will do.
        position, sign = _place(text.encode("utf-8", "surrogatepass"), _SYMBOL_SEED)
        sums[position], norm = sign, 1.0
    return [number / norm for number in sums]


def as_pgvector(vector: Iterable[float]) -> str:
    """The text form of a vector for pgvector, which keeps about seven digits."""
    return "[" + ",".join([f"{number:.7g}" for number in vector]) + "]"


def _count(text: str) -> tuple[Counter[str], Counter[str]]:
    """How often each word, and each character that is in no word, occurs."""
    words: Counter[str] = Counter()
    symbols: Counter[str] = Counter()
    for token, count in Counter(_TOKEN.findall(_normalised(text))).items():
        if not _WORD_CHARACTER.match(token):
            symbols[token] += count
            continue
        for part in token.split("_"):
            if part:
                for word in _words_of(part):
                    words[word] += count
            else:
                symbols["_"] += count
    return words, symbols


def _normalised(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Case folding can undo the composition, hence the second time.
    return normalize("NFKC", normalize("NFKC", text).casefold())


def _words_of(token: str) -> Iterator[str]:
    """The token itself; of a script without spaces each character and each pair of neighbours."""
    if max(token) < _FIRST_UNSPACED:
        yield token
        return
    for index, part in enumerate(_UNSPACED_RUN.split(token)):
        if index % 2 == 0:
            if part:
                yield part
        else:
            yield from part
            for first, second in zip(part, part[1:]):
                yield first + second


def _damped(count: int) -> int:
    return round(_COUNT_SCALE * (1 + log(count)))


def _compute_word_pattern(word: str) -> _Pattern:
    added, subtracted = bytearray(), bytearray()

    def put(feature: bytes, seed: int, times: int) -> None:
        position, sign = _place(feature, seed)
        (added if sign > 0 else subtracted).extend([position] * times)

    put(word.encode("utf-8", "surrogatepass"), _WORD_SEED, _WORD_FACTOR)
    padded = _WORD_START + word + _WORD_END
    for length in _GRAM_LENGTHS:
        for start in range(len(padded) - length + 1):
            gram = padded[start : start + length]
            put(gram.encode("utf-8", "surrogatepass"), _GRAM_SEED, 1)
    return bytes(added), bytes(subtracted)


_word_pattern = lru_cache(_CACHED_WORDS)(_compute_word_pattern)


def _place(feature: bytes, seed: int) -> tuple[int, int]:
    """A position in the vector and a sign."""
    checksum = crc32(feature, seed)
    # A checksum is linear in its input; one multiplication makes position and sign independent.
    mixed = ((checksum ^ checksum >> 16) * 0x9E3779B1) & 0xFFFFFFFF
    return mixed >> 24, 1 if mixed & 0x00800000 else -1
