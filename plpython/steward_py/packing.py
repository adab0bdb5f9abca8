"""From texts to vectors: how many texts a request has, and whose fault a refusal is.

A ``Provider`` is a model with a key and a transport, for any number of threads.  ``embed`` gives
for each text its vector or a ``Failure``, and raises nothing:

- Requests are filled up to the limits of the model.  One that is refused is halved, down to the
  one text that is to blame, and if its halves are taken, requests stay that small.
- A text is to blame only if the provider answers others.  When nothing else has shown that it does,
  it is asked for the vector of a harmless text.  So a wrong setting or a broken provider costs two
  requests, and no text is charged with it.
- Limits on requests and tokens per minute are kept to, and after an answer 429 all threads slow
  down (see ``pacing``); if it takes long, the failure says until when to wait.
- What a failure says never has the key in it, nor the texts.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from math import isnan
from urllib.parse import quote

from steward_py import hashing_model
from steward_py.endpoints import EndpointError
from steward_py.errors import StewardError, description_of
from steward_py.pacing import Pace
from steward_py.providers import (
    CONFIGURATION,
    DOCUMENT,
    ITEM,
    QUERY,
    RATE_LIMIT,
    TRANSIENT,
    AnswerError,
    Failure,
    Model,
    Vectors,
    body_of,
    headers_of,
    message_of,
    most_inputs,
    url_of,
    vectors_of,
)
from steward_py.transport import Response, Transport, TransportError

# OpenAI's own estimate of tokens, with which it checks the size of a request
_BYTES_PER_TOKEN = 4
# Waiting for a provider that has had enough is done here, with the claims held, only for so long.
PATIENCE = 3.0
_LONGEST_RETRY = 7 * 86400.0
_QUOTA_PAUSE = 600.0
# of a list of vectors as text: more than any number needs
_BYTES_PER_NUMBER = 64
_SLACK = 1 << 20
_REASON_LIMIT = 300
_PROBE = "pg_steward"
_TRUNCATIONS = 12
_SHINGLE = 8
_QUOTED = 24

# Statuses that can be the fault of one text, or of their number.
_OF_INPUT = (400, 413, 422, 424, 500)
_TOO_MANY = (429,)
_HINTS = {
    301: "redirects are not followed: give the address that it leads to",
    302: "redirects are not followed: give the address that it leads to",
    307: "redirects are not followed: give the address that it leads to",
    308: "redirects are not followed: give the address that it leads to",
    401: "the key is missing, wrong or revoked",
    402: "the account has to be paid for",
    403: "the key may not do this",
    404: "the endpoint has no such path, or the provider no such model",
    405: "the endpoint has another path",
}


def estimated_tokens(text: str) -> int:
    """How many tokens a text has at most, usually."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def pack(sizes: Sequence[int], inputs: int, tokens: int) -> Iterator[range]:
    """Neighbours in requests of at most so many inputs and tokens; one text there always is."""
    start = total = 0
    for place, size in enumerate(sizes):
        if place > start and (place - start >= inputs or total + size > tokens):
            yield range(start, place)
            start, total = place, 0
        total += size
    if start < len(sizes):
        yield range(start, len(sizes))


@dataclass(frozen=True)
class Embedded:
    """For each text its vector, in pgvector's text form, or why there is none.

    ``tokens`` is what the provider counted, None if it does not.
    """

    outcomes: list[str | Failure]
    tokens: int | None = None


class _Refusal(Exception):
    def __init__(self, failure: Failure, *, of_input: bool = False, too_long: bool = False) -> None:
        super().__init__(failure.reason)
        self.failure = failure
        self.of_input = of_input
        self.too_long = too_long


