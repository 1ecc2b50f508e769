"""What people do in the UI works in a real browser: look, press Materialize, launch a backfill.

The pictures of the graph and of the report come first: a later test has a day that fails.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

import pytest

from woopra_pipeline.data_directory import checkout
from woopra_pipeline.definitions import definitions
from woopra_pipeline.report.charts import CHARTS
from woopra_pipeline.tables import MODEL_TABLES, PARSED_TABLES
from woopra_pipeline.woopra.log_days import log_days_between
from woopra_pipeline_tests.ui.conftest import Server, Window, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, Locator, Page

pytestmark = pytest.mark.ui

NEW_DAY = "2026-02-08"
NEW_DAYS = tuple(map(str, log_days_between(date(2026, 1, 29), date(2026, 2, 7))))
BAD_DAY = NEW_DAYS[4]
BACKFILL_PAGE = checkout() / "docs" / "backfill.md"
SMALLEST_LABEL = 10
"""Pixels of height that a label needs so that it can be read."""

KeepImage: TypeAlias = Callable[[str, bytes], None]


def open_graph(
    window: Window, groups: Sequence[str], unfolded_groups: Sequence[str] | None = None
) -> "Page":
    """The lineage view of these groups, all of them unfolded or some."""
    selection = quote(" or ".join(f'group:"{group}"' for group in groups), safe="")
    names = groups if unfolded_groups is None else unfolded_groups
    unfolded = quote(",".join(f"global@global:{group}" for group in names), safe="")
    return window.open(f"/asset-groups~{selection}/?expanded={unfolded}")


def stand_still(places: Sequence["Locator"]) -> bool:
    before = [place.bounding_box() for place in places]
    places[0].page.wait_for_timeout(500)
    return before == [place.bounding_box() for place in places]


def around(page: "Page", places: Sequence["Locator"]) -> "FloatRect":
    """The part of a graph that has these labels, with the boxes that they are in."""
    boxes = [box for place in places if (box := place.bounding_box())]
    left = min(box["x"] for box in boxes) - 70
    top = min(box["y"] for box in boxes) - 110
    right = max(box["x"] + box["width"] for box in boxes) + 15
    bottom = max(box["y"] + box["height"] for box in boxes) + 70
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def launch(page: "Page", days: str | None, button: str = "") -> str:
    """Press Materialize, choose days where there are some, and launch; returns what was said."""
    page.get_by_role("button", name="Materialize").first.click()
    if days:
        dialog = page.get_by_role("dialog")
        # No dialog asks before whether one is sure: nothing upstream is missing.
        dialog.get_by_role("button", name="Show all partitions").click()
        choice = dialog.locator("input[type=text]").first
        choice.fill(days)
        choice.press("Enter")
        dialog.get_by_role("button", name=button).click()
    said = page.get_by_text(re.compile("^(Launched run|Created backfill) "))
    said.wait_for()
    return said.inner_text().split()[2]


def finish(window: Window, server: Server, run: str) -> None:
    """Wait on the page of the run whose ID begins like that until it has succeeded."""
    found = server.ask("{ runsOrError(limit: 20) { ... on Runs { results { runId } } } }")
    (run_id,) = (
        entry["runId"]
        for entry in found["runsOrError"]["results"]
        if entry["runId"].startswith(run)
    )
    window.open(f"/runs/{run_id}").get_by_text("Success", exact=True).first.wait_for()


def status_of(server: Server, backfill: str) -> str:
    found = server.ask(
        "query ($id: String!) { partitionBackfillOrError(backfillId: $id) "
        "{ ... on PartitionBackfill { status } } }",
        id=backfill,
    )
    status: str = found["partitionBackfillOrError"]["status"]
    return status


def test_the_graph_reads_from_left_to_right_on_a_laptop(
    window: Window, keep_image: KeepImage
) -> None:
    page = open_graph(window, ("archive", "log", "model", "report"), ("archive", "log"))
    in_order = [
        page.get_by_text(name, exact=True).last
        for name in ("raw_export", "visits_log", "model", "report")
    ]
    places = [*in_order, *(page.get_by_text(t.name, exact=True).last for t in PARSED_TABLES)]
    for place in places:
        place.wait_for()
    wait_for("the graph stands still", lambda: stand_still(places))
    loading = page.get_by_text("Loading", exact=False)
    wait_for("everything is loaded", lambda: not loading.count())
    boxes = [box for place in in_order if (box := place.bounding_box())]
    lefts = [box["x"] for box in boxes]
    assert lefts == sorted(lefts)
    assert min(box["height"] for box in boxes) >= SMALLEST_LABEL
    keep_image("asset-graph.png", page.screenshot(clip=around(page, places)))


def test_the_report_is_made_and_opens(
    window: Window, server: Server, keep_image: KeepImage
) -> None:
    page = window.open("/assets/project_report")
    finish(window, server, launch(page, None))
    page.set_viewport_size({"width": 1000, "height": 780})
    page.goto((server.folder / "reports" / "project.html").as_uri())
    page.get_by_role("heading", name="sandbox.example.com").wait_for()
    charts = page.locator("figure").count()
    page.wait_for_function(
        "count => document.querySelectorAll('.chart svg').length === count", arg=charts
    )
    assert charts > len(CHARTS)
    keep_image("report.png", page.screenshot())


def test_a_backfill_with_a_bad_day_shows_it_alone_in_red(
    window: Window, server: Server, keep_image: KeepImage
) -> None:
    updates = len(server.materializations("log_days"))
    reports = len(server.materializations("project_report"))
    # Something else is where the day's folder belongs, so that fetching it fails.
    (server.folder / "raw" / BAD_DAY).symlink_to("nowhere")
    (address,) = re.findall(r"<http://127\.0\.0\.1:3000(/.+)>", BACKFILL_PAGE.read_text("utf-8"))
    page = window.open(address)
    launched = launch(page, f"[{NEW_DAYS[0]}...{NEW_DAYS[-1]}]", "Launch")
    wait_for("the backfill is over", lambda: status_of(server, launched) != "REQUESTED")
    assert status_of(server, launched) == "COMPLETED_FAILED"
    made = {"raw_export", *(table.name for table in PARSED_TABLES)}
    good = len(NEW_DAYS) - 1
    assert server.backfilled(launched) == dict.fromkeys(made, (good, 1))
    for asset in made:
        assert server.materialized(asset) >= set(NEW_DAYS) - {BAD_DAY}
        assert server.failed(asset) == {BAD_DAY}
    wait_for("the model is made", lambda: len(server.materializations("log_days")) > updates)
    wait_for("so is the report", lambda: len(server.materializations("project_report")) > reports)
    page = window.open("/assets/visits_log?view=partitions")
    page.get_by_text("Failed (1)").first.wait_for()
    top: FloatRect = {"x": 0, "y": 0, "width": 1400, "height": 420}
    keep_image("bad-day.png", page.screenshot(clip=top))


@pytest.mark.parametrize("table", ["actions", "profiles", "profile_merges", "rejected_lines"])
def test_a_chart_is_drawn(window: Window, table: str, keep_image: KeepImage) -> None:
    page = window.open(f"/assets/{table}")
    row = page.get_by_role("row").filter(has=page.get_by_text("chart", exact=True)).first
    image = row.locator("img")
    image.wait_for()
    wait_for("the chart is drawn", lambda: image.evaluate("image => image.naturalWidth") > 200)
    assert page.get_by_text("Show Markdown").count() == 0
    if table == "actions":
        row.scroll_into_view_if_needed()
        box = row.bounding_box()
        assert box
        below: FloatRect = {"x": 0, "y": 0, "width": 1400, "height": box["y"] + box["height"]}
        keep_image("asset-with-chart.png", page.screenshot(clip=below))


def test_a_day_is_materialized(window: Window, server: Server) -> None:
    assert NEW_DAY not in server.materialized("raw_export")
    run = launch(window.open("/assets/raw_export"), NEW_DAY, "Launch 1 run")
    finish(window, server, run)
    assert NEW_DAY in server.materialized("raw_export")


def test_the_runs_say_what_the_command_line_did(window: Window) -> None:
    page = window.open("/runs")
    for text in ("command_line", "command line"):
        page.get_by_text(text, exact=True).first.wait_for()


def test_a_missing_yesterday_is_red(window: Window) -> None:
    page = window.open("/assets/raw_export?view=checks&checkDetail=up_to_date")
    page.get_by_text("Failed", exact=True).first.wait_for()
    page.get_by_text("days_behind").first.wait_for()


def test_checks_of_the_model_are_shown(window: Window) -> None:
    page = window.open("/assets/log_days?view=checks&checkDetail=every_line_counted_once")
    page.get_by_text("every_line_counted_once", exact=True).first.wait_for()
    page.get_by_text("Passed", exact=True).first.wait_for()


def test_checks_are_run_and_shown(window: Window) -> None:
    page = window.open("/assets/import_batches?view=checks")
    page.get_by_text("nothing_unknown_for_long", exact=True).first.wait_for()
    page.get_by_role("button", name="Execute all").click()
    page.get_by_text("Passed", exact=True).first.wait_for()


GRAPHS = {
    "archive log model": ["raw_export", *(t.name for t in (*PARSED_TABLES, *MODEL_TABLES))],
    "following": ["current_day"],
    "report imports": ["project_report", "import_batches", "import_verification"],
}


def test_the_graphs_are_of_every_asset() -> None:
    shown = {asset for assets in GRAPHS.values() for asset in assets}
    assert shown == {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}


@pytest.mark.parametrize("groups", GRAPHS)
def test_the_graph_shows_every_asset(wide_window: Window, groups: str) -> None:
    groups_shown = groups.split()
    page = open_graph(wide_window, groups_shown)
    # A group alone has no box around it.
    boxes = groups_shown if len(groups_shown) > 1 else []
    places = [page.get_by_text(name, exact=True).last for name in (*boxes, *GRAPHS[groups])]
    for place in places:
        place.wait_for()
    wait_for("the graph stands still", lambda: stand_still(places))
