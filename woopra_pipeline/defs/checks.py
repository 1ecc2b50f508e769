"""The checks of what was parsed and of the model, each with what it found wrong."""

from collections.abc import Iterator
from datetime import date

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    multi_asset_check,
)

from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.days import WorkedDays
from woopra_pipeline.defs.freshness import UP_TO_DATE, evaluate
from woopra_pipeline.defs.metadata import rows_as_table
from woopra_pipeline.defs.partitions import log_days
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.model.checks import MODEL_CHECKS, Finding, run_check
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.tables import LOG_DAYS, PARSED_TABLES
from woopra_pipeline.wording import spans

LOG_DAY = "log_day"

EVERY_LINE_ACCOUNTED = AssetCheckSpec(
    "every_line_accounted",
    asset="visits_log",
    description="The day has as many parsed lines as were counted when its file was fetched (R8).",
    partitions_def=log_days,
)


def account_for_lines(directory: DataDirectory, days: WorkedDays) -> Iterator[AssetCheckEvaluation]:
    """Evaluate the check for each day. It fails for a bad day. Enter the days that it finds bad.

    For a day without an evaluation, Dagster would show that the check did not run.
    """
    from woopra_pipeline.archive import Archive
    from woopra_pipeline.parse.miscounts import miscount_of
    from woopra_pipeline.parse.parsed_days import find_parsed_day

    archive = Archive(directory.raw)
    for log_day, error in days.bad.items():
        yield AssetCheckEvaluation(
            asset_key=EVERY_LINE_ACCOUNTED.asset_key,
            check_name=EVERY_LINE_ACCOUNTED.name,
            partition=log_day.isoformat(),
            passed=False,
            severity=AssetCheckSeverity.ERROR,
            description=str(error),
        )
    for log_day in days.without_bad():
        archived = archive.find(log_day)
        parsed = find_parsed_day(directory.parsed, log_day)
        assert parsed is not None
        wrong = miscount_of(archived, parsed) if archived is not None else None
        yield AssetCheckEvaluation(
            asset_key=EVERY_LINE_ACCOUNTED.asset_key,
            check_name=EVERY_LINE_ACCOUNTED.name,
            partition=log_day.isoformat(),
            passed=wrong is None,
            severity=AssetCheckSeverity.ERROR,
            metadata={
                "lines": parsed.line_count,
                "parsed_lines": parsed.line_count if wrong is None else wrong.parsed_count,
            },
        )
        if wrong is not None:
            days.fail(log_day, wrong.error(), [t.name for t in PARSED_TABLES])


@multi_asset_check(
    name="model_checks",
    specs=[
        AssetCheckSpec(
            check.name,
            asset=check.table.name,
            description=check.description,
            blocking=check.must_hold,
        )
        for check in MODEL_CHECKS
    ]
    + [UP_TO_DATE[LOG_DAYS.name]],
    can_subset=True,
)
def model_checks(
    context: AssetCheckExecutionContext, data_directory: DataDirectoryResource
) -> Iterator[AssetCheckResult]:
    """Ask the published model what must hold of it, and what should."""
    selected = {key.name for key in context.selected_asset_check_keys}
    with connect_published(
        data_directory.directory, memory_limit=data_directory.model_memory
    ) as connection:
        for check in MODEL_CHECKS:
            if check.name in selected:
                finding = run_check(connection, check, system_clock())
                yield _result(check.name, check.table.name, finding)
    if UP_TO_DATE[LOG_DAYS.name].key in context.selected_asset_check_keys:
        fresh = evaluate(data_directory.directory, LOG_DAYS.name)
        if fresh is not None:
            yield AssetCheckResult(
                passed=fresh.passed,
                asset_key=fresh.asset_key,
                check_name=fresh.check_name,
                severity=fresh.severity,
                description=fresh.description,
                metadata=fresh.metadata,
            )


def _result(name: str, asset: str, finding: Finding | None) -> AssetCheckResult:
    if finding is None:
        return AssetCheckResult(passed=True, check_name=name, asset_key=asset)
    return AssetCheckResult(
        passed=False,
        check_name=name,
        asset_key=asset,
        severity=AssetCheckSeverity.ERROR if finding.is_serious else AssetCheckSeverity.WARN,
        description=_days_in_words(finding),
        metadata={
            "found": finding.count,
            "examples": rows_as_table(finding.columns, finding.examples),
        },
    )


def _days_in_words(finding: Finding) -> str | None:
    """The log days of what was found; None if it is of no day."""
    if LOG_DAY not in finding.columns:
        return None
    place = finding.columns.index(LOG_DAY)
    days = {day for example in finding.examples if isinstance(day := example[place], date)}
    if not days:
        return None
    more = ", and more" if finding.count > len(finding.examples) else ""
    return f"{'Log day' if len(days) == 1 else 'Log days'} {spans(days)}{more}."
