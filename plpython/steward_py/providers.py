"""What providers are asked, and what they answer.

A ``Model`` is a row of the registry: who makes the vectors, where, and within which limits.  Four
protocols are spoken: ``openai`` (/v1/embeddings, as OpenAI, Azure, Ollama, vLLM, TEI, LiteLLM,
infinity and llama.cpp understand it), ``ollama`` (/api/embed), ``http`` (a template for the
request, a path to the answer) and ``builtin``.  Everything else is somebody else's: ``external``.

Vectors stay text.  They are cut from the answer before it is parsed, since pgvector reads what
providers write: a tenth of the work of making numbers of them and text again.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import isfinite, sqrt
from typing import Any

from steward_py.endpoints import Endpoint, EndpointError, parse_endpoint
from steward_py.errors import INVALID_PARAMETER_VALUE, StewardError

PROVIDERS = ("builtin", "openai", "ollama", "http")
DOCUMENT, QUERY = "document", "query"

# The classes of steward.fail(): whose affair a failure is.  The last one is for claims whose
# provider failed before they were sent: they are given back.
ITEM, TRANSIENT, RATE_LIMIT, CONFIGURATION = "item", "transient", "rate_limit", "configuration"
UNSENT = "unsent"

DEFAULT_ENDPOINTS = {
    "openai": "https://api.openai.com/v1",
    "ollama": "http://localhost:11434",
}
_DEFAULT_INPUTS = {"openai": 2048, "ollama": 128}
# the sum that OpenAI accepts in one request
_DEFAULT_TOKENS = 300_000

SECRET = "{secret}"  # noqa: S105  what stands for it in a header
_DEFAULT_HEADER = f"Authorization: Bearer {SECRET}"


@dataclass(frozen=True)
class Failure:
    """Why a text has no vector, and whose affair that is."""

    kind: str
    reason: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Model:
    """A model as it is registered."""

    name: str
    provider: str
    dimensions: int
    # how near vectors are to each other (cosine, l2, inner_product), and how they are stored
    metric: str = "cosine"
    storage: str = "vector"
    endpoint: str | None = None
    # what the provider calls it
    remote_name: str = ""
    document_prefix: str = ""
    query_prefix: str = ""
    # what one text may have, and what becomes of a longer one: fail or truncate
    input_tokens: int | None = None
    on_too_long: str = "fail"
    # what one request may have
    batch_inputs: int | None = None
    batch_tokens: int | None = None
    # whether the number of dimensions is asked for
    send_dimensions: bool = False
    # float or base64
    encoding: str = "float"
    # whether vectors are scaled to length 1 here
    normalise: bool = False
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    # for one request, from its first byte to the last one of the answer
    timeout: float = 60.0
    # the name of a secret, and the header that it is sent in
    secret: str | None = None
    secret_header: str = _DEFAULT_HEADER
    # of provider http: what is sent, and where the vectors are in the answer
    request: object = None
    answer: str | None = None

    def __post_init__(self) -> None:
        if not self.remote_name:
            object.__setattr__(self, "remote_name", self.name.partition("@")[0])
        if self.batch_inputs is None:
            object.__setattr__(self, "batch_inputs", _DEFAULT_INPUTS.get(self.provider, 32))
        if self.batch_tokens is None:
            object.__setattr__(self, "batch_tokens", _DEFAULT_TOKENS)
        if self.endpoint is None:
            object.__setattr__(self, "endpoint", DEFAULT_ENDPOINTS.get(self.provider))

    @property
    def is_callable(self) -> bool:
        """Whether vectors of it can be had from here; else a worker of somebody's makes them."""
        return self.provider in PROVIDERS


_FIELDS = frozenset(field.name for field in fields(Model))


def parse_model(row: str | Mapping[str, object]) -> Model:
    """A model from its row in the registry, as JSON or parsed.  What is null is left out."""
    given: Mapping[str, Any] = json.loads(row) if isinstance(row, str) else row
    known = {name: value for name, value in given.items() if name in _FIELDS and value is not None}
    for name in ("requests_per_minute", "tokens_per_minute", "timeout"):
        if name in known:
            known[name] = float(known[name])
    return Model(**known)


