"""The UI as its users have it: webserver and daemon on the demo's data, and a browser before it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import httpx
import pytest

from woopra_pipeline.data_directory import checkout
from woopra_pipeline_tests.cli.conftest import PROGRAM, CommandLine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
LOOPBACK = "127.0.0.1"
PATIENCE = 180.0
"""Seconds that anything may take on a busy machine; each is a matter of a few."""

IMAGES = checkout() / "docs" / "images"
LARGEST_IMAGE = 300_000

Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found | None], patience: float = PATIENCE) -> Found:
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {patience:.0f} seconds")


@dataclass(frozen=True)
class Server:
    """The address of a running UI, and what its API says."""

    url: str
    folder: Path

    def ask(self, query: str, **variables: Any) -> Any:
        answer = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=PATIENCE
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def materializations(self, asset: str) -> list[str | None]:
        """The partitions of all materializations of an asset."""
        found = self.ask(
            "query ($keys: [AssetKeyInput!]) { assetNodes(assetKeys: $keys) "
            "{ assetMaterializations(limit: 1000) { partition } } }",
            keys=[{"path": [asset]}],
        )
        (node,) = found["assetNodes"]
        return [event["partition"] for event in node["assetMaterializations"]]

    def materialized(self, asset: str) -> set[str | None]:
        """The partitions of an asset that are materialized."""
        return set(self.materializations(asset))

    def failed(self, asset: str) -> set[str]:
        """The partitions of an asset that are shown as failed."""
        found = self.ask(
            "query ($keys: [AssetKeyInput!]) { assetNodes(assetKeys: $keys) "
            "{ assetPartitionStatuses { ... on TimePartitionStatuses "
            "{ ranges { status startKey endKey } } } } }",
            keys=[{"path": [asset]}],
        )
        (node,) = found["assetNodes"]
        ranges = node["assetPartitionStatuses"]["ranges"]
        failed = [each for each in ranges if each["status"] == "FAILED"]
        assert all(each["startKey"] == each["endKey"] for each in failed)
        return {each["startKey"] for each in failed}

    def backfilled(self, backfill: str) -> dict[str, tuple[int, int]]:
        """How many partitions of each asset the page of a backfill shows as made, and as failed.

        Fails for a backfill with assets that have no partitions.
        """
        found = self.ask(
            "query ($id: String!) { partitionBackfillOrError(backfillId: $id) "
            "{ ... on PartitionBackfill { assetBackfillData { assetBackfillStatuses "
            "{ ... on AssetPartitionsStatusCounts { assetKey { path } "
            "numPartitionsMaterialized numPartitionsFailed } } } } } }",
            id=backfill,
        )
        statuses = found["partitionBackfillOrError"]["assetBackfillData"]["assetBackfillStatuses"]
        return {
            "/".join(status["assetKey"]["path"]): (
                status["numPartitionsMaterialized"],
                status["numPartitionsFailed"],
            )
            for status in statuses
        }


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Webserver and daemon on what the demo makes, ended afterwards."""
    folder = tmp_path_factory.mktemp("ui")
    command_line = CommandLine(folder)
    done = command_line("demo")
    assert done.returncode == 0, done.stderr
    with socket.create_server((LOOPBACK, 0)) as unused:
        port = unused.getsockname()[1]
    output = folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [PROGRAM, "ui", "--host", LOOPBACK, "--port", str(port)],
            env=command_line.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://{LOOPBACK}:{port}"
        wait_for("the UI answers", lambda: process.poll() is not None or _answers(url))
        assert process.poll() is None, output.read_text()
        yield Server(url, folder)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        finally:
            # Its daemon and code servers are of its own process group.
            _end_group(process.pid)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info").is_success
    except httpx.TransportError:
        return False


def _end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, "There is no Chromium: install it (on Debian: apt-get install chromium)"
    # Chromium's sandbox refuses root.
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=flags)
        yield running
        running.close()


@dataclass
class Window:
    """A page of the browser, and what went wrong in it."""

    page: "Page"
    url: str
    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def open(self, path: str) -> "Page":
        self.page.goto(f"{self.url}{path}")
        return self.page


@pytest.fixture
def window(browser: "Browser", server: Server, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A window such as people have."""
    with window_on(browser, server, request.node.name, 1400, 1000) as window:
        yield window


@pytest.fixture
def wide_window(
    browser: "Browser", server: Server, request: pytest.FixtureRequest
) -> Iterator[Window]:
    """A window that has room for a large graph, of which Dagster only draws what is in sight."""
    with window_on(
        browser, server, request.node.name, 2400, 5000, device_scale_factor=0.6
    ) as window:
        yield window


@contextmanager
def window_on(
    browser: "Browser", server: Server, name: str, width: int, height: int, **options: Any
) -> Iterator[Window]:
    """A window that reaches nothing but the UI; a script that fails in it fails the test."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale="en-US",
        timezone_id="UTC",
        **options,
    )
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    window = Window(page, server.url)

    def guard(route: Any) -> None:
        if urlsplit(route.request.url).hostname == LOOPBACK:
            route.continue_()
        else:
            window.outside.append(route.request.url)
            route.abort()

    page.route(re.compile("^https?:"), guard)
    page.on("pageerror", lambda error: window.complaints.append(str(error)))
    try:
        yield window
    finally:
        page.screenshot(path=str(server.folder / f"{name}.png"))
        context.close()
    assert not window.complaints
    assert not window.outside


@pytest.fixture
def keep_image() -> Callable[[str, bytes], None]:
    """Keeps a picture for the docs, if the environment asks for SCREENSHOTS."""

    def keep(name: str, png: bytes) -> None:
        assert len(png) < LARGEST_IMAGE
        if os.environ.get("SCREENSHOTS"):
            (IMAGES / name).write_bytes(png)

    return keep
