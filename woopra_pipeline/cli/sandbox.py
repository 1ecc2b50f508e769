"""`woopra-pipeline sandbox`: the embedded Woopra, for other programs to talk to."""

import threading
from contextlib import suppress

import click

from woopra_pipeline.cli.terminal import say
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.sandbox import Sandbox, SandboxSettings, serve

DEFAULTS = SandboxSettings()


@click.command("sandbox")
@click.option("--port", type=click.IntRange(0, 65_535), default=8_787, show_default=True)
@click.option("--seed", type=int, default=DEFAULTS.seed, show_default=True)
@click.option("--people", type=click.IntRange(1), default=DEFAULTS.people, show_default=True)
def command(port: int, seed: int, people: int) -> None:
    """Serve the embedded Woopra on loopback until interrupted.

    The same seed and number of people are the same world, to the byte.
    """
    world = Sandbox(
        DataDirectory.from_environment().sandbox, SandboxSettings(seed=seed, people=people)
    )
    with serve(world, port=port) as running:
        settings = running.settings
        say("The sandbox answers until you press Ctrl-C. To use it, in another terminal:")
        click.echo(
            f"export WOOPRA_BASE_URL={running.base_url} WOOPRA_PROJECT={settings.project} "
            f"WOOPRA_APP_ID={settings.app_id} WOOPRA_SECRET_KEY={settings.secret_key}"
        )
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    say("The sandbox has stopped.")
