"""Worker processes end with what they were started for, and say why when they fail."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from woopra_pipeline.errors import ParsedDayError
from woopra_pipeline.parse.parts import Part
from woopra_pipeline.parse.workers import Job, Workers, write_parts

LINE = b'{"type":"visit","pid":"a"}\n'


def job(folder: Path, number: int) -> Job:
    return Part(date(2026, 3, 5), number, number + 1, str(folder)), LINE


def running_workers() -> list[int]:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    return [int(child) for child in children.split()]


def test_parts_come_back_in_their_order_and_no_worker_stays(tmp_path: Path) -> None:
    before = running_workers()
    jobs = (job(tmp_path, number) for number in range(20))
    with Workers() as workers:
        written = write_parts(jobs, processes=3, workers=workers)
    assert [part.line_count for part in written] == [1] * 20
    assert [f"visits_log-{number:05}.parquet" for number in range(20)] == [
        next(name for name in part.files if name.startswith("visits_log")) for part in written
    ]
    assert running_workers() == before


def test_files_that_cannot_be_written_are_an_os_error(tmp_path: Path) -> None:
    jobs = [job(tmp_path / "missing", number) for number in range(10)]
    with pytest.raises(OSError, match="missing"), Workers() as workers:
        write_parts(jobs, processes=2, workers=workers)


def test_a_worker_that_dies_is_reported(tmp_path: Path) -> None:
    before = running_workers()

    def jobs() -> Iterator[Job]:
        for worker in set(running_workers()) - set(before):
            os.kill(worker, signal.SIGKILL)
        for number in range(1000):
            yield job(tmp_path, number)

    match = r"status -9.*parse the day again"
    with pytest.raises(ParsedDayError, match=match), Workers() as workers:
        write_parts(jobs(), processes=2, workers=workers)
    assert running_workers() == before


def test_an_error_while_jobs_are_read_ends_the_workers(tmp_path: Path) -> None:
    before = running_workers()

    def jobs() -> Iterator[Job]:
        yield job(tmp_path, 0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Workers() as workers:
        write_parts(jobs(), processes=2, workers=workers)
    assert running_workers() == before


def test_workers_are_lent_again(tmp_path: Path) -> None:
    with Workers() as workers:
        for number in range(3):
            write_parts([job(tmp_path, number)], processes=2, workers=workers)
            with workers.borrowed() as worker:
                assert worker.write(*job(tmp_path, number)).line_count == 1
        assert len(workers._idle) == 1


def test_a_worker_ends_when_its_parent_is_gone() -> None:
    program = "from woopra_pipeline.parse.workers import serve; serve()"
    worker = subprocess.run([sys.executable, "-c", program], input=b"", timeout=60, check=False)
    assert worker.returncode == 0


def test_workers_import_the_parser_only() -> None:
    program = (
        "import sys, woopra_pipeline.parse.workers; "
        "print([name for name in ('dagster', 'duckdb', 'httpx') if name in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=True
    )
    assert printed.stdout == b"[]\n"
