"""Models of a few invented lines, to be summed up."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.woopra.log_days import start_of_log_day
from woopra_pipeline_tests.model.parsed_files import put_day

Line = Mapping[str, Any] | bytes


def at(log_day: str, hour: float = 12) -> int:
    """UNIX ms of so many hours after midnight in Los Angeles."""
    return int((start_of_log_day(date.fromisoformat(log_day)).timestamp() + hour * 3600) * 1000)


def visit(pid: str, time: int, *names: str, **fields: Any) -> Line:
    """A visit line with an action of each name, all at its own time."""
    properties = fields.pop("properties", {})
    actions = [{"name": name, "time": time, "properties": properties} for name in names]
    return {"type": "visit", "pid": pid, "time": time, "visitor": {}, "actions": actions, **fields}


class Log:
    """A data directory into whose model days are put."""

    def __init__(self, folder: Path) -> None:
        self.directory = DataDirectory(folder)

    def put(self, days: Mapping[str, Sequence[Line]]) -> None:
        for log_day, lines in days.items():
            texts = [line if isinstance(line, bytes) else orjson.dumps(line) for line in lines]
            put_day(self.directory, date.fromisoformat(log_day), b"\n".join(texts))
        update_model(self.directory)

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with connect_published(self.directory) as connection:
            yield connection


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)
