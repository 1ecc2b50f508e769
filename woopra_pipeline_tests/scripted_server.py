"""An HTTP server over loopback that does exactly what a test tells it, misbehaviour included.

A script is a list of answers, one per request in order; the last one goes for all that follow. An
answer is a function that is given the connection once the request has been read; those below make
the usual ones.
"""

import gzip
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

Answer = Callable[[socket.socket, threading.Event], None]


@dataclass(frozen=True)
class ReceivedRequest:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


@dataclass
class ScriptedServer:
    """A context manager: listens on a free port while it lasts."""

    script: list[Answer] = field(default_factory=list)
    requests: list[ReceivedRequest] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._connections: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for connection in self._connections:
            connection.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/rest/3.7"

    def answers(self, *script: Answer) -> None:
        """Answer from now on with `script`."""
        with self._lock:
            self.script = list(script)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._connections.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = _read_request(connection)
                with self._lock:
                    self.requests.append(request)
                self.answer_to(request)(connection, self._closing)
            except (ConnectionError, EOFError):
                pass

    def answer_to(self, request: ReceivedRequest) -> Answer:
        """The next answer of the script."""
        with self._lock:
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def _read_request(connection: socket.socket) -> ReceivedRequest:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _receive(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    request_line, *header_lines = head.decode("latin-1").split("\r\n")
    method, target, _ = request_line.split(" ")
    headers = {}
    for line in header_lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    while len(body) < int(headers.get("content-length", 0)):
        body += _receive(connection)
    parts = urlsplit(target)
    return ReceivedRequest(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


def _receive(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise EOFError
    return received


def raw(*pieces: bytes, reset: bool = False) -> Answer:
    """Exactly these bytes; then the connection ends, in order or with a reset."""

    def answer(connection: socket.socket, closing: threading.Event) -> None:
        for piece in pieces:
            connection.sendall(piece)
        if reset:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    return answer


def head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1")


def whole(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A body of the announced length."""
    return raw(head(status, {"Content-Length": str(len(body)), **(headers or {})}), body)


def gzipped(body: bytes, *, missing: int = 0, headers: Mapping[str, str] | None = None) -> Answer:
    """A gzip body, of the announced length, that lacks its last `missing` bytes."""
    compressed = gzip.compress(body)
    headers = {"Content-Encoding": "gzip", **(headers or {})}
    return whole(compressed[: len(compressed) - missing], headers=headers)


def chunked(body: bytes, *, end: bytes = b"0\r\n\r\n", reset: bool = False) -> Answer:
    """A chunked body in two chunks, and what stands where the chunk that ends it should."""
    middle = len(body) // 2
    pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:middle], body[middle:])]
    return raw(head(200, {"Transfer-Encoding": "chunked"}), *pieces, end, reset=reset)


def short(body: bytes, *, missing: int, reset: bool = False) -> Answer:
    """A body that lacks the last `missing` bytes of what its Content-Length announced."""
    announced = head(200, {"Content-Length": str(len(body))})
    return raw(announced, body[: len(body) - missing], reset=reset)


def silence(sent: bytes = b"") -> Answer:
    """These bytes, then nothing for as long as the server lives."""

    def answer(connection: socket.socket, closing: threading.Event) -> None:
        connection.sendall(sent)
        closing.wait()

    return answer


def calling(action: Callable[[], None], before: Answer, after: Answer) -> Answer:
    """One answer's bytes, then a call, then another's."""

    def answer(connection: socket.socket, closing: threading.Event) -> None:
        before(connection, closing)
        action()
        after(connection, closing)

    return answer
