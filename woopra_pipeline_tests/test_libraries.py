"""A process that a test forks begins with the libraries, whatever other tests there are."""

import multiprocessing
import sys

LIBRARIES = {"altair", "dagster", "duckdb", "httpx", "pyarrow.parquet", "starlette.applications"}


def exit_with_the_number_missing() -> None:
    sys.exit(len(LIBRARIES - sys.modules.keys()))


def test_a_forked_process_begins_with_the_libraries():
    process = multiprocessing.get_context("forkserver").Process(target=exit_with_the_number_missing)
    process.start()
    process.join()
    assert process.exitcode == 0
