"""HTTP to providers of vectors, with nothing but the standard library.

Connections are kept open and used again.  A call ends when its time is up, however slowly the
other side sends.  Redirects are not followed, certificates are verified, proxies of the
environment are not used, and an answer may not be larger than it has reason to be.  A name is
resolved once for each connection, and the connection goes to the very address that was checked:
a name that changes its meaning in between reaches nothing.

``close()`` ends all calls under way, from any thread.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steward_py.endpoints import Endpoint, EndpointError, Rule, allowed_addresses

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_CONNECT_SECONDS = 10.0
_KEPT_SECONDS = 50.0
_KEPT_CONNECTIONS = 32
_PIECE = 1 << 18
MAXIMUM_BYTES = 1 << 28


class TransportError(Exception):
    """There is no answer.  ``kind``: forbidden, tls, timeout, unreachable, broken or closed."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Response:
    """What came back; names of headers in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class _Request:
    body: bytes
    headers: Mapping[str, str]
    seconds: float
    maximum: int


class _PlainSocket(socket.socket):
    """A socket that gives every step no more than what is left until its deadline."""

    deadline = float("inf")

    def _arm(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self.settimeout(left)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        self._arm()
        return super().recv_into(buffer, nbytes or 0, flags)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        self._arm()
        return super().send(data, flags)

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        self._arm()
        super().sendall(data, flags)


class _TlsSocket(_PlainSocket, ssl.SSLSocket):
    """The same, encrypted."""


class _Connection(http.client.HTTPConnection):
    """A connection to an endpoint, at an address that may be called."""

    def __init__(self, endpoint: Endpoint, rule: Rule, context: ssl.SSLContext | None) -> None:
        super().__init__(endpoint.host, endpoint.port)
        self.default_port = 443 if endpoint.scheme == "https" else 80
        self.kept_until = 0.0
        self._endpoint = endpoint
        self._rule = rule
        self._context = context
        self._deadline = float("inf")
        # http.client forgets its own when an answer says that it is the last one
        self._live: socket.socket | None = None

    def connect(self) -> None:
        """Called by http.client when there is no socket yet."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        by_address = {str(entry[4][0]): entry for entry in found}
        addresses = allowed_addresses(self._rule, self._endpoint, list(by_address))
        until = min(self._deadline, time.monotonic() + _CONNECT_SECONDS)
        failure: OSError | None = None
        for address in addresses:
            family, kind, protocol, _, target = by_address[address]
            plain = _PlainSocket(family, kind, protocol)
            try:
                plain.deadline = until
                plain._arm()
                plain.connect(target)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sock = plain
                if self._context is not None:
                    plain._arm()
                    self.sock = self._context.wrap_socket(plain, server_hostname=self.host)
            except OSError as error:
                plain.close()
                self.sock = None
                failure = error
                # Whoever answers with a wrong certificate is not asked at another address.
                if isinstance(error, ssl.SSLError):
                    raise
                continue
            except BaseException:
                plain.close()
                raise
            self._live = self.sock
            self.bound(self._deadline)
            return
        raise failure or OSError("no address")

    def bound(self, deadline: float) -> None:
        self._deadline = deadline
        if isinstance(self.sock, _PlainSocket):
            self.sock.deadline = deadline

    def wake(self) -> None:
        """End what another thread is waiting for."""
        for each in (self.sock, self._live):
            # not connected any more is what is wanted
            with contextlib.suppress(OSError):
                if each is not None:
                    # not SSLSocket's own: another thread is in there
                    socket.socket.shutdown(each, socket.SHUT_RDWR)


