"""What Dagster shows of the model: pictures that need nothing from elsewhere, and the report."""

import re
from base64 import b64decode

from dagster import AssetKey, materialize

from woopra_pipeline.defs.assets.report import project_report
from woopra_pipeline.defs.pictures import CHART_OF, charts_of
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model

LARGEST = 25_000
"""Characters of a picture, for it is kept with every materialization."""


def metadata(project, asset):
    return project.materializations(asset)[-1].asset_materialization.metadata


def test_tables_of_the_model_show_a_chart(project):
    project.begin_after_backfill("2026-01-01", "2026-01-03")
    for table in CHART_OF:
        text = metadata(project, table)["chart"].md_str
        image = re.fullmatch(r"!\[\w+\]\(data:image/svg\+xml;base64,([\w+/=]+)\)", text)
        assert b64decode(image[1]).startswith(b"<svg ")
        assert len(text) < LARGEST
    assert "chart" not in metadata(project, "pid_aliases")
    assert metadata(project, "visits")["chart"] == metadata(project, "actions")["chart"]


def test_a_model_without_days_has_no_charts(project):
    update_model(project.directory)
    assert charts_of(project.directory, CHART_OF) == {}


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
