"""A data directory, an import server, and what imports from the one into the other."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.ledger import Ledger
from woopra_pipeline.imports.publication import connect_with_imports
from woopra_pipeline.imports.runs import Importer, ImportRun
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import sources_folder
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.settings import WoopraSettings
from woopra_pipeline_tests.conftest import FrozenTime, settings_for
from woopra_pipeline_tests.imports.import_server import ImportServer

DAY = date(2026, 3, 5)
NEXT_DAY = date(2026, 3, 6)
NOON = int(datetime(2026, 3, 5, 20, tzinfo=UTC).timestamp()) * 1000
"""Noon of DAY in Los Angeles, in UNIX ms."""


@pytest.fixture
def import_server() -> Iterator[ImportServer]:
    with ImportServer() as running:
        yield running


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "data")


def write_source(directory: DataDirectory, name: str, sql: str) -> None:
    sources_folder(directory).mkdir(parents=True, exist_ok=True)
    (sources_folder(directory) / f"{name}.sql").write_text(sql, encoding="utf-8")


class Imports:
    """Imports into the server, in a time that passes only by waiting."""

    def __init__(
        self,
        directory: DataDirectory,
        server: ImportServer,
        time: FrozenTime,
        clients: ExitStack,
    ) -> None:
        self.directory = directory
        self.server = server
        self.time = time
        self._open = clients
        self._clients: dict[WoopraSettings, WoopraClient] = {}

    def importer(self, client: dict[str, Any] | None = None, **settings: Any) -> Importer:
        return Importer(
            self.directory,
            self._client(settings_for(**{"base_url": self.server.base_url, **(client or {})})),
            ImportSettings(**settings),
            clock=self.time.clock,
            notify=self.time.notices.append,
            sleep=self.time.sleep,
        )

    def _client(self, settings: WoopraSettings) -> WoopraClient:
        if settings not in self._clients:
            client = WoopraClient(settings, clock=self.time.clock, sleep=self.time.sleep)
            self._clients[settings] = self._open.enter_context(client)
        return self._clients[settings]

    def source(self, name: str, sql: str) -> None:
        write_source(self.directory, name, sql)

    def run(
        self, name: str, log_day: date = DAY, *, dry_run: bool = False, **settings: Any
    ) -> ImportRun:
        return self.importer(**settings).run(name, log_day, dry_run=dry_run)

    def states(self) -> dict[str, int]:
        """Lines by state in the ledger."""
        with Ledger(self.directory, self.time.clock) as ledger:
            return ledger.line_counts()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What users see."""
        with connect_with_imports(self.directory) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def imports(
    directory: DataDirectory, import_server: ImportServer, frozen_time: FrozenTime
) -> Iterator[Imports]:
    with ExitStack() as clients:
        yield Imports(directory, import_server, frozen_time, clients)
