"""The report in a real browser: everything fits and can be read, on any screen, in any light."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from woopra_pipeline.report.figures import of_period, whole_period
from woopra_pipeline.report.page import write_report
from woopra_pipeline_tests.report.conftest import Log, at, visit
from woopra_pipeline_tests.ui.conftest import Server, Window, window_on

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.ui

FIRST = date(2025, 10, 27)
DAYS = 75
SMALLEST = 12
"""Pixels of the smallest text."""
LONG = "a-name-without-any-place-to-break-it-" * 4

TOO_WIDE = """() => [...document.querySelectorAll('body, body *')]
    .filter(element => element.scrollWidth > element.clientWidth + 1)
    .filter(element => element.clientWidth && !element.closest('svg'))
    .map(element => element.outerHTML.slice(0, 100))"""
OUT_OF_SIGHT = """() => [...document.querySelectorAll('td, th, p, dt, dd, h1, h2, h3, svg text')]
    .filter(element => element.getClientRects().length)
    .filter(element => {
        const place = element.getBoundingClientRect();
        return place.left < 0 || place.right > innerWidth;
    })
    .map(element => element.textContent)"""
TEXTS = """() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const channels = color => color.match(/[\\d.]+/g).map(Number);
    const light = ([red, green, blue]) => [red, green, blue]
        .map(part => part / 255)
        .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
    const ground = element => {
        for (; element; element = element.parentElement) {
            const color = channels(getComputedStyle(element).backgroundColor);
            if (color.length === 3 || color[3] === 1) return light(color);
        }
    };
    const found = [];
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !element.getClientRects().length) continue;
        const style = getComputedStyle(element);
        const svg = element.closest('svg');
        const scale = svg ? svg.getBoundingClientRect().width / svg.width.baseVal.value : 1;
        const ink = light(channels(svg ? style.fill : style.color)), paper = ground(element);
        found.push({
            text: texts.currentNode.data.trim(),
            pixels: parseFloat(style.fontSize) * scale,
            contrast: (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05),
        });
    }
    return found;
}"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Ten weeks of people who come back now and then, and names that are too long for a line."""
    log = Log(tmp_path_factory.mktemp("report"))
    days = {}
    for number in range(DAYS):
        day = (FIRST + timedelta(days=number)).isoformat()
        days[day] = [
            visit(f"p{pid}", at(day, pid % 24), "pv", LONG, country=LONG, properties={"url": LONG})
            for pid in range(number // 3, number + 3)
            if (pid + number) % 3 == 0
        ]
        if number % 5 == 4:
            days[day] += [b"nonsense", {"type": "delete", "pid": f"p{number}", "new_id": "p1"}]
    log.put(days)
    return log


@pytest.fixture(scope="module")
def report(log: Log) -> Path:
    return write_report(log.directory).path


@pytest.fixture(
    params=[(390, "dark"), (390, "light"), (1200, "dark"), (1200, "light")],
    ids=lambda param: f"{param[0]} {param[1]}",
)
def opened(
    browser: "Browser", report: Path, request: pytest.FixtureRequest
) -> Iterator[tuple["Page", list[str]]]:
    """The report on a screen with all charts drawn, and what the browser complained of."""
    width, scheme = request.param
    server = Server(report.as_uri(), report.parent)
    with window_on(browser, server, request.node.name, width, 844, color_scheme=scheme) as window:
        complaints: list[str] = []
        window.page.on("console", lambda message: complaints.append(message.text))
        yield drawn(window), complaints


def drawn(window: Window) -> "Page":
    page = window.open("")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.chart')].every(chart => chart.querySelector('svg'))"
    )
    return page


def test_everything_fits_and_can_be_read(opened: tuple["Page", list[str]]) -> None:
    page, complaints = opened
    assert page.locator(".chart svg").count() == 8
    width = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    needed, there = page.evaluate(width)
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(OUT_OF_SIGHT) == []
    assert needed <= there
    texts: list[dict[str, Any]] = page.evaluate(TEXTS)
    assert {"People", "new", "returning", LONG} <= {text["text"] for text in texts}
    assert [text for text in texts if text["pixels"] < SMALLEST] == []
    # What WCAG asks of texts at level AA.
    assert [text for text in texts if text["contrast"] < 4.5] == []
    assert complaints == []


def test_a_bin_that_is_pointed_at_says_its_numbers(
    opened: tuple["Page", list[str]], log: Log
) -> None:
    page, _ = opened
    chart = page.locator("[data-chart=people-a-week] svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    tooltip = page.locator("#vg-tooltip-element.visible")
    # The axis takes the first pixels; the middle of the rest is in the middle of the weeks.
    for place in range(5):
        page.mouse.move(box["x"] + 50 + (box["width"] - 60) * (0.5 + place / 40), box["y"] + 90)
        if tooltip.count():
            break
    tooltip.wait_for()
    told = dict(zip(*[iter(tooltip.locator("td").all_inner_texts())] * 2, strict=True))
    with log.connect() as connection:
        period = whole_period(connection)
        assert period is not None
        weeks = of_period(connection, "people", period, grain="week")
    days = {f"{week['period'].day} {week['period']:%b %Y}": week for week in weeks}
    week = days[told["week of"]]
    assert {name: int(told[name]) for name in ("people", "new", "returning")} == {
        name: week[name] for name in ("people", "new", "returning")
    }
    box = tooltip.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page.evaluate("innerWidth")


def test_charts_follow_the_light(opened: tuple["Page", list[str]]) -> None:
    page, _ = opened
    text = page.locator(".chart svg text").first
    for scheme, color in (("dark", "rgb(195, 202, 211)"), ("light", "rgb(74, 85, 101)")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_function(
            "color => getComputedStyle(document.querySelector('.chart svg text')).fill === color",
            arg=color,
        )
        assert text.is_visible()


def test_where_no_script_may_run_there_are_pictures(
    browser: "Browser", report: Path, request: pytest.FixtureRequest
) -> None:
    server = Server(report.as_uri(), report.parent)
    with window_on(
        browser, server, request.node.name, 390, 844, java_script_enabled=False
    ) as window:
        page = window.open("")
        assert page.locator("noscript svg").count() == 8
        assert page.locator("noscript svg").first.is_visible()
