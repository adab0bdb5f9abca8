"""A provider of embeddings on loopback that can do everything wrong which providers do.

It speaks the protocols of OpenAI (any path that ends with /embeddings), Ollama (/api/embed) and,
for models of provider http, of text-embeddings-inference (/embed).  Vectors are those of the
built-in model, so that a text has the same one everywhere; for benches there are cheaper ones.

    with Provider() as provider:
        provider.faults.append(Status(503))       # once, for the next request
        provider.always = Slow(0.1)               # for every one
        provider.limits.inputs = 32               # 413 above
        provider.url, provider.requests

``python tests/provider.py --port 9000 --latency 0.1`` runs one in a process of its own.
"""

from __future__ import annotations

import argparse
import base64
import json
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from steward_py import hashing_model


@dataclass(frozen=True)
class Request:
    """What somebody asked."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    texts: list[str]
    at: float
    connection: tuple[str, int]


@dataclass
class Answer:
    """What is about to be sent; faults change it."""

    status: int
    document: Any
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut_at: int | None = None  # bytes of the body after which the connection ends
    reset: bool = False


class Fault:
    """Something that a provider does wrong.  Returns whether the request is answered at all."""

    def before(self, _provider: Provider, _request: Request) -> bool:
        """Before the answer is made."""
        return True

    def after(self, _request: Request, _answer: Answer) -> None:
        """To the answer."""


@dataclass
class Slow(Fault):
    """It takes its time."""

    seconds: float

    def before(self, provider: Provider, _request: Request) -> bool:
        provider.closing.wait(self.seconds)
        return True


class Hang(Fault):
    """It takes the request and says nothing, until it is released."""

    def __init__(self) -> None:
        self.held = threading.Event()
        self.released = threading.Event()

    def before(self, provider: Provider, _request: Request) -> bool:
        self.held.set()
        while not self.released.wait(0.05) and not provider.closing.is_set():
            pass
        return True


@dataclass
class Drip(Fault):
    """It sends, but a byte at a time."""

    pause: float


class Vanish(Fault):
    """It closes the connection without a word."""

    def before(self, _provider: Provider, _request: Request) -> bool:
        return False


@dataclass
class Status(Fault):
    """It refuses."""

    status: int
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def after(self, _request: Request, answer: Answer) -> None:
        answer.status = self.status
        answer.headers.update(self.headers)
        answer.document = (
            {"error": {"message": f"scripted {self.status}"}}
            if self.document is None
            else self.document
        )


def too_many(after: str | None = "1") -> Status:
    """429; after: what Retry-After says."""
    return Status(429, headers={} if after is None else {"Retry-After": after})


def in_seconds(seconds: float) -> str:
    """A date for Retry-After."""
    return formatdate(time.time() + seconds, usegmt=True)


@dataclass
class Reset(Fault):
    """The connection is reset in the middle of the body."""

    def after(self, _request: Request, answer: Answer) -> None:
        answer.cut_at = 100
        answer.reset = True


@dataclass
class Truncated(Fault):
    """The body ends in the middle; told: with the length of what was sent, as proxies do it."""

    told: bool = True

    def after(self, _request: Request, answer: Answer) -> None:
        if self.told:
            body = json.dumps(answer.document).encode()
            answer.body = body[: len(body) // 2]
        else:
            answer.cut_at = 100


@dataclass
class Raw(Fault):
    """It answers with something else than JSON."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def after(self, _request: Request, answer: Answer) -> None:
        answer.body = self.body
        answer.headers.update(self.headers)


@dataclass
class Vectors(Fault):
    """The vectors are not what they should be; change gets and returns their list."""

    change: Callable[[list[Any]], list[Any]]

    def after(self, _request: Request, answer: Answer) -> None:
        document = answer.document
        if isinstance(document, list):
            answer.document = self.change(document)
        elif "embeddings" in document:
            document["embeddings"] = self.change(document["embeddings"])
        else:
            vectors = self.change([item["embedding"] for item in document["data"]])
            document["data"] = [
                {"object": "embedding", "index": place, "embedding": vector}
                for place, vector in enumerate(vectors)
            ]


def fewer(by: int = 1) -> Vectors:
    """Vectors are missing at the end."""
    return Vectors(lambda vectors: vectors[:-by])


