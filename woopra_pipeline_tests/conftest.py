"""What tests of all packages share: a scripted server, and time that passes only by waiting.

Where several processes run tests, DuckDB works on one thread in each of them: there is a process
for every core already, and the logs of tests are so small that threads mostly wait for each other.
The files that it makes there have blocks of 16 KB instead of 256, most of which would be nothing
but zeros to write. A model that they build begins as a copy of an empty one. The long tests, tests
run in a single process, and programs that tests start have all threads, blocks as users have them,
and build all of a model.
"""

import gc
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pytest
from hypothesis import is_hypothesis_test, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.settings import WoopraSettings
from woopra_pipeline_tests.empty_models import copy_empty_models
from woopra_pipeline_tests.scripted_server import ScriptedServer
from woopra_pipeline_tests.shared_folders import shared_folder

# A busy machine is no failure.
settings.register_profile("random", deadline=None, print_blob=True)
settings.register_profile("repeatable", deadline=None, derandomize=True)


_connect = duckdb.connect
_is_long = False


def _connect_for_little(
    database: str | Path = ":memory:", read_only: bool = False, config: dict[str, Any] | None = None
) -> duckdb.DuckDBPyConnection:
    config = dict(config or {})
    if not _is_long:
        config.setdefault("threads", 1)
        config.setdefault("default_block_size", "16384")
    return _connect(database, read_only, config)


if "PYTEST_XDIST_WORKER" in os.environ:
    duckdb.connect = _connect_for_little


multiprocessing.get_context("forkserver").set_forkserver_preload(
    ["woopra_pipeline_tests.libraries"]
)


DEAR_IMPORTS = {"Sandbox", "multiprocessing", "run_state_machine_as_test", "subprocess"}
DEAR_FIXTURES = {
    "after_backfill",
    "command_line",
    "demo",
    "import_server",
    "location",
    "program",
    "project",
    "s3_location",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fast", action="store_true", help="leave out tests that take long to get anything to test"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Draw the same examples each time, except in `make test-long` or where a seed is asked for.

    The verdict on a change must not be a matter of luck. Hypothesis also draws constants from the
    modules that are loaded so far. They are others in each process and after each change, so only
    the long tests draw from them.
    """
    is_long = config.option.markexpr == "long"
    is_random = is_long or config.option.hypothesis_seed is not None
    settings.load_profile("random" if is_random else "repeatable")
    if not is_long:
        providers._get_local_constants = Constants  # type: ignore[attr-defined]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.fast:
        config.hook.pytest_deselected(items=[item for item in items if is_dear(item)])
        items[:] = [item for item in items if not is_dear(item)]


def is_dear(item: pytest.Item) -> bool:
    """Whether a test draws many examples, brings processes or worlds, or takes a dear fixture.

    A fixture is dear that is made once for many tests, or brings Dagster, the program or a server
    of imports with it.
    """
    fixtures = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    parameters = getattr(item, "callspec", None)
    return bool(
        is_hypothesis_test(getattr(item, "obj", None))
        or (parameters and "examples" in parameters.params)
        or DEAR_IMPORTS & set(vars(getattr(item, "module", item)))
        or DEAR_FIXTURES & fixtures.keys()
        or any(definitions[-1].scope == "module" for definitions in fixtures.values())
    )


def pytest_collection_finish() -> None:
    # What is loaded by now stays, and the collector need not look at it again and again.
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    global _is_long  # noqa: PLW0603
    _is_long = item.get_closest_marker("long") is not None
    if "PYTEST_XDIST_WORKER" in os.environ:
        copy_empty_models(not _is_long)


@pytest.fixture(scope="session", autouse=True)
def bundles_are_shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let what is forked know where they are, see `libraries`."""
    os.environ["SHARED_BUNDLES"] = str(shared_folder(tmp_path_factory, "bundles", lambda _: None))


class FrozenTime:
    """A clock, the sleep that moves it on, and what was said meanwhile."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.slept: list[float] = []
        self.notices: list[str] = []

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def frozen_time() -> FrozenTime:
    return FrozenTime(datetime(2026, 3, 10, 12, tzinfo=UTC))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


class ClientFactory(Protocol):
    def __call__(self, **settings: object) -> WoopraClient: ...


@pytest.fixture
def make_client(server: ScriptedServer, frozen_time: FrozenTime) -> Iterator[ClientFactory]:
    """Makes clients of the scripted server that wait without sleeping and keep no rate budget."""
    with ExitStack() as clients:

        def make(**changes: object) -> WoopraClient:
            settings = settings_for(**{"base_url": server.base_url, **changes})
            client = WoopraClient(
                settings,
                clock=frozen_time.clock,
                sleep=frozen_time.sleep,
                notify=frozen_time.notices.append,
            )
            return clients.enter_context(client)

        yield make


def settings_for(**changes: object) -> WoopraSettings:
    settings = WoopraSettings(
        project="shop.example",
        app_id="APP17",
        secret_key="s3cr3t-k3y",
        rate_budget=False,
    )
    return replace(settings, **changes)  # type: ignore[arg-type]
