"""POST /v1/embeddings: the local model, for whoever speaks OpenAI's protocol.

So the server can ask for the vector of a query, and all else that calls a provider works.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from array import array
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from steward_py.errors import description_of

# far more than a worker sends at a time
_LARGEST = 64 * 1024 * 1024


class Encoder(Protocol):
    """What makes vectors of texts, for any number of threads."""

    def encode(self, texts: list[str], **options: Any) -> Any:  # noqa: ANN401
        """A row of numbers for each."""


class _Refused(Exception):
    """What is wrong with a request."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], encoder: Encoder) -> None:
        self.encoder = encoder
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """The vectors of the texts, or what is wrong, as OpenAI says it."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST:
            self.close_connection = True
            self._answer(413, _error("the request is too large"))
            return
        body = self.rfile.read(length)
        if not self.path.partition("?")[0].endswith("/embeddings"):
            self._answer(404, _error("there is only /v1/embeddings"))
            return
        try:
            texts, is_base64 = _asked(body)
        except _Refused as refused:
            self._answer(400, _error(str(refused)))
            return
        try:
            rows = self.server.encoder.encode(
                texts, normalize_embeddings=False, show_progress_bar=False
            )
        except Exception as error:
            # Of the library and of whatever it uses: who asked has to know, and may ask again.
            self._answer(500, _error(description_of(error)))
            return
        vectors = [[float(number) for number in row] for row in rows]
        self._answer(
            200,
            {
                "object": "list",
                "data": [
                    {
                        "object": "embedding",
                        "index": place,
                        "embedding": _packed(vector) if is_base64 else vector,
                    }
                    for place, vector in enumerate(vectors)
                ],
            },
        )

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Who asks gets an answer, and needs no line in a log."""


def _asked(body: bytes) -> tuple[list[str], bool]:
    """The texts of a request, and whether numbers are wanted in base64."""
    try:
        asked = json.loads(body)
    except ValueError as error:
        raise _Refused("the request is not JSON") from error
    texts = asked.get("input") if isinstance(asked, dict) else None
    if isinstance(texts, str):
        texts = [texts]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _Refused("input is not a text or a list of texts")
    return texts, asked.get("encoding_format") == "base64"


def _packed(vector: list[float]) -> str:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers).decode()


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error"}}


def serve(host: str, port: int, encoder: Encoder) -> int:
    """In threads of its own, as long as the process lives.  Returns the port."""
    server = _Server((host, port), encoder)
    threading.Thread(target=server.serve_forever, name="serve", daemon=True).start()
    return int(server.server_address[1])
