"""An embedded Woopra: a world of people, the profiles the service takes them for, its HTTP API.

This package has the people and what they do (`people`), the identity system that merges their
profiles (`identities`), the lines that this leaves in the log (`lines`, `days`), what is imported
(`imports`), what is really true (`truth`), the files on disk (`world`), and the server (`server`)
with its `moods`. Nothing here reads a line of the log or knows the model, because the truth must
not depend on what is compared with it.
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
