"""What Dagster shows of the tables, and keeps, tells nothing of a person."""

from datetime import date

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.metadata import preview, without_answer
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.tables import MODEL_TABLES
from woopra_pipeline_tests.model.parsed_files import put_day

LINE = (
    b'{"type":"visit","pid":"a","time":1772500000000,"ip":"secret","city":"secret","lat":12.75,'
    b'"org":"secret","referrer":{"query":"secret","url":"secret"},"new":"secret",'
    b'"visitor":{"email":"secret","name":"secret","n":"secret"},'
    b'"actions":[{"name":"pv","time":1772500000000,"properties":{"x":"secret"},"new":"secret"}]}\n'
    b'{"type":"visit","pid":"secret"\n'
)


@pytest.fixture
def directory(tmp_path):
    directory = DataDirectory(tmp_path)
    put_day(directory, date(2026, 3, 3), LINE)
    update_model(directory)
    return directory


@pytest.mark.parametrize("show_persons", [False, True], ids=["by default", "asked for"])
def test_previews_show_persons_only_if_asked(directory, show_persons):
    with connect_published(directory) as connection:
        shown = {
            table.name: repr(preview(connection, table, show_persons=show_persons))
            for table in MODEL_TABLES
        }
    with_secrets = {name for name, text in shown.items() if "secret" in text or "12.75" in text}
    of_persons = {
        *("profiles", "profile_properties", "identifiers"),
        *("visits", "actions", "rejected_lines"),
    }
    assert with_secrets == (of_persons if show_persons else set())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("status 400: ada@example.com is bad", "status 400 …", id="reason"),
        pytest.param("(status 200, error: ada@example.com)", "(status 200 …", id="doubt"),
        pytest.param("it answered with status 503", "it answered with status 503", id="status"),
    ],
)
def test_answers_of_the_service_are_not_repeated(text, shown):
    assert without_answer(text) == shown
