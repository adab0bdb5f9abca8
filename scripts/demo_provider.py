"""A stand-in for a provider of embeddings: OpenAI's protocol on loopback, for the demo.

It makes the vectors of the built-in model, so that a search finds something sensible.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "plpython"))

from steward_py import hashing_model

DIMENSIONS = hashing_model.DIMENSIONS


class DemoProvider(ThreadingHTTPServer):
    """In threads of this process: it is gone when the process is."""

    daemon_threads = True

    def __init__(self) -> None:
        self.is_down = False
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def __enter__(self) -> DemoProvider:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A worker that goes away in the middle is nothing to talk about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: DemoProvider

    def do_POST(self) -> None:
        """POST /v1/embeddings."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.is_down:
            self._answer(503, {"error": {"message": "overloaded"}})
            return
        vectors = [hashing_model.embed(text) for text in asked["input"]]
        self._answer(
            200,
            {
                "data": [
                    {"index": place, "embedding": vector} for place, vector in enumerate(vectors)
                ]
            },
        )

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 503:
            # as providers say it that know when to come back
            self.send_header("Retry-After", "2")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """It is the worker that is to be looked at."""
