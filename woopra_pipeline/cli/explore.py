"""`woopra-pipeline explore`: the app to look at the model in a browser."""

import errno
import importlib.util
import os
import socket
import webbrowser
from contextlib import suppress
from typing import NoReturn

import click

from woopra_pipeline.cli.terminal import say
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.model.database import connect_published

PORT = 2718


@click.command("explore")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0: any free one.",
)
@click.option("--browser/--no-browser", default=True, help="Open it in a browser.")
def command(host: str, port: int, browser: bool) -> NoReturn:
    """Look at the published model in a browser, read-only, until interrupted."""
    if importlib.util.find_spec("marimo") is None:
        raise ConfigurationError(
            "explore needs the package marimo, which is not installed: run `make explore` in a "
            "checkout, or `pip install 'woopra-pipeline[explore]'`"
        )
    with connect_published(DataDirectory.from_environment()):
        pass
    # Imported here, because it takes a second.
    from woopra_pipeline.explore.serving import serve

    with _listen(host, port) as listener:
        address = f"[{host}]" if ":" in host else host
        url = f"http://{address}:{listener.getsockname()[1]}"

        def ready() -> None:
            say(f"The app is on {url} until you press Ctrl+C")
            if browser:
                webbrowser.open(url)

        with suppress(KeyboardInterrupt):
            serve(listener, host, ready)
    # Pages that are still open have threads, which nothing else stops.
    os._exit(0)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"Port {port} of {host} is taken: end what listens there, or choose another one "
                "with --port"
            ) from error
        raise ConfigurationError(
            f"Nothing can listen on port {port} of {host}: {error.strerror}"
        ) from error