def dimensions(number: int) -> Vectors:
    """Vectors of another model."""
    return Vectors(lambda vectors: [(vector * 64)[:number] for vector in vectors])


def not_a_number(place: int | None = 0, value: float | None = float("nan")) -> Vectors:
    """One vector has a number in it that is none, or each has."""
    return Vectors(
        lambda vectors: [
            [value, *vector[1:]] if place in (None, number) else vector
            for number, vector in enumerate(vectors)
        ]
    )


@dataclass
class Shuffled(Fault):
    """OpenAI's list in another order, as index says."""

    def after(self, _request: Request, answer: Answer) -> None:
        answer.document["data"].reverse()


@dataclass
class Limits:
    """What a provider does not take."""

    inputs: int | None = None
    tokens_each: int | None = None  # estimated as four bytes each
    status: int = 413
    poison: str | None = None  # a text with this in it is refused
    poison_status: int = 400
    key: str | None = None  # who has another one gets 401
    rate: float | None = None  # requests in a second, or 429
    capacity: float = 1.0
    retry_after: bool = True


class Provider:
    """The server, in threads of this process."""

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        size: int = hashing_model.DIMENSIONS,
        latency: float = 0.0,
        vector_of: Callable[[str], list[float]] | None = None,
        is_cheap: bool = False,
        certificate: Path | None = None,
    ) -> None:
        """is_cheap: vectors without meaning, which cost next to nothing, in OpenAI's form only."""
        self.size = size
        self.latency = latency
        self.faults: list[Fault] = []
        self.always: Fault | None = None
        self.limits = Limits()
        self.requests: list[Request] = []
        self.refused = 0
        self.under_way = 0
        self.most_under_way = 0
        self.closing = threading.Event()
        self._vector_of = vector_of or _hashed(size)
        self._json_of = _cheap(size) if is_cheap else None
        self._lock = threading.Lock()
        self._level = float("inf")
        self._level_at = time.monotonic()
        self._server = _Server((host, port), self)
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme = "https"

    def __enter__(self) -> Provider:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where it listens, for a browser."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def texts(self) -> list[str]:
        """All texts that it was asked for, in order."""
        return [text for request in self.requests for text in request.texts]

    def serve(self, request: Request) -> Answer | None:
        """Answer a request; None: by closing the connection."""
        with self._lock:
            self.requests.append(request)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            fault = self.faults.pop(0) if self.faults else self.always
        try:
            if self.latency:
                self.closing.wait(self.latency)
            if fault is not None and not fault.before(self, request):
                return None
            answer = self._refusal(request)
            if answer is None and fault is None and self._json_of is not None:
                answer = Answer(200, None, body=self._quick_body(request, self._json_of))
            elif answer is None:
                answer = Answer(200, self._document(request))
                if fault is not None:
                    fault.after(request, answer)
            else:
                with self._lock:
                    self.refused += 1
            return answer
        finally:
            with self._lock:
                self.under_way -= 1

    def _refusal(self, request: Request) -> Answer | None:
        limits = self.limits
        if limits.key is not None:
            given = request.headers.get("authorization", request.headers.get("api-key", ""))
            if given.removeprefix("Bearer ") != limits.key:
                return _error(401, f"Incorrect API key provided: {given}.")
        wait = self._wait_for_turn()
        if wait > 0:
            answer = _error(429, "Rate limit reached.")
            if limits.retry_after:
                answer.headers["Retry-After"] = f"{wait:.3f}"
            return answer
        if limits.inputs is not None and len(request.texts) > limits.inputs:
            return _error(limits.status, f"batch size {len(request.texts)} > {limits.inputs}")
        for text in request.texts:
            if limits.poison is not None and limits.poison in text:
                return _error(limits.poison_status, f"cannot read: {text}")
            if limits.tokens_each is not None and len(text.encode()) > 4 * limits.tokens_each:
                return _error(limits.status, f"maximum context length is {limits.tokens_each}")
        return None

    def _wait_for_turn(self) -> float:
        """A bucket of tokens: 0, or in how many seconds there will be one."""
        limits = self.limits
        if limits.rate is None:
            return 0.0
        with self._lock:
            now = time.monotonic()
            self._level = min(limits.capacity, self._level + (now - self._level_at) * limits.rate)
            self._level_at = now
            if self._level < 1:
                return (1 - self._level) / limits.rate
            self._level -= 1
            return 0.0

    def _quick_body(self, request: Request, json_of: Callable[[str], str]) -> bytes:
        """OpenAI's form, of vectors that are written already."""
        items = ",".join(
            f'{{"object":"embedding","index":{place},"embedding":{json_of(text)}}}'
            for place, text in enumerate(request.texts)
        )
        tokens = sum(-(-len(text) // 4) for text in request.texts)
        usage = f'{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}'
        return f'{{"object":"list","data":[{items}],"model":"cheap","usage":{usage}}}'.encode()

    def _document(self, request: Request) -> Any:
        vectors: list[Any] = [self._vector_of(text) for text in request.texts]
        if request.body.get("encoding_format") == "base64":
            vectors = [base64.b64encode(array("f", vector)).decode() for vector in vectors]
        tokens = sum(-(-len(text.encode()) // 4) for text in request.texts)
        path = request.path.partition("?")[0]
        if path.endswith("/embeddings"):
            return {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": place, "embedding": vector}
                    for place, vector in enumerate(vectors)
                ],
                "model": request.body.get("model"),
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        if path == "/api/embed":
            return {
                "model": request.body.get("model"),
                "embeddings": vectors,
                "prompt_eval_count": tokens,
            }
        return vectors


def _cheap(size: int) -> Callable[[str], str]:
    """One of a few hundred vectors, by a checksum of the text, as JSON."""

    @lru_cache(512)
    def numbered(number: int) -> str:
        vector = [((number + 1) * (place + 7) % 1009 - 504) / 10090 for place in range(size)]
        return json.dumps([round(each, 8) for each in vector])

    return lambda text: numbered(zlib.crc32(text.encode()) % 512)


def make_certificate(folder: Path, host: str = "localhost") -> Path:
    """A key and a certificate that it has signed itself, in one file."""
    path = folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1"),
            *("-keyout", str(path), "-out", str(folder / "public.pem")),
        ],
        check=True,
        capture_output=True,
    )
    with path.open("a", encoding="ascii") as file:
        file.write((folder / "public.pem").read_text(encoding="ascii"))
    return path


def _hashed(size: int) -> Callable[[str], list[float]]:
    repeats = -(-size // hashing_model.DIMENSIONS)

    @lru_cache(10_000)
    def vector(text: str) -> list[float]:
        return [round(number, 7) for number in (hashing_model.embed(text) * repeats)[:size]]

    return vector


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"error": {"message": message, "type": "scripted"}})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], provider: Provider) -> None:
        self.provider = provider
        super().__init__(address, _Handler)

    def handle_error(self, *_: object) -> None:
        """A client that goes away is nothing to talk about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Any request."""
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(raw)
        texts = body.get("input", body.get("inputs", body.get("texts", [])))
        request = Request(
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            body,
            [texts] if isinstance(texts, str) else texts,
            time.monotonic(),
            self.client_address,
        )
        provider = self.server.provider
        drip = provider.always if isinstance(provider.always, Drip) else None
        answer = provider.serve(request)
        if answer is None:
            self.close_connection = True
            return
        body_bytes = json.dumps(answer.document).encode() if answer.body is None else answer.body
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body_bytes)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if drip is not None:
            for place in range(len(body_bytes)):
                if provider.closing.wait(drip.pause):
                    return
                self.wfile.write(body_bytes[place : place + 1])
            return
        self.wfile.write(body_bytes[: answer.cut_at])
        if answer.cut_at is not None:
            if answer.reset:
                # closing with unsent data and no patience is a reset
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                for each in (self.wfile, self.rfile, self.connection):
                    each.close()
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(arguments: Sequence[str] | None = None) -> None:
    """A provider in a process of its own."""
    parser = argparse.ArgumentParser(description="a stand-in for a provider of embeddings")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--dimensions", type=int, default=hashing_model.DIMENSIONS)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--cheap", action="store_true", help="vectors without meaning, at once")
    options = parser.parse_args(arguments)
    with Provider(
        port=options.port,
        size=options.dimensions,
        latency=options.latency,
        is_cheap=options.cheap,
    ) as provider:
        provider.limits.rate = options.rate
        print(provider.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
