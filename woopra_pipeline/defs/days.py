"""Many log days in one step: a bad day does not stop the others.

A Dagster run costs seconds before it does anything, a log day often less; so a backfill is one
run of many days. Where all of them succeed, the step ends well and Dagster records each. Where
some fail, the step records the good ones itself, each as a materialization, and then fails naming
the bad ones.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import groupby
from typing import Any, TypeAlias, TypeVar

from dagster import AssetExecutionContext, AssetKey, AssetMaterialization, Failure

from woopra_pipeline.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    DiskFullError,
    LakeUnreachableError,
    LogDayNotFoundError,
    PipelineError,
    RateBudgetSpentError,
    ServiceUnavailableError,
)
from woopra_pipeline.woopra.log_days import log_day_from_text

Worked = TypeVar("Worked")
AssetMetadata: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What to show of one day, by the name of the asset it is shown with."""

HOPELESS = (
    ConfigurationError,
    CredentialsRejectedError,
    DiskFullError,
    LakeUnreachableError,
    RateBudgetSpentError,
)
"""Errors that every further day would meet too."""

TEMPORARY = (LakeUnreachableError, LogDayNotFoundError, ServiceUnavailableError)
"""Errors that may be gone in a while: a file can come late."""


@dataclass
class WorkedDays:
    """What came of log days: the metadata of the good ones, and why the others failed."""

    log_days: list[date]
    """All of them, in order."""
    good: dict[str, dict[date, Mapping[str, Any]]] = field(default_factory=dict)
    """What to show of each day that is done, by asset."""
    bad: dict[date, PipelineError] = field(default_factory=dict)

    def fail(self, log_day: date, error: PipelineError, assets: Iterable[str]) -> None:
        """Enter that a day turned out to be bad, so that `assets` are not made of it."""
        self.bad[log_day] = error
        for name in assets:
            self.good.get(name, {}).pop(log_day, None)

    def without_bad(self) -> list[date]:
        """The days that did not fail, in order."""
        return [log_day for log_day in self.log_days if log_day not in self.bad]


def days_of(context: AssetExecutionContext) -> WorkedDays:
    """The log days of the run, before anything is done about them."""
    return WorkedDays([log_day_from_text(key) for key in context.partition_keys])


def work_through_days(
    context: AssetExecutionContext,
    work: Callable[[date], Worked],
    describe: Callable[[Worked], tuple[str, AssetMetadata]],
    *,
    threads: int = 1,
) -> None:
    """Call `work` for every log day of the run, `threads` at a time, and record what came of it.

    See `work_through` and `record_days`, of which the second raises `Failure` if days failed.
    """
    days = days_of(context)
    work_through(context, days, work, describe, threads=threads)
    record_days(context, days)


def work_through(
    context: AssetExecutionContext,
    days: WorkedDays,
    work: Callable[[date], Worked],
    describe: Callable[[Worked], tuple[str, AssetMetadata]],
    *,
    threads: int = 1,
) -> None:
    """Call `work` for the log days that have not failed, `threads` at a time; enter the outcome.

    One at a time, they are worked through in order. `describe` turns a day's result into one
    sentence for the log and the metadata of the day, by asset. Each day logs exactly one line at
    level INFO or, if it failed, ERROR. All days are tried; only an error that all days would meet
    ends it early.
    """
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    log_days = days.without_bad()
    done: set[date] = set()
    with _results(work, log_days, threads) as results:
        for log_day, result in results:
            try:
                sentence, metadata = describe(result())
            except HOPELESS as error:
                days.bad.update(dict.fromkeys(set(log_days) - done - days.bad.keys(), error))
                context.log.error(str(error))
                break
            except PipelineError as error:
                days.bad[log_day] = error
                context.log.error(f"{log_day}: {error}")
            else:
                done.add(log_day)
                for name in metadata.keys() & selected:
                    days.good.setdefault(name, {})[log_day] = metadata[name]
                context.log.info(f"{log_day}: {sentence}")


def record_days(context: AssetExecutionContext, days: WorkedDays) -> None:
    """Have Dagster show the good days as made, each with its metadata.

    If there are bad ones, raises `Failure`, with a sentence for each of them in its metadata: the
    step then has recorded the good ones itself, and Dagster shows the bad ones alone as failed.
    """
    if days.bad:
        for name, of_days in days.good.items():
            for log_day, metadata in of_days.items():
                context.log_event(
                    AssetMaterialization(AssetKey(name), metadata=metadata, partition=str(log_day))
                )
        raise _failure(days.log_days, days.bad)
    for name, of_days in days.good.items():
        for log_day, metadata in of_days.items():
            context.add_asset_metadata(metadata, name, partition_key=log_day.isoformat())


def blocks(log_days: Iterable[date]) -> Iterator[list[date]]:
    """The stretches of days without a gap, in order: what one run can take."""
    in_order = enumerate(sorted(log_days))
    for _, block in groupby(in_order, lambda entry: entry[1].toordinal() - entry[0]):
        yield [log_day for _, log_day in block]


@contextmanager
def _results(
    work: Callable[[date], Worked], log_days: Sequence[date], threads: int
) -> Iterator[Iterator[tuple[date, Callable[[], Worked]]]]:
    """Each day, as it is done, with what gives its result or raises its error."""
    if threads == 1:
        yield ((log_day, partial(work, log_day)) for log_day in log_days)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        days: dict[Future[Worked], date] = {pool.submit(work, day): day for day in log_days}
        yield ((days[future], future.result) for future in as_completed(days))
    finally:
        # Without waiting, so that an interruption is not held up by a download of gigabytes.
        pool.shutdown(wait=False, cancel_futures=True)


def _failure(log_days: Sequence[date], bad: Mapping[date, PipelineError]) -> Failure:
    first, error = min(bad.items(), key=lambda day: day[0])
    count = f"{len(bad)} of {len(log_days)} log days" if len(log_days) > 1 else "The log day"
    others = " The others are done." if len(bad) < len(log_days) else ""
    return Failure(
        f"{count} failed: {', '.join(map(str, sorted(bad)))}. {first}: {error}.{others}",
        metadata={str(log_day): str(error) for log_day, error in sorted(bad.items())},
        allow_retries=len(log_days) == 1 and isinstance(error, TEMPORARY),
    )
