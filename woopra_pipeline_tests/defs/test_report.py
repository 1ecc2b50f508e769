"""What Dagster shows of the model: pictures that need nothing from elsewhere, and the report."""

import re
from base64 import b64decode

from dagster import AssetKey, materialize

from woopra_pipeline.defs.assets.report import project_report
from woopra_pipeline.defs.pictures import DAYS, SERIES, chart, charts_of
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model

LARGEST = 1_000
"""From so many characters on, Dagster hides Markdown behind a link."""


def metadata(project, asset):
    return project.materializations(asset)[-1].asset_materialization.metadata


def test_tables_of_the_model_show_a_chart(project):
    project.begin_after_backfill("2026-01-01", "2026-01-03")
    for table in SERIES:
        text = metadata(project, table)["chart"].md_str
        image = re.match(r"!\[.+\]\(data:image/svg\+xml;base64,([\w+/=]+)\)", text)
        assert b64decode(image[1]).startswith(b"<svg ")
    assert "chart" not in metadata(project, "pid_aliases")
    with connect_published(project.directory) as connection:
        ((people,),) = connection.sql("select count(first_seen_at) from profiles").fetchall()
        ((visits,),) = connection.sql(
            "select visit_count from log_days order by log_day desc limit 1"
        ).fetchall()
    assert metadata(project, "profiles")["chart"].md_str.endswith(f"last {people:,}")
    assert metadata(project, "visits")["chart"].md_str.endswith(f"last {visits:,}")


def test_a_chart_of_large_numbers_is_shown_without_a_click():
    numbers = [1_000_000 + number for number in range(DAYS)]
    assert len(chart("rejected lines a log day", numbers).md_str) < LARGEST


def test_a_model_without_days_has_no_charts(project):
    update_model(project.directory)
    assert charts_of(project.directory, SERIES) == {}


def test_the_report_is_written_and_says_its_figures(project):
    project.begin_after_backfill("2026-01-01", "2026-01-02")
    done = materialize(
        [project_report],
        resources={"data_directory": DataDirectoryResource(root=str(project.directory.root))},
    )
    (event,) = done.asset_materializations_for_node("project_report")
    assert event.asset_key == AssetKey("project_report")
    shown = {name: value.value for name, value in event.metadata.items()}
    page = project.directory.root / "reports" / "project.html"
    assert shown["path"] == str(page)
    assert shown["bytes"] == page.stat().st_size
    with connect_published(project.directory) as connection:
        ((people,),) = connection.execute("select count(*) from profiles").fetchall()
    assert shown["people"] == people
    assert f"<dd>{people:,}</dd>" in page.read_text(encoding="utf-8")
