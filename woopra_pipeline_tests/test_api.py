"""The functions for Python, run as a script of a user's would run them."""

import subprocess
import sys

from woopra_pipeline_tests.cli.conftest import CommandLine

SCRIPT = """
from datetime import date
from pathlib import Path
import os
import woopra_pipeline as wp

day = date(2026, 1, 2)
source = Path(os.environ["WOOPRA_DATA_DIR"], "imports", "sources", "one.sql")
source.parent.mkdir(parents=True)
source.write_text("select {'email': unnest(['ada@example.com', 'bob@example.com'])} as visitor")
print(wp.import_batches(day, "one"))
print(wp.import_batches(day))
print(wp.backfill(date(2026, 1, 1), day))
with wp.connect() as connection:
    print(connection.sql("select count(*) from log_days").fetchall())
    print(connection.sql("select line_count from imports").fetchall())
try:
    wp.backfill(day, date(2999, 1, 1))
except Exception as error:
    print(type(error).__name__)
"""


def test_a_script_imports_loads_and_asks(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=CommandLine(tmp_path).environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "{'one': {'accepted': 2}}",
        "{'one': {'accepted': 2}}",
        "{}",
        "[(2,)]",
        "[(2,)]",
        "ConfigurationError",
    ]


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["dagster", "duckdb", "pyarrow", "altair"]
    script = f"import sys, woopra_pipeline; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
