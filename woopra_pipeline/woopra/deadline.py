"""A deadline for a whole request; timeouts of single reads and writes do not limit it.

A server that sends a byte now and then is never silent. When the time is up the connection is shut
down, so that a waiting read or write ends with an error of the transport.
"""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

CONNECTED = ("connect_tcp.complete", "start_tls.complete")


class Deadline:
    """A context manager for one request; hand `trace` to httpx as the extension of that name."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.has_passed = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.lift()

    def lift(self) -> None:
        """Let the request take as long as it wants from now on, if the time is not up."""
        self._timer.cancel()

    def trace(self, event: str, details: Mapping[str, Any]) -> None:
        """Learn from httpx which connection the request goes over."""
        if event.endswith(CONNECTED):
            with self._lock:
                self._socket = details["return_value"].get_extra_info("socket")
                if self.has_passed:
                    self._shut_down()

    def _pass(self) -> None:
        with self._lock:
            self.has_passed = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Not that of the TLS socket: that would close the connection while another thread
                # reads from it.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