def check_model(model: Model) -> None:
    """Find out what cannot work before anything is asked."""
    try:
        if model.provider in ("openai", "ollama", "http"):
            url_of(model)
            headers_of(model, "x" if model.secret else None)
        if model.provider == "http":
            _require(model.request is not None, "a model of provider http needs a request")
            _require(model.answer is not None, "a model of provider http needs an answer")
            texts_each = ["a", "b"] if _is_for_many(model.request) else ["a"]
            body_of(model, texts_each, DOCUMENT)
            _steps(model.answer or "")
    except (EndpointError, ValueError) as error:
        raise StewardError(
            f'model "{model.name}" cannot be called',
            sqlstate=INVALID_PARAMETER_VALUE,
            detail=f"{str(error)[:1].upper()}{str(error)[1:]}.",
        ) from error


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise ValueError(complaint)


# ---- what is asked


def url_of(model: Model) -> Endpoint:
    """The address that is called: the endpoint, and what the protocol adds to it."""
    if model.endpoint is None:
        raise EndpointError(f"a model of provider {model.provider} needs an endpoint")
    given = parse_endpoint(model.endpoint)
    path, mark, query = given.path.partition("?")
    bare = path.rstrip("/")
    if model.provider == "openai" and not bare.endswith("/embeddings"):
        path = (bare or "/v1") + "/embeddings"
    elif model.provider == "ollama" and not bare.endswith("/api/embed"):
        path = bare + "/api/embed"
    return Endpoint(given.scheme, given.host, given.port, path + mark + query)


def headers_of(model: Model, key: str | None) -> dict[str, str]:
    """The headers of a request; with the secret in the one that is for it."""
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "pg_steward",
    }
    if key is not None:
        name, colon, value = model.secret_header.partition(":")
        _require(
            bool(colon) and bool(re.fullmatch(r"[A-Za-z0-9-]+", name)) and SECRET in value,
            f"a secret_header is of the form Name: value with {SECRET} in it",
        )
        _require(is_sendable(key), "a secret is of visible ASCII characters")
        headers[name] = value.strip().replace(SECRET, key)
    return headers


def is_sendable(key: str) -> bool:
    """Whether it can stand in a header."""
    return bool(key) and all(32 <= ord(character) < 127 for character in key) and key == key.strip()


def body_of(model: Model, texts: Sequence[str], kind: str) -> bytes:
    """The request for some texts, prefixes included already."""
    body: Any
    if model.provider == "openai":
        body = {"model": model.remote_name, "input": list(texts)}
        if model.encoding == "base64":
            body["encoding_format"] = "base64"
    elif model.provider == "ollama":
        # otherwise it cuts what is too long and says nothing
        body = {
            "model": model.remote_name,
            "input": list(texts),
            "truncate": model.on_too_long == "truncate",
        }
    else:
        body = _filled(model.request, model, texts, kind)
    if model.send_dimensions and isinstance(body, dict):
        body["dimensions"] = model.dimensions
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def most_inputs(model: Model) -> int:
    """How many texts one request may have."""
    if model.provider == "http" and not _is_for_many(model.request):
        return 1
    return model.batch_inputs or 1


_TEXTS, _TEXT = "{{texts}}", "{{text}}"


def _is_for_many(template: object) -> bool:
    """A template with a single text in it is for one text, unless it is the only one of a list."""
    if isinstance(template, str):
        return template == _TEXTS
    if isinstance(template, dict):
        return any(_is_for_many(value) for value in template.values())
    if isinstance(template, list):
        return (len(template) == 1 and _mentions(template, _TEXT)) or any(
            _is_for_many(value) for value in template
        )
    return False


def _mentions(template: object, name: str) -> bool:
    if isinstance(template, str):
        return name in template
    if isinstance(template, dict):
        return any(_mentions(value, name) for value in template.values())
    return isinstance(template, list) and any(_mentions(value, name) for value in template)


def _filled(template: object, model: Model, texts: Sequence[str], kind: str) -> object:
    _require(
        _mentions(template, _TEXTS) or _mentions(template, _TEXT),
        f"a request has {_TEXTS} or {_TEXT} in it",
    )

    def fill(node: object, text: str | None) -> object:
        if isinstance(node, dict):
            return {name: fill(value, text) for name, value in node.items()}
        if isinstance(node, list):
            if len(node) == 1 and text is None and _mentions(node, _TEXT):
                return [fill(node[0], each) for each in texts]
            return [fill(value, text) for value in node]
        return _filled_word(node, model, texts, kind, text) if isinstance(node, str) else node

    if not _is_for_many(template):
        _require(len(texts) == 1, "this request is for one text")
        return fill(template, texts[0])
    return fill(template, None)