class Provider:
    """A model that can be asked, by any number of threads."""

    @property
    def is_parallel(self) -> bool:
        """Whether it is quicker with several requests at the same time."""
        return self.model.provider != "builtin"

    def __init__(
        self,
        model: Model,
        transport: Transport,
        key: str | None = None,
        *,
        share: float = 1.0,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``share``: of the model's limits per minute, when others ask it at the same time."""
        self.model = model
        self._transport = transport
        self._key = key
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._pace = Pace(model, share, clock)
        self._most_inputs = most_inputs(model)
        self._answered_at = float("-inf")  # when a request was sent that was answered

    @property
    def most_inputs(self) -> int:
        """How many texts a request may have, as far as is known by now."""
        return self._most_inputs

    def embed(self, texts: Sequence[str | None], kind: str = DOCUMENT) -> Embedded:
        """The vectors of the texts, in their order.  Waits where limits say so."""
        try:
            return self._embed(texts, kind)
        except MemoryError:
            failure = Failure(TRANSIENT, "Python is out of memory")
        except Exception as error:
            # Not charged at once: the engine does so when others are answered and this is not.
            failure = Failure(TRANSIENT, without_key(description_of(error), self._key))
        return Embedded([failure] * len(texts))

    def _embed(self, texts: Sequence[str | None], kind: str) -> Embedded:
        prefix = self.model.query_prefix if kind == QUERY else self.model.document_prefix
        outcomes: list[str | Failure | None] = [None] * len(texts)
        ready: list[str] = []
        places: list[int] = []
        for place, text in enumerate(texts):
            prepared = self._prepared(text, prefix)
            if isinstance(prepared, Failure):
                outcomes[place] = prepared
            else:
                places.append(place)
                ready.append(prepared)
        call = _Call(self, kind)
        sizes = [estimated_tokens(text) for text in ready]
        done = 0
        while done < len(ready):
            # again each time, because a refusal may have shown that fewer are taken
            part = next(pack(sizes[done:], self._most_inputs, self.model.batch_tokens or 1))
            for place, outcome in zip(
                places[done : done + len(part)], call.ask(ready[done : done + len(part)])
            ):
                outcomes[place] = outcome
            done += len(part)
            if call.is_over is not None:
                for place in places[done:]:
                    outcomes[place] = call.is_over
                break
        said = self._said_safely([each for each in outcomes if each is not None], ready)
        return Embedded(said, call.tokens)

    def _prepared(self, text: str | None, prefix: str) -> str | Failure:
        model = self.model
        if text is None:
            return Failure(ITEM, "a text to embed is null")
        if not text.strip():
            return Failure(ITEM, "a blank text has no vector")
        prepared = prefix + text
        if model.input_tokens is not None and estimated_tokens(prepared) > model.input_tokens:
            if model.on_too_long != "truncate":
                return Failure(
                    ITEM,
                    f"the text is too long: about {estimated_tokens(prepared)} tokens,"
                    f" and the model takes {model.input_tokens}",
                )
            prepared = truncated(prepared, model.input_tokens * _BYTES_PER_TOKEN)
        return prepared

    # ---- one request

    def request(self, texts: Sequence[str], kind: str) -> Vectors:
        """Ask once, whatever comes of it; raises ``_Refusal``."""
        if self.model.provider == "builtin":
            return Vectors([_builtin(self.model, text) for text in texts], None)
        try:
            endpoint = url_of(self.model)
            headers = headers_of(self.model, self._key)
            body = body_of(self.model, texts, kind)
        except (EndpointError, ValueError) as error:
            raise _Refusal(Failure(CONFIGURATION, str(error))) from error
        sent_at = self._clock()
        try:
            response = self._transport.post(
                endpoint,
                body,
                headers,
                seconds=self.model.timeout,
                maximum=len(texts) * self.model.dimensions * _BYTES_PER_NUMBER + _SLACK,
            )
        except TransportError as error:
            is_lasting = error.kind in ("forbidden", "tls")
            raise _Refusal(
                Failure(CONFIGURATION if is_lasting else TRANSIENT, str(error))
            ) from error
        if response.status != 200:
            raise self._refusal(response, sent_at)
        try:
            vectors = vectors_of(self.model, response.body, len(texts))
        except AnswerError as error:
            raise _Refusal(Failure(error.kind, str(error)), of_input=error.few) from error
        self._pace.answered()
        with self._lock:
            self._answered_at = max(self._answered_at, sent_at)
        return vectors

    def take_turn(self, texts: Sequence[str]) -> float:
        """How long to wait before these may be sent; 0 when they now are counted as sent."""
        return self._pace.take(sum(map(estimated_tokens, texts)))

    def wait(self, seconds: float) -> bool:
        """False when the transport was closed meanwhile."""
        return not self._transport.closing.wait(seconds)

    @property
    def patience(self) -> float:
        return self._patience

    def has_answered_since(self, moment: float) -> bool:
        with self._lock:
            return self._answered_at > moment

    def learn(self, inputs: int) -> None:
        """Requests of more inputs than this are refused."""
        with self._lock:
            self._most_inputs = max(1, min(self._most_inputs, inputs))

    def now(self) -> float:
        return self._clock()

    def _refusal(self, response: Response, sent_at: float) -> _Refusal:
        status = response.status
        said = message_of(response.body)
        reason = f"the provider answered {status} {response.reason}".rstrip()
        if status in _HINTS:
            reason += f" ({_HINTS[status]})"
        if said:
            reason += f": {said}"
        after = _retry_after(response.headers.get("retry-after"))
        if status in _TOO_MANY:
            if _is_out_of_quota(response.body):
                return _Refusal(Failure(RATE_LIMIT, reason, max(after or 0.0, _QUOTA_PAUSE)))
            return _Refusal(Failure(RATE_LIMIT, reason, self._pace.refused(after, sent_at)))
        if status in _OF_INPUT:
            kind = TRANSIENT if status >= 500 else CONFIGURATION
            too_long = status == 413 or any(word in said.lower() for word in _TOO_LONG)
            return _Refusal(Failure(kind, reason, after), of_input=True, too_long=too_long)
        if status >= 500 or status in (408, 409, 425):
            return _Refusal(Failure(TRANSIENT, reason, after))
        return _Refusal(Failure(CONFIGURATION, reason))

    # ---- what may be said

    def _said_safely(
        self, outcomes: Sequence[str | Failure], texts: Sequence[str]
    ) -> list[str | Failure]:
        safe: dict[Failure, Failure] = {}
        result: list[str | Failure] = []
        for outcome in outcomes:
            if isinstance(outcome, Failure) and outcome not in safe:
                reason = without_key(outcome.reason, self._key)
                reason = _without_texts(reason, texts)
                safe[outcome] = replace(outcome, reason=reason)
            result.append(safe[outcome] if isinstance(outcome, Failure) else outcome)
        return result


_TOO_LONG = ("too long", "context length", "maximum context", "too large", "must have less than",
             "exceed", "too many tokens")  # fmt: skip


class _Call:
    """The requests that one call of ``embed`` comes to."""

    def __init__(self, provider: Provider, kind: str) -> None:
        self.tokens: int | None = None
        # set once the provider itself has failed: nothing more is asked
        self.is_over: Failure | None = None
        self._provider = provider
        self._kind = kind
        self._waited = 0.0

    def ask(self, texts: Sequence[str], refused_at: float | None = None) -> list[str | Failure]:
        """The vectors of what fits into a request; halved and halved again where it is refused."""
        if self.is_over is not None:
            return [self.is_over] * len(texts)
        provider = self._provider
        try:
            return self._judged(self._sent(texts, self._kind))
        except _Refusal as refusal:
            if not refusal.of_input:
                return self._ended(refusal.failure, len(texts))
            refused_at = provider.now() if refused_at is None else refused_at
            # Whoever is asked for less may give it; but not if nothing at all is answered.
            if len(texts) == 1:
                return [self._single(texts[0], refusal, refused_at)]
            failure = self._trouble(refusal, refused_at)
            if failure is not None:
                return self._ended(failure, len(texts))
        half = (len(texts) + 1) // 2
        outcomes = self.ask(texts[:half], refused_at) + self.ask(texts[half:], refused_at)
        if not any(isinstance(outcome, Failure) for outcome in outcomes):
            # nothing was wrong with any of them: there were too many
            provider.learn(half)
        return outcomes

    def _single(self, text: str, refusal: _Refusal, refused_at: float) -> str | Failure:
        model = self._provider.model
        for _ in range(_TRUNCATIONS if model.on_too_long == "truncate" else 0):
            if not refusal.too_long or len(text) < 100:
                break
            text = text[: len(text) * 2 // 3]
            try:
                return self._judged(self._sent([text], self._kind))[0]
            except _Refusal as again:
                if not again.of_input:
                    return self._ended(again.failure, 1)[0]
                refusal = again
        failure = self._trouble(refusal, refused_at)
        if failure is not None:
            return self._ended(failure, 1)[0]
        return Failure(ITEM, refusal.failure.reason)

    def _judged(self, vectors: Vectors) -> list[str | Failure]:
        """Vectors that are none are the fault of their texts if others get better ones."""
        self._count(vectors)
        bad = next((each for each in vectors.values if isinstance(each, Failure)), None)
        if bad is None or any(isinstance(each, str) for each in vectors.values):
            return vectors.values
        refusal = _Refusal(replace(bad, kind=CONFIGURATION))
        if self._provider.model.provider == "builtin":
            return vectors.values
        failure = self._probed(refusal)
        if failure is not None:
            return self._ended(failure, len(vectors.values))
        return vectors.values

    def _trouble(self, refusal: _Refusal, refused_at: float) -> Failure | None:
        """What is wrong with the provider; None if it has answered, or answers, anything else."""
        if self._provider.has_answered_since(refused_at):
            return None
        return self._probed(refusal)

    def _probed(self, refusal: _Refusal) -> Failure | None:
        try:
            vectors = self._sent([_PROBE], self._kind)
        except _Refusal as probe:
            return refusal.failure if probe.of_input else probe.failure
        self._count(vectors)
        return refusal.failure if isinstance(vectors.values[0], Failure) else None

    def _sent(self, texts: Sequence[str], kind: str) -> Vectors:
        """One request, in its turn; again, if there were too many just now and it is soon over."""
        provider = self._provider
        while True:
            self._wait_for_turn(texts)
            try:
                return provider.request(texts, kind)
            except _Refusal as refusal:
                after = refusal.failure.retry_after
                if refusal.failure.kind != RATE_LIMIT or after is None:
                    raise
                self._waited += after
                if self._waited > provider.patience:
                    raise

    def _wait_for_turn(self, texts: Sequence[str]) -> None:
        provider = self._provider
        while True:
            pause = provider.take_turn(texts)
            if pause <= 0:
                return
            if not provider.wait(pause):
                raise _Refusal(Failure(TRANSIENT, "the call was ended from this side"))

    def _ended(self, failure: Failure, count: int) -> list[str | Failure]:
        self.is_over = failure
        return [failure] * count

    def _count(self, vectors: Vectors) -> None:
        if vectors.tokens is not None:
            self.tokens = (self.tokens or 0) + vectors.tokens


def truncated(text: str, size: int) -> str:
    """The beginning of a text, of at most so many bytes, ended between words if there are any."""
    cut = text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")
    if len(cut) == len(text):
        return text
    words = cut.rsplit(None, 1)[0]
    return words if len(words) > len(cut) // 2 else cut


def without_key(text: str, key: str | None) -> str:
    """The text without the key, a piece of it, or one of the forms in which it is echoed."""
    if not key:
        return text[:_REASON_LIMIT]
    raw = key.encode()
    forms = {
        key,
        quote(key, safe=""),
        json.dumps(key)[1:-1],
        base64.b64encode(raw).decode(),
        raw.hex(),
    }
    for form in forms:
        text = _without(text, form, min(_SHINGLE, len(form)))
    return text[:_REASON_LIMIT]


def _without(text: str, secret: str, piece: int) -> str:
    """Without any run of characters of the secret that is as long as a piece of it."""
    pieces = {secret[place : place + piece] for place in range(len(secret) - piece + 1)}
    hidden = bytearray(len(text))
    for place in range(len(text) - piece + 1):
        if text[place : place + piece] in pieces:
            hidden[place : place + piece] = b"\1" * piece
    result = []
    for place, character in enumerate(text):
        if not hidden[place]:
            result.append(character)
        elif place == 0 or not hidden[place - 1]:
            result.append("***")
    return "".join(result)


def _without_texts(reason: str, texts: Sequence[str]) -> str:
    """What a provider quotes of a text would stay in errors when the text is long erased."""
    head, colon, said = reason.partition(": ")
    for place in range(0, max(len(said) - _QUOTED, 0) + 1, _QUOTED // 2):
        part = said[place : place + _QUOTED]
        if len(part) == _QUOTED and any(part in text for text in texts):
            return head + colon + "(it quotes the text)"
    return reason


def _builtin(model: Model, text: str) -> str | Failure:
    if model.name != hashing_model.NAME:
        raise _Refusal(Failure(CONFIGURATION, f'model "{model.name}" is none of the built-in ones'))
    try:
        return hashing_model.as_pgvector(hashing_model.embed(text))
    except MemoryError:
        return Failure(TRANSIENT, "Python is out of memory")
    except Exception as error:
        # A bug that one text brings out must not hold up the others.
        if isinstance(error, StewardError):
            return Failure(ITEM, error.message)
        return Failure(ITEM, description_of(error))


def _retry_after(value: str | None) -> float | None:
    """Seconds, or a date in the three forms that HTTP knows."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
    if isnan(seconds):
        return None
    return min(max(seconds, 0.05), _LONGEST_RETRY)


def _is_out_of_quota(body: bytes) -> bool:
    """OpenAI's word for an account without money: not over in a second."""
    return b"insufficient_quota" in body[:4000]
