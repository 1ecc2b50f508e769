"""The checks of what was parsed and of the model, each with what it found wrong."""

from collections.abc import Iterator

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    asset_check,
    multi_asset_check,
)

from woopra_pipeline.clock import system_clock
from woopra_pipeline.defs.metadata import rows_as_table
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.model.checks import MODEL_CHECKS, MOST_EXAMPLES, Finding, run_check
from woopra_pipeline.model.database import connect_published


@asset_check(asset="visits_log", blocking=True)
def every_line_accounted(data_directory: DataDirectoryResource) -> AssetCheckResult:
    """As many lines were parsed of every day as were counted while its file came in (R8)."""
    from woopra_pipeline.parse.miscounts import find_miscounts

    wrong = find_miscounts(data_directory.directory)
    return AssetCheckResult(
        passed=not wrong,
        severity=AssetCheckSeverity.ERROR,
        metadata={
            "found": len(wrong),
            "examples": rows_as_table(
                ("log_day", "line_count", "parsed_count"),
                [(day.log_day, day.line_count, day.parsed_count) for day in wrong[:MOST_EXAMPLES]],
            ),
        },
    )


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
    ],
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


def _result(name: str, asset: str, finding: Finding | None) -> AssetCheckResult:
    if finding is None:
        return AssetCheckResult(passed=True, check_name=name, asset_key=asset)
    return AssetCheckResult(
        passed=False,
        check_name=name,
        asset_key=asset,
        severity=AssetCheckSeverity.ERROR if finding.is_serious else AssetCheckSeverity.WARN,
        metadata={
            "found": finding.count,
            "examples": rows_as_table(finding.columns, finding.examples),
        },
    )