def _filled_word(
    word: str, model: Model, texts: Sequence[str], kind: str, text: str | None
) -> object:
    if word == _TEXTS:
        return list(texts)
    if word == "{{dimensions}}":
        return model.dimensions
    word = word.replace("{{model}}", model.remote_name)
    word = word.replace("{{input_type}}", kind).replace("{{INPUT_TYPE}}", kind.upper())
    # last, so that nothing in a text is taken for a place to fill
    return word if text is None else word.replace(_TEXT, text)


# ---- what is answered


class AnswerError(Exception):
    """An answer without the vectors that were asked for.

    ``kind`` is as in a failure; ``few`` says that there are fewer than texts, which can be the
    fault of one of the texts, or of their number.
    """

    def __init__(self, kind: str, message: str, *, few: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.few = few


@dataclass(frozen=True)
class Vectors:
    """For each text its vector, in pgvector's text form, or what is wrong with it."""

    values: list[str | Failure]
    tokens: int | None


# A string, which is left as it is, or a list with nothing but numbers in it (and what some
# servers write for a number that is none).
_PIECE = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*"'
    rb"|\[[-+0-9.eE,\s]*(?:(?:NaN|nan|null|-?[Ii]nf(?:inity)?)[-+0-9.eE,\s]*)*\]"
)
_NUMBERS_AND_SPACE = b"0123456789+-.eE, \t\r\n"


@dataclass(frozen=True)
class _Slice:
    """A list of numbers, as it was written."""

    text: bytes


def _parse(body: bytes) -> object:
    """The answer as JSON, with a ``_Slice`` wherever it has a list of numbers."""
    slices: list[bytes] = []

    def cut(match: re.Match[bytes]) -> bytes:
        found = match.group()
        if found[0] == 0x22:
            return found
        slices.append(found)
        return b'{"\\u0000":%d}' % (len(slices) - 1)

    skeleton = _PIECE.sub(cut, body)

    def restore(node: dict[str, object]) -> object:
        number = node.get("\0")
        # nobody else's object: one with a key like this can only be ours
        if isinstance(number, int) and len(node) == 1 and number < len(slices):
            return _Slice(slices[number])
        return node

    if b'"\\u0000"' in body:
        raise AnswerError(TRANSIENT, "the answer has a key that no provider uses")
    try:
        return json.loads(skeleton, object_hook=restore)
    except (ValueError, RecursionError) as error:
        raise AnswerError(TRANSIENT, "the answer is not whole, or not JSON") from error


def vectors_of(model: Model, body: bytes, count: int) -> Vectors:
    """The vectors of an answer to ``count`` texts, in their order."""
    answer = _parse(body)
    if model.provider == "openai":
        nodes = _by_index(_field(answer, "data"), count)
    elif model.provider == "ollama":
        nodes = _listed(_field(answer, "embeddings"))
    else:
        nodes = _follow(answer, _steps(model.answer or ""))
    if len(nodes) < count:
        raise AnswerError(
            CONFIGURATION, f"the answer has {len(nodes)} vectors for {count} texts", few=True
        )
    if len(nodes) > count:
        raise AnswerError(CONFIGURATION, f"the answer has {len(nodes)} vectors for {count} texts")
    return Vectors([_vector(node, model) for node in nodes], _tokens(answer))


def message_of(body: bytes) -> str:
    """What a provider says about its refusal, in one line."""
    text = body[:4000].decode("utf-8", "replace")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    for name in ("error", "message", "detail", "error_msg"):
        if isinstance(said, dict) and said.get(name):
            said = said[name]
    if isinstance(said, str):
        text = said
    elif said is not None:
        text = json.dumps(said, ensure_ascii=False)
    if "<html" in text[:500].lower():
        return "a page of HTML"
    return " ".join("".join(c if c.isprintable() else " " for c in text[:4000]).split())


