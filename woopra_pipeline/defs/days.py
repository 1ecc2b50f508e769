"""Many log days in one step: all are worked through, and a bad one costs no other.

A Dagster run costs seconds before it does anything, a log day often less; so a backfill is one
run of many days. Where all of them succeed, the step ends well and Dagster records each. Where
some fail, the step records the good ones itself, each as a materialization, and then fails naming
the bad ones.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
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


def work_through_days(
    context: AssetExecutionContext,
    work: Callable[[date], Worked],
    describe: Callable[[Worked], tuple[str, AssetMetadata]],
    *,
    record_failure: Callable[[], None] = lambda: None,
    threads: int = 1,
) -> None:
    """Call `work` for every log day of the run, `threads` at a time, and record what came of it.

    One at a time, they are worked through in order. `describe` turns a day's result into one
    sentence for the log and the metadata of the day's materializations; `record_failure` is called
    if there are bad days, before the step fails. Each day logs exactly one
    line at level INFO or, if it failed, ERROR. Raises `Failure`, with a sentence for each bad day
    in its metadata, after all days were tried; only an error that all days would meet ends it
    early.
    """
    log_days = [log_day_from_text(key) for key in context.partition_keys]
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    good: dict[date, AssetMetadata] = {}
    bad: dict[date, PipelineError] = {}
    with _results(work, log_days, threads) as results:
        for log_day, result in results:
            try:
                sentence, metadata = describe(result())
            except HOPELESS as error:
                bad.update(dict.fromkeys(set(log_days) - good.keys() - bad.keys(), error))
                context.log.error(str(error))
                break
            except PipelineError as error:
                bad[log_day] = error
                context.log.error(f"{log_day}: {error}")
            else:
                good[log_day] = {name: metadata[name] for name in selected}
                context.log.info(f"{log_day}: {sentence}")
    if bad:
        _record(context, good)
        record_failure()
        raise _failure(log_days, bad)
    for log_day, of_assets in good.items():
        for name, metadata in of_assets.items():
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


def _record(context: AssetExecutionContext, days: Mapping[date, AssetMetadata]) -> None:
    for log_day, of_assets in days.items():
        for name, metadata in of_assets.items():
            context.log_event(
                AssetMaterialization(AssetKey(name), metadata=metadata, partition=str(log_day))
            )


def _failure(log_days: Sequence[date], bad: Mapping[date, PipelineError]) -> Failure:
    first, error = min(bad.items(), key=lambda day: day[0])
    count = f"{len(bad)} of {len(log_days)} log days" if len(log_days) > 1 else "The log day"
    others = " The others are done." if len(bad) < len(log_days) else ""
    return Failure(
        f"{count} failed: {', '.join(map(str, sorted(bad)))}. {first}: {error}.{others}",
        metadata={str(log_day): str(error) for log_day, error in sorted(bad.items())},
        allow_retries=len(log_days) == 1 and isinstance(error, TEMPORARY),
    )
