"""`woopra-pipeline ui`: opens the Dagster UI on the instance and data of the command line."""

import os
import socket
import sys

import click

from woopra_pipeline.cli.backfill import check_start_date
from woopra_pipeline.cli.terminal import say
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.instance import home
from woopra_pipeline.errors import ConfigurationError

LARGEST_PORT = 65_535


@click.command("ui", context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.option("--host", "-h", default="127.0.0.1", help="Address to serve at.")
@click.option("--port", "-p", type=click.IntRange(1, LARGEST_PORT), default=3000, help="Port.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(host: str, port: int, options: tuple[str, ...]) -> None:
    """Serve the Dagster UI at http://127.0.0.1:3000/assets.

    OPTIONS are those of `dg dev`, like --port 3001.
    """
    check_start_date()
    folder = home(DataDirectory.from_environment())
    if "--help" not in options:
        _require_free(host, port)
        say(f"The Dagster UI will be at http://{host}:{port}/assets. Stop it with Ctrl-C.")
    os.environ["DAGSTER_HOME"] = str(folder)
    # Dagster warns when it is started beside a dagster.yaml other than that of DAGSTER_HOME.
    os.chdir(folder)
    served = ["-m", "woopra_pipeline.definitions", "--host", host, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", "dagster_dg_cli.cli", "dev", *served, *options])


def _require_free(host: str, port: int) -> None:
    """Raise `ConfigurationError` if the port is taken: Dagster would choose another one."""
    try:
        ((family, *_, address), *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As a server does, so that connections that are just closing do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"The UI cannot be served at {host}:{port} ({error.strerror}): end what uses the port, "
            "or choose another one with --port"
        ) from None