class Transport:
    """Calls for any number of threads, over connections that are kept."""

    def __init__(self, rule: Rule | None = None, *, ca_file: str | None = None) -> None:
        # for connections that are made from now on
        self.rule = rule or Rule()
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: dict[str, list[_Connection]] = {}
        self._busy: set[_Connection] = set()
        self.closing = threading.Event()

    def post(
        self,
        endpoint: Endpoint,
        body: bytes,
        headers: Mapping[str, str],
        *,
        seconds: float,
        maximum: int = MAXIMUM_BYTES,
    ) -> Response:
        """The answer, whatever its status; TransportError if there is none."""
        request = _Request(body, headers, seconds, maximum)
        deadline = time.monotonic() + seconds
        connection = self._take(endpoint)
        while True:
            was_kept = connection.sock is not None
            is_whole = False
            try:
                connection.bound(deadline)
                response = self._exchange(connection, endpoint, request)
                is_whole = True
                return response
            except _STALE as error:
                # The other side has closed a connection that was kept: nobody read the request.
                if not was_kept or self.closing.is_set():
                    raise self._described(error, seconds) from error
            except (OSError, http.client.HTTPException, EndpointError, UnicodeError) as error:
                raise self._described(error, seconds) from error
            finally:
                self._give_back(connection, endpoint, is_whole)
            connection = self._open(endpoint)

    def close(self) -> None:
        """End all calls, those under way included.  There are no others afterwards."""
        self.closing.set()
        with self._lock:
            busy = list(self._busy)
            idle = [each for kept in self._idle.values() for each in kept]
            self._idle.clear()
        for connection in busy:
            connection.wake()
        for connection in idle:
            connection.close()

    def _exchange(self, connection: _Connection, endpoint: Endpoint, request: _Request) -> Response:
        connection.request("POST", endpoint.path or "/", request.body, dict(request.headers))
        answer = connection.getresponse()
        pieces = []
        size = 0
        while True:
            try:
                piece = answer.read(_PIECE)
            except (OSError, http.client.HTTPException) as error:
                # here, so that what was answered in part is not asked again
                raise self._described(error, request.seconds) from error
            if not piece:
                break
            size += len(piece)
            if size > request.maximum:
                raise TransportError("broken", f"the answer is larger than {request.maximum} bytes")
            pieces.append(piece)
        received = {name.lower(): value for name, value in answer.getheaders()}
        # read() with a size says nothing about an end that comes too early
        length = received.get("content-length", "")
        if length.isdigit() and size < int(length):
            raise TransportError("broken", f"the answer ends after {size} of {length} bytes")
        if answer.will_close:
            connection.close()
        return Response(answer.status, answer.reason, received, b"".join(pieces))

    def _described(self, error: Exception, seconds: float) -> TransportError:
        if self.closing.is_set():
            return TransportError("closed", "the call was ended from this side")
        if isinstance(error, socket.timeout):
            return TransportError("timeout", f"no answer within {seconds:g} seconds")
        kind, words = next(
            (kind, words) for classes, kind, words in _WORDS if isinstance(error, classes)
        )
        what = getattr(error, "verify_message", None) or getattr(error, "reason", None)
        what = what or getattr(error, "strerror", None) or str(error) or type(error).__name__
        return TransportError(kind, words.format(what))

    # ---- connections

    def _take(self, endpoint: Endpoint) -> _Connection:
        now = time.monotonic()
        while True:
            with self._lock:
                kept = self._idle.get(endpoint.origin)
                connection = kept.pop() if kept else None
                if connection is not None and connection.kept_until > now:
                    self._busy.add(connection)
                    break
            if connection is None:
                return self._open(endpoint)
            connection.close()
        self._require_open(connection)
        return connection

    def _open(self, endpoint: Endpoint) -> _Connection:
        context = self._tls() if endpoint.scheme == "https" else None
        connection = _Connection(endpoint, self.rule, context)
        with self._lock:
            self._busy.add(connection)
        self._require_open(connection)
        return connection

    def _require_open(self, connection: _Connection) -> None:
        """After it is known as busy: close() either finds it there or has been noticed here."""
        if self.closing.is_set():
            with self._lock:
                self._busy.discard(connection)
            connection.close()
            raise TransportError("closed", "the call was ended from this side")

    def _give_back(self, connection: _Connection, endpoint: Endpoint, is_whole: bool) -> None:
        with self._lock:
            self._busy.discard(connection)
            kept = self._idle.setdefault(endpoint.origin, [])
            if (
                is_whole
                and connection.sock is not None
                and not self.closing.is_set()
                and len(kept) < _KEPT_CONNECTIONS
            ):
                connection.kept_until = time.monotonic() + _KEPT_SECONDS
                kept.append(connection)
                return
        connection.close()

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = ssl.create_default_context(cafile=self._ca_file)
                self._context.minimum_version = ssl.TLSVersion.TLSv1_2
                self._context.sslsocket_class = _TlsSocket
            return self._context


# The first that fits: which kind a failure is, and how to say it.
_WORDS: tuple[tuple[type[Exception], str, str], ...] = (
    (EndpointError, "forbidden", "the endpoint may not be called: {}"),
    (ssl.SSLCertVerificationError, "tls", "the certificate is not trusted: {}"),
    (ssl.SSLEOFError, "broken", "the connection ended in the middle"),
    (ssl.SSLZeroReturnError, "broken", "the connection ended in the middle"),
    (ssl.SSLError, "tls", "no encrypted connection: {}"),
    (socket.gaierror, "unreachable", "the host is not known: {}"),
    (http.client.RemoteDisconnected, "broken", "the connection was closed without an answer"),
    (http.client.IncompleteRead, "broken", "the answer ends in the middle"),
    (http.client.HTTPException, "broken", "the answer is not HTTP: {}"),
    (ConnectionResetError, "broken", "the connection was reset in the middle"),
    (BrokenPipeError, "broken", "the connection was reset in the middle"),
    (OSError, "unreachable", "cannot connect: {}"),
    (Exception, "forbidden", "the endpoint cannot be called: {}"),
)

# what a connection says that was closed while it was kept
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
