"""The app in a real browser: every page answers, on any screen, also after an update."""

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import httpx
import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.sql_text import table_of
from woopra_pipeline_tests.cli.conftest import PROGRAM, CommandLine
from woopra_pipeline_tests.model.parsed_files import put_day
from woopra_pipeline_tests.ui.conftest import LOOPBACK, Server, Window, wait_for, window_on

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.ui

KeepImage: TypeAlias = Callable[[str, bytes], None]
PAGES = {
    "Overview": "What they do",
    "Trends": "Split by",
    "Journeys": "What people do after their first",
    "Retention": "The share of the people who first came",
    "People": "Select a person",
    "Data": "Largest profiles",
}
"""The pages, and words that stand at the end of each."""


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as unused:
        port: int = unused.getsockname()[1]
        return port


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """The app on a data directory, ended afterwards."""
    port = free_port()
    output = folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [PROGRAM, "explore", "--no-browser", "--port", str(port)],
            env=CommandLine(folder).environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://{LOOPBACK}:{port}"
        wait_for("the app answers", lambda: process.poll() is not None or answers(url))
        assert process.poll() is None, output.read_text()
        yield Server(url, folder)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        finally:
            process.kill()
            print(output.read_text())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app on what the demo makes."""
    folder = tmp_path_factory.mktemp("explore")
    done = CommandLine(folder)("demo")
    assert done.returncode == 0, done.stderr
    with serving(folder) as server:
        yield server


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(params=["wide and light", "narrow and dark"])
def screen(
    browser: "Browser", app: Server, request: pytest.FixtureRequest
) -> Iterator[tuple[str, Window]]:
    wide = request.param == "wide and light"
    size, scheme = ((1000, 800), "light") if wide else ((390, 844), "dark")
    with window_on(browser, app, request.node.name, *size, color_scheme=scheme) as window:
        yield request.param, window


@pytest.fixture
def app_window(browser: "Browser", app: Server, request: pytest.FixtureRequest) -> Iterator[Window]:
    with window_on(browser, app, request.node.name, 1000, 800) as window:
        yield window


def turn_to(page: "Page", name: str) -> None:
    """Turn to a page of the app, and wait until all of it is there."""
    page.get_by_role("tab", name=name).click()
    page.get_by_text(PAGES[name]).first.wait_for()
    still(page)


def still(page: "Page") -> None:
    """Wait until nothing is computed and every chart is drawn."""
    page.wait_for_function(
        """() => !document.querySelector('.output-stale, .marimo-output-stale, .stale')
        && [...document.querySelectorAll('marimo-vega')]
            .every(chart => (chart.shadowRoot || chart).querySelector('canvas, svg'))"""
    )


def errors(page: "Page") -> int:
    return page.locator(".marimo-error, [data-testid='marimo-error']").count()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_answers(screen: tuple[str, Window], name: str, keep_image: KeepImage) -> None:
    kind, window = screen
    page = window.open("/")
    turn_to(page, name)
    assert not errors(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if kind == "wide and light" and name in ("Journeys", "Retention"):
        names = {"Journeys": "explore-funnel.png", "Retention": "explore-retention.png"}
        keep_image(
            names[name], page.screenshot(clip={"x": 0, "y": 60, "width": 1000, "height": 600})
        )
    if kind == "narrow and dark" and name == "Overview":
        keep_image("explore-narrow.png", page.screenshot())


def test_a_page_has_an_address(app_window: Window) -> None:
    page = app_window.open("/?page=Retention")
    page.get_by_text(PAGES["Retention"]).first.wait_for()


def test_steps_are_chosen_from_lists(app: Server, app_window: Window) -> None:
    page = app_window.open("/?page=Journeys")
    page.get_by_text(PAGES["Journeys"]).first.wait_for()
    for step, event in (("Step 2", "newsletter"), ("Step 3", "payment")):
        page.get_by_label(step).click()
        page.get_by_role("option", name=event).click()
    with connect_published(CommandLine(app.folder).directory) as connection:
        report = table_of("funnel", ["pv", "newsletter", "payment"], days=30)
        expected = connection.sql(f"select event, people from {report}").fetchall()
    for event, people in expected:
        row = page.get_by_role("row").filter(has=page.get_by_text(event, exact=True))
        row.filter(has=page.get_by_text(str(people), exact=True)).first.wait_for()


def test_a_person_is_found_by_an_old_pid(
    app: Server, app_window: Window, keep_image: KeepImage
) -> None:
    with connect_published(CommandLine(app.folder).directory) as connection:
        ((old_pid, email, pid),) = connection.sql(
            "select from_pid, email, pid from profile_merges join profiles on pid = canonical_pid "
            "where email is not null and from_pid <> pid order by action_count desc limit 1"
        ).fetchall()
    page = app_window.open("/?page=People")
    page.get_by_text(PAGES["People"]).first.wait_for()
    page.get_by_placeholder("Email, name, pid or property").fill(old_pid)
    wait_for("one is found", lambda: page.get_by_role("row").count() == 2)
    page.get_by_role("row").filter(has_text=email).get_by_role("checkbox").click()
    page.get_by_role("heading", name="Timeline").wait_for()
    page.get_by_text(f"led into {pid}").wait_for()
    still(page)
    assert not errors(page)
    keep_image("explore-person.png", page.screenshot())


def test_an_update_of_the_model_breaks_no_open_page(app: Server, app_window: Window) -> None:
    page = app_window.open("/")
    page.get_by_text("Log days 2026-01-01 to 2026-01-28").wait_for()
    directory = CommandLine(app.folder).directory
    last_day = max(directory.parsed.iterdir())
    aside = app.folder / "aside"
    shutil.move(last_day, aside)
    try:
        assert update_model(directory).published
        turn_to(page, "Trends")
        turn_to(page, "Overview")
        page.get_by_text("Log days 2026-01-01 to 2026-01-27").wait_for()
        assert not errors(page)
    finally:
        shutil.move(aside, last_day)
        update_model(directory)


HOSTILE = "<img src='http://elsewhere.example/x.png' onerror='window.hostile = 1'>"
PICTURE = "http://elsewhere.example/picture.png"


def test_what_visitors_wrote_is_only_text(
    browser: "Browser", tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    line = {
        "type": "visit",
        "pid": HOSTILE,
        "time": 1_767_268_800_000,
        "visitor": {"email": HOSTILE, "name": f"# {HOSTILE}", "avatar": PICTURE},
        "actions": [{"name": HOSTILE, "time": 1_767_268_800_000, "properties": {HOSTILE: PICTURE}}],
    }
    directory = DataDirectory(tmp_path)
    put_day(directory, date(2026, 1, 1), json.dumps(line).encode())
    update_model(directory)
    with (
        serving(tmp_path) as server,
        window_on(browser, server, request.node.name, 1000, 800) as window,
    ):
        page = window.open("/")
        for name in ("Overview", "Trends", "Journeys", "Retention", "Data", "People"):
            turn_to(page, name)
        page.get_by_role("checkbox").click()
        page.get_by_role("heading", name=HOSTILE).wait_for()
        page.get_by_role("heading", name="Timeline").wait_for()
        still(page)
        assert not errors(page)
        assert not page.evaluate("window.hostile")


def test_a_taken_port_is_said(app: Server) -> None:
    port = app.url.rpartition(":")[2]
    done = CommandLine(app.folder)("explore", "--no-browser", "--port", port)
    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_model_it_says_so(tmp_path: Path) -> None:
    done = CommandLine(tmp_path)("explore", "--no-browser", "--port", "0")
    assert done.returncode == 1
    assert "there is no model yet" in done.stderr
