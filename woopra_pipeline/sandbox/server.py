"""The embedded Woopra's HTTP server: the service's endpoints, answered from a `Sandbox`."""

import secrets
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.sandbox.truth import Truth
from woopra_pipeline.sandbox.world import Sandbox
from woopra_pipeline.woopra.log_days import parse_log_day
from woopra_pipeline.woopra.settings import WoopraSettings

LOOPBACK = "127.0.0.1"
API_ROOT = "/rest/3.7"
PROJECT, APP_ID, SECRET_KEY = "sandbox.example.com", "sandbox", "no-secret"


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that answers: `base_url` is its API root, `settings` is how to talk to it."""

    sandbox: Sandbox
    base_url: str
    settings: WoopraSettings

    def truth(self, log_day: date) -> Truth:
        """What is true as `log_day` ends."""
        return self.sandbox.truth(log_day)


@contextmanager
def serve(sandbox: Sandbox, *, port: int = 0) -> Iterator[RunningSandbox]:
    """Answer requests on loopback, from a thread, until the block ends.

    With `port` 0 a free one is taken. Raises `ConfigurationError` if the port is taken.
    """
    listener = _listen(port)
    base_url = f"http://{LOOPBACK}:{listener.getsockname()[1]}{API_ROOT}"
    settings = WoopraSettings(
        project=PROJECT,
        app_id=APP_ID,
        secret_key=SECRET_KEY,
        base_url=base_url,
        rate_budget=False,
        first_backoff=0.05,
        longest_backoff=1.0,
    )
    server = _Server(
        uvicorn.Config(
            application(sandbox, settings),
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
    )
    thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
    thread.start()
    try:
        server.answers.wait()
        yield RunningSandbox(sandbox, base_url, settings)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def application(sandbox: Sandbox, settings: WoopraSettings) -> Starlette:
    """The service as an ASGI application, for the project and credentials in `settings`."""

    def export(request: Request) -> Response:
        refusal = _refusal(request, settings)
        if refusal is not None:
            return refusal
        try:
            log_day = parse_log_day(request.query_params.get(settings.file_parameter, ""))
        except ConfigurationError as error:
            return PlainTextResponse(str(error), 400)
        path = sandbox.export_file(log_day)
        if path is None:
            return PlainTextResponse(f"There is no file {log_day}", 404)
        return FileResponse(path, media_type="text/plain; charset=utf-8")

    def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route(f"{API_ROOT}/{settings.export_path}", export),
            Route("/sandbox/health", health),
        ]
    )


def _refusal(request: Request, settings: WoopraSettings) -> Response | None:
    """The answer to a request that may not have what it asks for."""
    if not _is_authorized(request, settings):
        challenge = {"WWW-Authenticate": 'Basic realm="Woopra"'}
        return PlainTextResponse("Wrong app ID or secret key", 401, challenge)
    if request.query_params.get(settings.project_parameter) != settings.project:
        return PlainTextResponse("No such project", 404)
    return None


def _is_authorized(request: Request, settings: WoopraSettings) -> bool:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    try:
        given = b64decode(credentials, validate=True)
    except ValueError:
        return False
    expected = f"{settings.app_id}:{settings.secret_key}".encode()
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
    """A server that says when it answers, and leaves the process's signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()
