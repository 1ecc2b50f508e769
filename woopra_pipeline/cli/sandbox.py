"""`woopra-pipeline sandbox`: serves the embedded Woopra to other programs."""

from datetime import UTC, datetime

import click

from woopra_pipeline.cli.parameters import FiniteRange, Instant
from woopra_pipeline.cli.terminal import say, show
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.sandbox import (
    MOST_DAYS,
    MOST_PEOPLE,
    Limits,
    Mood,
    Moods,
    RunningSandbox,
    Sandbox,
    SandboxClock,
    SandboxSettings,
    Service,
    serve_until_interrupted,
)

DEFAULTS = SandboxSettings()
FASTEST = 10_000
"""At this speed a day takes nine seconds, and the calendar ends only after months."""


@click.command("sandbox", context_settings={"show_default": True})
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8787,
    help="Port to listen on; 0: any free one.",
)
@click.option(
    "--seed",
    type=click.IntRange(-(2**63), 2**63 - 1),
    default=DEFAULTS.seed,
    help="Number that selects the world: the same number gives the same world.",
)
@click.option(
    "--people",
    type=click.IntRange(1, MOST_PEOPLE),
    default=DEFAULTS.people,
    help="How many people there are at any time.",
)
@click.option(
    "--days", type=click.IntRange(1, MOST_DAYS), help="After how many log days the world ends."
)
@click.option(
    "--mood",
    "moods",
    multiple=True,
    type=click.Choice([*(mood.value for mood in Mood), "any"]),
    help="Answer wrongly in this way now and then; can be given several times.",
)
@click.option(
    "--share",
    type=FiniteRange(0, 1),
    default=0.3,
    help="Share of requests that get a wrong answer.",
)
@click.option("--limits", is_flag=True, help="Answer 429 above Woopra's rate limits.")
@click.option(
    "--now",
    type=Instant(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="Time in the sandbox when it starts, in UTC.",
)
@click.option(
    "--speed",
    type=FiniteRange(0, FASTEST),
    default=1.0,
    help="How much faster its time passes; 0: not at all.",
)
def command(
    *,
    port: int,
    seed: int,
    people: int,
    days: int | None,
    moods: tuple[str, ...],
    share: float,
    limits: bool,
    now: datetime | None,
    speed: float,
) -> None:
    """Serve the embedded Woopra on loopback until interrupted.

    The same seed, people and days always give the same world, byte for byte.
    """
    clock = SandboxClock(now and now.replace(tzinfo=UTC), speed)
    settings = SandboxSettings(seed=seed, people=people, days=days)
    serve_until_interrupted(
        Sandbox(DataDirectory.from_environment().sandbox, settings, clock=clock),
        port=port,
        service=Service(limits=Limits() if limits else None),
        moods=Moods(Mood if "any" in moods else map(Mood, moods), share, seed),
        announce=_announce,
    )
    say("The sandbox has stopped.")


def _announce(running: RunningSandbox) -> None:
    settings = running.settings
    say("The sandbox answers until you press Ctrl-C. To use it, type in another terminal:")
    show(
        f"export WOOPRA_BASE_URL={running.base_url} WOOPRA_PROJECT={settings.project} "
        f"WOOPRA_APP_ID={settings.app_id} WOOPRA_SECRET_KEY={settings.secret_key}"
    )
