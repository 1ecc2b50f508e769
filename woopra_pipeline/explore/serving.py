"""Serves the app on one port, only to its own pages."""

import socket
from collections.abc import Callable
from importlib.resources import as_file, files

import marimo
import uvicorn

from woopra_pipeline.explore.own_pages import OwnPagesOnly

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(listener: socket.socket, host: str, ready: Callable[[], None]) -> None:
    """Serve the app on a listening socket until it is interrupted."""
    with as_file(files(__package__) / "app.py") as notebook:
        inner = marimo.create_asgi_app(quiet=True).with_app(path="", root=str(notebook)).build()
        app = OwnPagesOnly(inner, LOOPBACK if host in LOOPBACK else None)
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        )
        ready()
        server.run(sockets=[listener])
