"""The embedded Woopra's HTTP server: the service's endpoints, answered from a `Sandbox`."""

import asyncio
import gzip
import re
import secrets
import signal
import socket
import struct
import threading
import zlib
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from email.utils import format_datetime
from io import BytesIO
from itertools import chain
from math import ceil
from pathlib import Path

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from woopra_pipeline.clock import Clock
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.sandbox.clock import SandboxClock
from woopra_pipeline.sandbox.imports import MalformedLineError
from woopra_pipeline.sandbox.moods import Drawn, Endpoint, Mood, Moods
from woopra_pipeline.sandbox.truth import Truth
from woopra_pipeline.sandbox.world import Sandbox
from woopra_pipeline.woopra.headers import whole_number
from woopra_pipeline.woopra.log_days import log_day_from_text
from woopra_pipeline.woopra.settings import WoopraSettings

LOOPBACK = "127.0.0.1"
API_ROOT = "/rest/3.7"
BYTES_AT_ONCE = 1 << 20
WEB_PAGE = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>\r\n"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many requests a minute, an hour and a day are answered; the others get a 429."""

    per_minute: int = 300
    per_hour: int = 600
    per_day: int = 3_000


@dataclass(frozen=True, kw_only=True)
class Service:
    """The settings of the service: its project, the credentials, and its limits.

    Without `limits` there are none. `slowness` is the time, in seconds, for which the slow mood
    keeps a client waiting; `largest_import` is in bytes.
    """

    project: str = "sandbox.example.com"
    app_id: str = "sandbox"
    secret_key: str = field(default="no-secret", repr=False)
    limits: Limits | None = None
    compresses: bool = True
    slowness: float = 0.3
    largest_import: int = 64 << 20


@dataclass(frozen=True)
class RunningSandbox:
    """A running sandbox: `base_url` is its API root, `settings` are the settings for a client."""

    sandbox: Sandbox
    base_url: str
    settings: WoopraSettings
    moods: Moods

    def truth(self, log_day: date) -> Truth:
        """The truth at the end of `log_day`."""
        return self.sandbox.truth(log_day)


@contextmanager
def serve(
    sandbox: Sandbox,
    *,
    port: int = 0,
    service: Service | None = None,
    moods: Moods | None = None,
) -> Iterator[RunningSandbox]:
    """Answer requests on loopback, from a thread, until the block ends.

    With `port` 0 a free one is taken. Raises `ConfigurationError` if the port is taken.
    """
    service, moods = service or Service(), moods or Moods()
    listener = _listen(port)
    base_url = f"http://{LOOPBACK}:{listener.getsockname()[1]}{API_ROOT}"
    settings = WoopraSettings(
        project=service.project,
        app_id=service.app_id,
        secret_key=service.secret_key,
        base_url=base_url,
        rate_budget=False,
        first_backoff=0.05,
        longest_backoff=1.0,
    )
    server = _Server(
        uvicorn.Config(
            _Endpoints(sandbox, service, moods, settings).application,
            http="h11",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            timeout_graceful_shutdown=2,
        )
    )
    thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
    thread.start()
    try:
        server.answers.wait()
        if not server.started:
            raise ConfigurationError(f"The sandbox could not be served on port {port}: try again")
        yield RunningSandbox(sandbox, base_url, settings, moods)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def serve_until_interrupted(
    sandbox: Sandbox,
    *,
    port: int = 0,
    service: Service | None = None,
    moods: Moods | None = None,
    announce: Callable[[RunningSandbox], None],
) -> None:
    """Answer requests on loopback until the process is interrupted (SIGINT) or ended (SIGTERM).

    `announce` is called as soon as requests are answered. Call it from the main thread; raises
    `ConfigurationError` if the port is taken.
    """
    over = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, lambda *_: over.set()) for number in signals]
    try:
        with serve(sandbox, port=port, service=service, moods=moods) as running:
            announce(running)
            over.wait()
    finally:
        for number, handler in zip(signals, previous, strict=True):
            signal.signal(number, handler)


