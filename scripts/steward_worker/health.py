"""GET /health: whether the worker works, for whoever restarts it otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Report = Callable[[], tuple[bool, dict[str, Any]]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], report: Report) -> None:
        self.report = report
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        """200 if all is well, 503 if not; and why."""
        if self.path.partition("?")[0] not in ("/", "/health"):
            self.send_error(404)
            return
        is_well, told = self.server.report()
        body = json.dumps(told).encode()
        self.send_response(200 if is_well else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """A look is nothing to tell of."""


def serve(host: str, port: int, report: Report) -> int:
    """In a thread of its own, as long as the process lives.  Returns the port."""
    server = _Server((host, port), report)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return int(server.server_address[1])
