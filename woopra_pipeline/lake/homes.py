"""Copies log days between the data directory and the lake, in both directions."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeAlias, TypeVar

from woopra_pipeline.archive.days import Archive
from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import (
    ConfigurationError,
    DiskFullError,
    LakeUnreachableError,
    PipelineError,
)
from woopra_pipeline.lake.cleaning import remove_unnamed
from woopra_pipeline.lake.days import REQUESTS_AT_ONCE, log_days_in
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.putting import PutDay, put_day
from woopra_pipeline.lake.taking import TakenDay, take_day, take_parsed
from woopra_pipeline.parse.parsed_days import ParsedDay, parsed_log_days

DAYS_AT_ONCE = 4
HOPELESS = (ConfigurationError, DiskFullError, LakeUnreachableError)
"""Errors that would happen for every other day too."""

Done = TypeVar("Done")
OnDay: TypeAlias = Callable[[date, str | None], None]
"""Called for each day that is done, with the error if there was one."""


@dataclass(frozen=True)
class Worked(Generic[Done]):
    """The result of each log day, and the error of each that failed, in calendar order."""

    done: dict[date, Done]
    bad: dict[date, PipelineError]


def log_days_here(directory: DataDirectory) -> list[date]:
    """The log days on this disk, archived or parsed, in order."""
    return sorted({*Archive(directory.raw).log_days(), *parsed_log_days(directory.parsed)})


def put_missing_days(
    lake: Lake,
    directory: DataDirectory,
    log_days: Sequence[date],
    on_day: OnDay = lambda log_day, problem: None,
    *,
    clock: Clock = system_clock,
) -> Worked[PutDay]:
    """Put files of these days into the lake that `directory` has and the lake lacks.

    The lake must be of the same project: see `claim_lake`. If a day fails, the others go on. Then
    files that no manifest in the lake names any more are removed, when nobody can be reading them.
    Raises `LakeUnreachableError` if the lake cannot be reached or written.
    """
    worked = each_day(log_days, lambda day: put_day(lake, directory, day, clock=clock), on_day)
    remove_unnamed(lake, clock=clock)
    return worked


def restore_days(
    lake: Lake,
    directory: DataDirectory,
    log_days: Sequence[date],
    on_day: OnDay = lambda log_day, problem: None,
    *,
    replaces: bool = False,
) -> Worked[TakenDay]:
    """Bring files of these days that the lake has and `directory` lacks, and verify them.

    See `take_day`.

    If a day fails, the others go on. Raises `DiskFullError` if there is no room, and
    `LakeUnreachableError`.
    """
    return each_day(log_days, lambda day: take_day(lake, directory, day, replaces=replaces), on_day)


def bring_parsed_days(lake: Lake, directory: DataDirectory) -> Worked[ParsedDay | None]:
    """Bring the parsed days that other machines have put into the lake, for the model."""
    return each_day(
        log_days_in(lake),
        lambda log_day: take_parsed(lake, directory, log_day)[0],
        at_once=REQUESTS_AT_ONCE,
    )


def each_day(
    log_days: Sequence[date],
    work: Callable[[date], Done],
    on_day: OnDay = lambda log_day, problem: None,
    *,
    at_once: int = DAYS_AT_ONCE,
) -> Worked[Done]:
    """Call `work` for every log day, `at_once` of them at a time.

    Raises errors that all days would meet.
    """
    done: dict[date, Done] = {}
    bad: dict[date, PipelineError] = {}
    pool = ThreadPoolExecutor(at_once)
    try:
        days = {pool.submit(work, log_day): log_day for log_day in log_days}
        for future in as_completed(days):
            log_day = days[future]
            try:
                done[log_day] = future.result()
            except HOPELESS:
                raise
            except PipelineError as error:
                bad[log_day] = error
                on_day(log_day, str(error))
            else:
                on_day(log_day, None)
    finally:
        # Without waiting, so that an interruption need not wait for uploads of gigabytes.
        pool.shutdown(wait=False, cancel_futures=True)
    return Worked(dict(sorted(done.items())), dict(sorted(bad.items())))
