"""A small Woopra that only imports: all lines of a request or none, for good, in any mood.

A mood is drawn for each request by a function of the test. Whatever it is, the server knows what
it has taken, which is what the ledger is compared with.
"""

import gzip
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Mood(Enum):
    FINE = "200"
    CREATED = "201"
    LOST_ANSWER = "commits, then drops the connection"
    LOST_REQUEST = "drops the connection, and takes nothing"
    BUSY_BEFORE = "503 with Retry-After, and takes nothing"
    BUSY_AFTER = "503 without Retry-After, after the commit"
    TOO_MANY = "429"
    ERROR_BEFORE = "500, and takes nothing"
    ERROR_AFTER = "500, after the commit"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    UNPROCESSABLE = "422, and takes nothing"


ANSWERS: dict[Mood, tuple[bool, int | None, dict[str, str]]] = {
    Mood.FINE: (True, 200, {}),
    Mood.CREATED: (True, 201, {}),
    Mood.LOST_ANSWER: (True, None, {}),
    Mood.LOST_REQUEST: (False, None, {}),
    Mood.BUSY_BEFORE: (False, 503, {"Retry-After": "1"}),
    Mood.BUSY_AFTER: (True, 503, {}),
    Mood.TOO_MANY: (False, 429, {"Retry-After": "1"}),
    Mood.ERROR_BEFORE: (False, 500, {}),
    Mood.ERROR_AFTER: (True, 500, {}),
    Mood.UNAUTHORIZED: (False, 401, {}),
    Mood.FORBIDDEN: (False, 403, {}),
    Mood.NOT_FOUND: (False, 404, {}),
    Mood.UNPROCESSABLE: (False, 422, {}),
}
"""Whether it takes the lines, and what it answers."""


class ImportServer:
    """A context manager. `taken` are the lines it has taken, in order."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.bodies: list[bytes] = []
        self.methods: list[str] = []
        self.mood: Callable[[Sequence[str]], Mood] = lambda lines: Mood.FINE
        self.largest_body: int | None = None
        self.during_request: Callable[[], None] = lambda: None
        """Called before a request is judged."""
        self.before_answer: Callable[[], None] = lambda: None
        """Called when what it brings was taken or not."""
        self.lock = threading.Lock()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/rest/3.7"

    def counts(self) -> Counter[str]:
        return Counter(self.taken)

    def draws(self, *moods: Mood) -> None:
        """Answer the next requests in these moods, and all others well."""
        upcoming = list(moods)
        self.mood = lambda lines: upcoming.pop(0) if upcoming else Mood.FINE

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.answer(self)

            do_PUT = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = False
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers["Content-Length"])
        body = request.rfile.read(length)
        if len(body) < length:
            return
        with self.lock:
            self.bodies.append(body)
            self.methods.append(request.command)
            self.during_request()
            plain = gzip.decompress(body) if request.headers.get("Content-Encoding") else body
            lines = plain.decode().split("\n")[:-1]
            takes, status, headers = self._judge(body, lines)
            if takes:
                self.taken += lines
            self.before_answer()
        if status is None:
            linger = struct.pack("ii", 1, 0)
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        try:
            request.send_response(status)
            for name, value in {**headers, "Content-Length": "2", "Connection": "close"}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(b"ok" if takes else b"no")
        except ConnectionError:
            # Whoever asked is dead.
            pass

    def _judge(self, body: bytes, lines: Sequence[str]) -> tuple[bool, int | None, dict[str, str]]:
        if self.largest_body is not None and len(body) > self.largest_body:
            return False, 413, {}
        if not all(is_good(line) for line in lines):
            return False, 400, {}
        return ANSWERS[self.mood(lines)]


def is_good(line: str) -> bool:
    """Whether the service takes a line: our own checks know nothing of its own dislikes."""
    return "unacceptable" not in json.dumps(json.loads(line))
