"""A project of its own for each test: a data directory, and the assets on the sandbox.

To make a Dagster instance takes longer than most runs in it, and many tests begin where a backfill
has ended. Both are made once, and tests get copies.
"""

import shutil
from datetime import date
from pathlib import Path

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetRecordsFilter,
    Definitions,
    EventLogRecord,
    in_process_executor,
)

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.assets.day_files import day_files
from woopra_pipeline.defs.assets.model import model
from woopra_pipeline.defs.assets.report import project_report
from woopra_pipeline.defs.backfill import Backfill, Progress
from woopra_pipeline.defs.catch_up import catch_up
from woopra_pipeline.defs.checks import model_checks
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.defs.jobs import command_line, daily_log_day
from woopra_pipeline.defs.resources import DataDirectoryResource, WoopraResource
from woopra_pipeline_tests import dagster_storage  # noqa: F401
from woopra_pipeline_tests.shared_folders import shared_folder


class Project:
    """A data directory and what can be done with it."""

    def __init__(self, folder: Path, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self.directory = DataDirectory(folder)
        instance = shared_folder(factory, "dagster-instance", make_instance)
        shutil.copytree(instance, self.directory.root, dirs_exist_ok=True)
        self.woopra = WoopraResource()
        self.happened: list[Progress] = []
        self._definitions: tuple[WoopraResource, Definitions] | None = None

    @property
    def data_directory(self) -> DataDirectoryResource:
        return DataDirectoryResource(root=str(self.directory.root))

    @property
    def definitions(self) -> Definitions:
        """The same as long as the service is the same, for Dagster takes its time to read them."""
        if self._definitions is None or self._definitions[0] is not self.woopra:
            self._definitions = self.woopra, self._make_definitions()
        return self._definitions[1]

    def _make_definitions(self) -> Definitions:
        return Definitions(
            assets=[day_files, model, project_report],
            asset_checks=[model_checks],
            jobs=[daily_log_day, command_line],
            sensors=[catch_up],
            resources={
                "woopra": self.woopra,
                "data_directory": self.data_directory,
            },
            executor=in_process_executor,
        )

    def backfill(self, first: str, last: str, *, accept_shorter: bool = False) -> dict[date, str]:
        with open_instance(self.directory) as instance:
            backfill = Backfill(
                self.definitions,
                instance,
                self.directory,
                self.happened.append,
                accept_shorter=accept_shorter,
            )
            return backfill.run(date.fromisoformat(first), date.fromisoformat(last))

    def begin_after_backfill(self, first: str, last: str) -> None:
        """Be as a backfill leaves a new project; what it recorded names another folder."""

        def make(folder: Path) -> None:
            assert Project(folder, self._factory).backfill(first, last) == {}

        made = shared_folder(self._factory, f"backfill-{first}-{last}", make)
        shutil.rmtree(self.directory.root)
        shutil.copytree(made, self.directory.root)

    def runs(self) -> list[str]:
        with open_instance(self.directory) as instance:
            return [run.status.value for run in reversed(instance.get_runs())]

    def materializations(self, asset: str) -> list[EventLogRecord]:
        """Those of an asset, in order."""
        with open_instance(self.directory) as instance:
            key = AssetRecordsFilter(AssetKey(asset))
            return list(reversed(instance.fetch_materializations(key, limit=1000).records))

    def failed_partitions(self, asset: str) -> set[str]:
        """Those that a run was to make, and did not: Dagster shows them as failed."""
        with open_instance(self.directory) as instance:
            storage = instance.event_log_storage
            return set(
                storage.get_latest_asset_partition_materialization_attempts_without_materializations(
                    AssetKey(asset)
                )
            )

    def checks_by_day(self, name: str) -> dict[str | None, AssetCheckEvaluation]:
        """The latest evaluation of a check for each day."""
        with open_instance(self.directory) as instance:
            [key] = [
                key
                for key in self.definitions.resolve_asset_graph().asset_check_keys
                if key.name == name
            ]
            history = instance.event_log_storage.get_asset_check_execution_history(key, 100)
        return {
            record.evaluation.partition: record.evaluation
            for record in reversed(history)
            if record.evaluation is not None
        }

    def partitions(self, asset: str) -> list[str | None]:
        return [record.partition_key for record in self.materializations(asset)]


def make_instance(folder: Path) -> None:
    with open_instance(DataDirectory(folder)):
        pass


@pytest.fixture
def project(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path, tmp_path_factory)