def _by_index(data: object, count: int) -> list[object]:
    """The vectors in the order of the texts: their place is what index says, where it is given."""
    places: list[Any] = []
    nodes: list[object] = []
    for item in _listed(data):
        nodes.append(_field(item, "embedding"))
        places.append(item.get("index") if isinstance(item, dict) else None)
    if len(nodes) != count or all(place is None for place in places):
        return nodes
    if sorted(places, key=str) != sorted(range(count), key=str):
        raise AnswerError(
            CONFIGURATION, f"the answer numbers its vectors otherwise than 0 to {count - 1}"
        )
    ordered: list[object] = [None] * count
    for place, node in zip(places, nodes):
        ordered[place] = node
    return ordered


def _listed(node: object) -> list[object]:
    if isinstance(node, _Slice) and not node.text.strip(b"[] \t\r\n"):
        return []
    if not isinstance(node, list):
        raise AnswerError(CONFIGURATION, "the answer has no list of vectors where one is expected")
    return node


def _field(node: object, name: str) -> object:
    if not isinstance(node, dict) or name not in node:
        raise AnswerError(CONFIGURATION, f"the answer has no {name}")
    return node[name]


_STEP = re.compile(r"\.?([^.\[\]\s]+)|\[(\*|\d+)\]")


def _steps(path: str) -> list[str | int | None]:
    """A path such as data[*].embedding: names, numbers, and None for each."""
    rest = path.strip()
    rest = rest[1:] if rest.startswith("$") else rest
    steps: list[str | int | None] = []
    while rest:
        match = _STEP.match(rest)
        if match is None:
            raise ValueError(f'"{path}" is not a path such as data[*].embedding')
        name, place = match.groups()
        steps.append(name if name is not None else None if place == "*" else int(place))
        rest = rest[match.end() :]
    return steps


def _follow(answer: object, steps: Sequence[str | int | None]) -> list[object]:
    nodes = [answer]
    for step in steps:
        if step is None:
            nodes = [each for node in nodes for each in _listed(node)]
        elif isinstance(step, int):
            nodes = [_at(node, step) for node in nodes]
        else:
            nodes = [_field(node, step) for node in nodes]
    return nodes


def _at(node: object, place: int) -> object:
    items = _listed(node)
    if place >= len(items):
        raise AnswerError(CONFIGURATION, f"the answer has no item {place} where one is expected")
    return items[place]


def _tokens(answer: object) -> int | None:
    """What the provider counted."""
    if not isinstance(answer, dict):
        return None
    usage: Any = answer.get("usage")
    if not isinstance(usage, dict):
        usage = answer
    for name in ("total_tokens", "prompt_tokens", "prompt_eval_count"):
        value = usage.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


# ---- one vector


def _vector(node: object, model: Model) -> str | Failure:
    if isinstance(node, _Slice):
        inner = node.text[1:-1]
        count = inner.count(b",") + 1 if inner.strip() else 0
        _check_dimensions(count, model)
        if inner.translate(None, _NUMBERS_AND_SPACE):
            return Failure(ITEM, "the vector has a number in it that is none")
        if model.normalise:
            try:
                return _normalised([float(number) for number in inner.split(b",")])
            except ValueError as error:
                raise AnswerError(TRANSIENT, "the answer has a vector that is not whole") from error
        return node.text.decode("ascii")
    if isinstance(node, str):
        numbers = _decoded(node)
        _check_dimensions(len(numbers), model)
        if not all(map(isfinite, numbers)):
            return Failure(ITEM, "the vector has a number in it that is none")
        return _normalised(numbers) if model.normalise else _written(numbers)
    raise AnswerError(CONFIGURATION, "the answer has something else where a vector is expected")


def _check_dimensions(count: int, model: Model) -> None:
    if count != model.dimensions:
        raise AnswerError(
            CONFIGURATION, f"the vectors have {count} dimensions, not {model.dimensions}"
        )


def _decoded(text: str) -> Sequence[float]:
    numbers = array("f")
    try:
        numbers.frombytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise AnswerError(CONFIGURATION, "a vector is neither a list nor base64") from error
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _normalised(numbers: Sequence[float]) -> str | Failure:
    length = sqrt(sum(number * number for number in numbers))
    if not isfinite(length) or length == 0:
        return Failure(ITEM, "the vector has no direction")
    return _written([number / length for number in numbers])


def _written(numbers: Sequence[float]) -> str:
    """In pgvector's text form, with as many digits as tell one float4 from the next."""
    return "[" + ",".join(["%.9g"] * len(numbers)) % tuple(numbers) + "]"
