"""Lets only the app's own pages ask the app, and no page of another site in the same browser."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

POLICY_VIOLATION = 1008

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
        "connect-src 'self' data: blob: ws: wss:; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
"""A text that visitors wrote may be the address of a picture. It is never loaded."""


class OwnPagesOnly:
    """Answers only the app's own pages: pages of other sites can read nothing here.

    Otherwise a foreign page could connect to a loopback address, or let its own host name point to
    it. `hosts` are the host names that requests may use; None: any.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] == "lifespan" or self._is_own(Headers(scope=scope)):
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await WebSocketClose(POLICY_VIOLATION)(scope, receive, send)
        else:
            refusal = PlainTextResponse("This app does not answer to that host name", 403)
            await refusal(scope, receive, send)

    def _is_own(self, headers: Headers) -> bool:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._hosts is not None and urlsplit(f"//{host}").hostname not in self._hosts:
            return False
        return origin is None or urlsplit(origin).netloc == host