class _Endpoints:
    def __init__(
        self, sandbox: Sandbox, service: Service, moods: Moods, settings: WoopraSettings
    ) -> None:
        self._sandbox = sandbox
        self._service = service
        self._moods = moods
        self._settings = settings
        self._rate = _Rate(service.limits, sandbox.clock) if service.limits else None
        self.application = Starlette(
            routes=[
                Route(f"{API_ROOT}/{settings.export_path}", self._export),
                Route(f"{API_ROOT}/{settings.import_path}", self._import, methods=["POST", "PUT"]),
                Route("/sandbox/health", self._health),
                Route("/sandbox/truth", self._truth),
                Route("/sandbox/truth/visits", self._true_visits),
                Route("/sandbox/truth/profiles", self._true_profiles),
            ],
            exception_handlers={ConfigurationError: _bad_request},
        )

    async def _export(self, request: Request) -> Response:
        drawn, refusal = await self._begin(request, "export")
        if refusal is not None:
            return refusal
        position = whole_number(request.query_params.get(self._settings.position_parameter, "0"))
        if position is None:
            return PlainTextResponse("The position is no number of bytes", 400)
        file = await run_in_threadpool(self._file, request)
        if file is None:
            return PlainTextResponse("There is no such file", 404)
        start, stop = min(position, file.size), file.size
        if drawn.mood is Mood.TRUNCATED:
            stop = file.within_a_line(start, drawn.luck)
        headers = {
            self._settings.position_header: str(stop),
            "Date": format_datetime(self._sandbox.clock(), usegmt=True),
        }
        if drawn.mood is Mood.CUT_AT_LINE:
            stop = file.after_a_line(start, drawn.luck)
        answer = _spoilt(drawn, file, start, stop, headers)
        if answer is not None:
            return answer
        pieces = file.pieces(start, stop)
        if self._service.compresses and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            pieces = _gzipped(pieces)
        else:
            headers["Content-Length"] = str(stop - start)
        return StreamingResponse(pieces, headers=headers, media_type="text/plain")

    async def _import(self, request: Request) -> Response:
        (mood, _), refusal = await self._begin(request, "import")
        if refusal is not None:
            return refusal
        body = await request.body()
        if mood is Mood.TOO_LARGE or len(body) > self._service.largest_import:
            return PlainTextResponse("Too large", 413)
        try:
            if request.headers.get("Content-Encoding") == "gzip":
                body = _gunzipped(body)
            count = await run_in_threadpool(self._sandbox.import_lines, body)
        except MalformedLineError as error:
            return PlainTextResponse(f"{error}; nothing was imported", 400)
        if mood is Mood.BUSY_AFTERWARDS:
            return PlainTextResponse("Busy", 503)
        if mood is Mood.ANSWER_LOST:
            return _Broken(iter(()), {}, _reset)
        return _json({"imported": count})

    async def _begin(self, request: Request, endpoint: Endpoint) -> tuple[Drawn, Response | None]:
        """The mood of the request, and the answer if the request fails."""
        service, drawn = self._service, self._moods.next(endpoint)
        mood = drawn.mood
        if mood is Mood.SLOW:
            await asyncio.sleep(service.slowness)
        if mood is Mood.MIDNIGHT and isinstance(self._sandbox.clock, SandboxClock):
            self._sandbox.clock.skip_to_midnight()
        refusal = None
        seconds = self._rate.seconds_to_wait() if self._rate else 0
        if seconds:
            refusal = PlainTextResponse("Too many requests", 429, {"Retry-After": str(seconds)})
        elif mood is Mood.UNAUTHORIZED or not _is_authorized(request, service):
            challenge = {"WWW-Authenticate": 'Basic realm="Woopra"'}
            refusal = PlainTextResponse("Wrong app ID or secret key", 401, challenge)
        elif request.query_params.get(self._settings.project_parameter) != service.project:
            refusal = PlainTextResponse("No such project", 404)
        elif mood is Mood.SERVER_ERROR:
            refusal = PlainTextResponse("Something went wrong", 500)
        elif mood is Mood.BUSY:
            refusal = PlainTextResponse("Busy", 503, {"Retry-After": "1"})
        return drawn, refusal

    def _file(self, request: Request) -> "_File | None":
        log_day = self._log_day(request)
        content = self._sandbox.export_file(log_day) or self._sandbox.growing_file(log_day)
        return None if content is None else _File(content)

    def _log_day(self, request: Request) -> date:
        return log_day_from_text(request.query_params.get(self._settings.file_parameter, ""))

    def _health(self, _: Request) -> Response:
        return _json({"status": "ok", "today": self._sandbox.today})

    def _truth(self, request: Request) -> Response:
        truth = self._truth_asked_for(request)
        people = {person for person in truth.visits["person"].to_pylist() if person is not None}
        return _json(
            {
                "log_day": truth.log_day,
                "visits": len(truth.visits),
                "profiles": len(truth.profiles),
                "people": len(people),
                "merges": truth.merge_count,
                "deletions": truth.deletion_count,
            }
        )

    def _true_visits(self, request: Request) -> Response:
        return _json_lines(self._truth_asked_for(request).visits.to_pylist())

    def _true_profiles(self, request: Request) -> Response:
        profiles = self._truth_asked_for(request).profiles
        return _json_lines([{"pid": pid, "properties": p} for pid, p in profiles.items()])

    def _truth_asked_for(self, request: Request) -> Truth:
        return self._sandbox.truth(self._log_day(request))


