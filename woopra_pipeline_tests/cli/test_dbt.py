"""The dbt project of the docs, built by dbt itself: `make test-dbt` installs it and runs this."""

import os
import shutil
import subprocess
from datetime import date
from pathlib import Path

import duckdb
import orjson
import pytest

from woopra_pipeline.data_directory import DataDirectory, checkout
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.model.parsed_files import put_day

DBT = checkout() / ".venv" / "dbt" / "bin" / "dbt"
EXAMPLE = checkout() / "docs" / "examples" / "dbt"
NOON = 1_767_297_600_000
"""Of 1 January 2026, a Thursday, in Los Angeles."""


def payment(pid: str, day: int, amount: int) -> bytes:
    time = NOON + day * 86_400_000
    action = {"name": "payment", "time": time, "properties": {"amount": amount}}
    person = {"email": f"{pid}@example.com"}
    return orjson.dumps(
        {"type": "visit", "pid": pid, "time": time, "visitor": person, "actions": [action]}
    )


@pytest.mark.skipif(not DBT.exists(), reason="`make test-dbt` installs dbt")
def test_the_example_builds_and_its_tests_pass(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    lines = [payment("a", 0, 10), payment("b", 1, 20), payment("a", 5, 5)]
    put_day(directory, date(2026, 1, 1), lines[0])
    put_day(directory, date(2026, 1, 8), b"\n".join(lines[1:]))
    update_model(directory)
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)
    done = subprocess.run(
        [DBT, "build", "--profiles-dir", "."],
        cwd=project,
        env={**os.environ, "WOOPRA_DATA_DIR": str(directory.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "PASS=6 WARN=0 ERROR=0" in done.stdout
    with duckdb.connect(str(directory.root / "mine.duckdb"), read_only=True) as connection:
        people = connection.sql("select * from paying_people order by pid").fetchall()
        weeks = connection.sql("select period, people, actions from weekly_payments").fetchall()
    assert people == [("a", "a@example.com", 2, 15.0), ("b", "b@example.com", 1, 20.0)]
    assert weeks == [(date(2025, 12, 29), 2, 2), (date(2026, 1, 5), 1, 1)]
