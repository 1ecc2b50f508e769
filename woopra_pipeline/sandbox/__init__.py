"""An embedded Woopra: a world of people, the service's profiles of them, and its HTTP API.

This package has the people and their visits (`people`), the identity system that merges their
profiles (`identities`), the lines in the log (`lines`, `days`), imports (`imports`), the truth
about the people (`truth`), the files on disk (`world`), and the server (`server`) with its `moods`.
No module here reads a line of the log or knows the model, because the model is compared with the
truth.
"""

from woopra_pipeline.sandbox.clock import SandboxClock
from woopra_pipeline.sandbox.moods import Mood, Moods
from woopra_pipeline.sandbox.server import (
    Limits,
    RunningSandbox,
    Service,
    serve,
    serve_until_interrupted,
)
from woopra_pipeline.sandbox.settings import MOST_DAYS, MOST_PEOPLE, SandboxSettings
from woopra_pipeline.sandbox.truth import Truth
from woopra_pipeline.sandbox.world import Sandbox

__all__ = [
    "MOST_DAYS",
    "MOST_PEOPLE",
    "Limits",
    "Mood",
    "Moods",
    "RunningSandbox",
    "Sandbox",
    "SandboxClock",
    "SandboxSettings",
    "Service",
    "Truth",
    "serve",
    "serve_until_interrupted",
]
