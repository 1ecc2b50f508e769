"""The assets with a lake: what is in it is neither fetched nor parsed again."""

import os
import subprocess
import sys
from datetime import date

import pytest
from dagster import Definitions, in_process_executor

from woopra_pipeline.archive import Archive
from woopra_pipeline.defs.assets.day_files import make_day_files
from woopra_pipeline.defs.assets.export import RAW_EXPORT
from woopra_pipeline.defs.assets.lake import LAKE_DAYS
from woopra_pipeline.defs.assets.model import model
from woopra_pipeline.defs.assets.parsed import LOG_TABLES
from woopra_pipeline.defs.in_process import execute
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.defs.jobs import command_line
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.files import remove
from woopra_pipeline.lake.days import find_archived, find_parsed, log_days_in
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline.model.database import connect_published
from woopra_pipeline_tests.defs.conftest import Project

DAY, NEXT = date(2026, 1, 5), date(2026, 1, 6)


class Machine:
    """A data directory beside a lake that others share."""

    def __init__(self, project: Project, lake: str) -> None:
        self.project, self.location = project, lake
        self.lake = open_lake(lake)
        self.directory = project.directory
        self.said: list[str] = []

    def run(self, assets, log_days, **config):
        definitions = Definitions(
            assets=[make_day_files(with_lake=True), model],
            jobs=[command_line],
            resources={
                "woopra": self.project.woopra,
                "data_directory": DataDirectoryResource(
                    root=str(self.directory.root), lake=self.location
                ),
            },
            executor=in_process_executor,
        )
        with open_instance(self.directory) as instance:
            return execute(
                definitions,
                instance,
                self.directory,
                [asset.key for asset in assets],
                log_days,
                config=config,
                listen=lambda entry: self.said.append(entry.user_message),
            )

    def log_days(self):
        with connect_published(self.directory) as connection:
            rows = connection.execute("select log_day from log_days order by all").fetchall()
        return [log_day for (log_day,) in rows]


@pytest.fixture
def machine(project, tmp_path):
    return Machine(project, str(tmp_path / "lake"))


@pytest.fixture
def other(tmp_path, tmp_path_factory):
    return Machine(Project(tmp_path / "other", tmp_path_factory), str(tmp_path / "lake"))


def test_what_one_machine_made_another_neither_fetches_nor_parses(machine, other):
    assert machine.run([RAW_EXPORT, *LOG_TABLES], [DAY, NEXT]) is None
    assert log_days_in(machine.lake) == [DAY, NEXT]
    for log_day in (DAY, NEXT):
        assert find_archived(machine.lake, log_day)[0] is not None
        assert find_parsed(machine.lake, log_day)[0] is not None

    assert other.run([RAW_EXPORT, *LOG_TABLES], [DAY, NEXT]) is None
    assert f"{DAY}: from the lake" in " ".join(other.said)
    mine, theirs = (Archive(each.directory.raw).get(DAY) for each in (machine, other))
    assert mine.fetched_at == theirs.fetched_at
    folders = [path.name for path in (other.directory.parsed / str(DAY)).iterdir()]
    assert find_parsed(other.lake, DAY)[0].folder.name in folders


def test_a_day_in_the_lake_is_fetched_all_the_same_if_that_is_asked_for(machine, other):
    assert machine.run([RAW_EXPORT], [DAY]) is None
    config = {"day_files": {"even_if_in_lake": True}}
    assert other.run([RAW_EXPORT], [DAY], **config) is None
    assert f"{DAY}: unchanged" in " ".join(other.said)


def test_scratch_space_is_enough(machine):
    """A disk that is emptied between the steps of a day."""
    assert machine.run([RAW_EXPORT], [DAY]) is None
    remove(machine.directory.raw)
    assert machine.run(LOG_TABLES, [DAY]) is None
    remove(machine.directory.raw)
    remove(machine.directory.parsed)
    assert machine.run(LOG_TABLES, [DAY]) is None
    assert not Archive(machine.directory.raw).log_days()
    remove(machine.directory.parsed)
    assert machine.run([LAKE_DAYS], [DAY]) is None
    assert machine.run([*model.specs], []) is None
    assert machine.log_days() == [DAY]