class _File:
    """A file of the export, on disk or still in memory."""

    def __init__(self, content: Path | bytes) -> None:
        self._content = content
        self.size = len(content) if isinstance(content, bytes) else content.stat().st_size

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to `stop`."""
        content = self._content
        with BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
            file.seek(start)
            for position in range(start, stop, BYTES_AT_ONCE):
                yield file.read(min(BYTES_AT_ONCE, stop - position))

    def within_a_line(self, start: int, luck: float) -> int:
        """A position after `start` in the middle of a line; the end if there is none."""
        position = start + int((self.size - start) * luck)
        within = rb"\S(?=\S)"
        return (
            self._find(within, position, self.size)
            or self._find(within, start, position)
            or self.size
        )

    def after_a_line(self, start: int, luck: float) -> int:
        """A position after `start` where a line has ended; the end if there is none."""
        position = start + int((self.size - start) * luck)
        return self._find(rb"\n", position, self.size) or self.size

    def _find(self, pattern: bytes, start: int, stop: int) -> int | None:
        """The end of the first match of `pattern` from `start` to `stop`."""
        for number, piece in enumerate(self.pieces(start, stop)):
            found = re.search(pattern, piece)
            if found:
                return start + number * BYTES_AT_ONCE + found.end()
        return None


class _Rate:
    """Counts the requests of a sliding minute, hour and day."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._clock = clock
        windows = ((60, limits.per_minute), (3_600, limits.per_hour), (86_400, limits.per_day))
        self._windows = [(seconds, deque[float](maxlen=limit)) for seconds, limit in windows]

    def seconds_to_wait(self) -> int:
        """Count a request if the limits allow it; otherwise return when they will."""
        now = self._clock().timestamp()
        waits = [
            taken[0] + seconds - now
            for seconds, taken in self._windows
            if len(taken) == taken.maxlen and taken[0] + seconds > now
        ]
        if waits:
            return ceil(max(waits))
        for _, taken in self._windows:
            taken.append(now)
        return 0


class _Broken(Response):
    """A normal response whose connection ends before the response does."""

    def __init__(
        self,
        pieces: Iterator[bytes],
        headers: dict[str, str],
        end: Callable[[asyncio.Transport], None],
    ) -> None:
        super().__init__(headers=headers)
        self._pieces = pieces
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for number, piece in enumerate(self._pieces):
            if number == 0:
                headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        self._end(scope["state"]["transport_of"](scope["client"]))
        while (await receive())["type"] != "http.disconnect":
            pass


def _spoilt(
    drawn: Drawn, file: _File, start: int, stop: int, headers: dict[str, str]
) -> Response | None:
    """The answer in place of a file from `start` to `stop`, in moods that damage it."""
    match drawn.mood:
        case Mood.ERROR_BODY:
            return _json({"error": "internal"})
        case Mood.WEB_PAGE:
            pieces = file.pieces(start, file.within_a_line(start, drawn.luck))
            return StreamingResponse(chain(pieces, [WEB_PAGE]), headers=headers)
        case Mood.RESET:
            headers |= {"Content-Length": str(stop - start)}
            return _Broken(file.pieces(start, (start + stop) // 2), headers, _reset)
        case Mood.WRONG_LENGTH:
            headers |= {"Content-Length": str(stop - start + 1 + int(drawn.luck * 1_000))}
            return _Broken(file.pieces(start, stop), headers, _hang_up)
        case _:
            return None


def _reset(transport: asyncio.Transport) -> None:
    """Break a connection so that the other end notices."""
    linger_for_no_time = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, linger_for_no_time
    )
    transport.abort()


def _hang_up(transport: asyncio.Transport) -> None:
    """Close a connection as if the answer were complete."""
    transport.close()


def _gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(1, wbits=31)
    for piece in pieces:
        yield compressor.compress(piece)
    yield compressor.flush()


def _gunzipped(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise MalformedLineError("The body is not gzip") from error


def _bad_request(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 400)


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


def _json_lines(rows: list[dict[str, object]]) -> Response:
    lines = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    return Response(lines, media_type="application/x-ndjson")


def _is_authorized(request: Request, service: Service) -> bool:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    try:
        given = b64decode(credentials, validate=True)
    except ValueError:
        return False
    expected = f"{service.app_id}:{service.secret_key}".encode()
    return scheme.lower() == "basic" and secrets.compare_digest(given, expected)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"Port {port} of {LOOPBACK} cannot be used ({error.strerror}): choose another one"
        ) from error
    return listener


class _Server(uvicorn.Server):
    """A server that reports when it is ready, and lets its endpoints break their connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self.answers.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan.state["transport_of"] = self._transport_of
        await super().startup(sockets)
        self.answers.set()

    def _transport_of(self, client: tuple[str, int]) -> asyncio.Transport:
        """The transport of the connection with a client's address."""
        for connection in self.server_state.connections:
            if isinstance(connection, H11Protocol) and connection.client == client:
                return connection.transport
        raise LookupError(f"no connection with {client}")