def test_the_model_has_the_days_of_all_machines(machine, other):
    assert machine.run([RAW_EXPORT, *LOG_TABLES], [DAY]) is None
    assert other.run([RAW_EXPORT, *LOG_TABLES], [NEXT]) is None
    assert machine.run([*model.specs], []) is None
    assert machine.log_days() == [DAY, NEXT]


def test_the_asset_puts_there_what_was_made_before_there_was_a_lake(machine):
    assert machine.project.backfill(str(DAY), str(NEXT)) == {}
    assert log_days_in(machine.lake) == []
    assert machine.run([LAKE_DAYS], [DAY, NEXT]) is None
    assert log_days_in(machine.lake) == [DAY, NEXT]
    records = machine.project.materializations("lake_days")
    assert [record.partition_key for record in records] == [str(DAY), str(NEXT)]
    metadata = records[0].asset_materialization.metadata
    assert metadata["uploaded_bytes"].value > metadata["compressed_bytes"].value > 0


def test_a_day_that_is_nowhere_is_said(machine):
    assert machine.run([RAW_EXPORT, *LOG_TABLES], [DAY]) is None
    bad = machine.run([LAKE_DAYS], [DAY, NEXT])
    assert list(bad) == [str(NEXT)]
    assert f"`woopra-pipeline backfill {NEXT} {NEXT}` makes it" in bad[str(NEXT)]


def test_a_damaged_parsed_day_in_the_lake_is_parsed_here_and_replaced_there(machine, other):
    assert machine.run([RAW_EXPORT, *LOG_TABLES], [DAY]) is None
    parsed, _ = find_parsed(machine.lake, DAY)
    name = str(parsed.folder / "visits_log-00000.parquet")
    machine.lake.write(name, bytes(machine.lake.size(name)))
    assert other.run([RAW_EXPORT, *LOG_TABLES], [DAY]) is None
    remove(machine.directory.parsed)
    assert machine.run([*model.specs], []) is None
    assert machine.log_days() == [DAY]


def test_a_lake_of_another_project_is_refused(machine):
    machine.lake.write("raw/project", b"other.example\n")
    with pytest.raises(Exception, match=r"holds the log of other\.example"):
        machine.run([RAW_EXPORT], [DAY])


def test_a_lake_that_cannot_be_written_fails_the_day_which_is_on_the_disk(machine):
    assert machine.run([RAW_EXPORT], [DAY]) is None
    folder = machine.lake.folder / "raw" / str(NEXT)
    folder.write_bytes(b"a file in the place of a folder")
    bad = machine.run([RAW_EXPORT], [NEXT])
    assert "cannot be written" in bad[str(NEXT)]
    assert Archive(machine.directory.raw).log_days() == [DAY, NEXT]


@pytest.mark.parametrize("lake", ["", "lake"], ids=["without a lake", "with a lake"])
def test_the_asset_is_there_and_in_the_nightly_job_only_with_a_lake(tmp_path, lake):
    keys = (
        "from woopra_pipeline.definitions import definitions as d;"
        "job = d.resolve_job_def('daily_log_day').asset_layer.selected_asset_keys;"
        "every = d.resolve_all_asset_keys();"
        "print([any('lake_days' in key.path for key in keys) for keys in (every, job)])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", keys],
        env={
            **os.environ,
            "WOOPRA_DATA_DIR": str(tmp_path),
            "WOOPRA_LAKE": lake and str(tmp_path / lake),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([bool(lake)] * 2)


def test_nothing_depends_on_the_lake():
    assert LAKE_DAYS.key not in model.dependency_keys
    for asset in (RAW_EXPORT, *LOG_TABLES):
        assert LAKE_DAYS.key not in [dep.asset_key for dep in asset.deps]
