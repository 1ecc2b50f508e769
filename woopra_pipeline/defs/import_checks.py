"""Checks of the imports that need no run of theirs: what the ledger says as a whole."""

from datetime import timedelta

from dagster import AssetCheckResult, AssetCheckSeverity, asset_check

from woopra_pipeline.clock import system_clock
from woopra_pipeline.defs.assets.imports import import_batches
from woopra_pipeline.defs.resources import DataDirectoryResource, ImportsResource
from woopra_pipeline.wording import count

LONGEST_UNKNOWN = timedelta(days=2)
"""Long enough for a log day to end, to be fetched and to be verified."""


@asset_check(asset=import_batches)
def nothing_unknown_for_long(data_directory: DataDirectoryResource) -> AssetCheckResult:
    """No batch has been unknown for more than two days."""
    from woopra_pipeline.imports.ledger import Ledger, State

    now = system_clock()
    with Ledger(data_directory.directory, system_clock) as ledger:
        ledger.recover()
        old = [
            batch
            for batch in ledger.batches(None, State.UNKNOWN)
            if batch.sent_at is not None and now - batch.sent_at > LONGEST_UNKNOWN
        ]
    return AssetCheckResult(
        passed=not old,
        severity=AssetCheckSeverity.ERROR,
        description="Materialize import_verification, and settle by hand what is unknown after it."
        if old
        else None,
        metadata={
            "batches": len(old),
            "lines": sum(batch.line_count for batch in old),
            "numbers": ", ".join(str(batch.batch_id) for batch in old[:100]),
        },
    )


@asset_check(asset=import_batches)
def few_imported_lines_rejected(
    data_directory: DataDirectoryResource, imports: ImportsResource
) -> AssetCheckResult:
    """No source has more than a small share of rejected lines on its last day."""
    from woopra_pipeline.imports.ledger import Ledger, State

    shares: dict[str, float] = {}
    too_many = []
    with Ledger(data_directory.directory, system_clock) as ledger:
        for source, log_day in ledger.last_days().items():
            lines = ledger.line_counts(source, log_day)
            bad = lines.get(State.REJECTED, 0) + lines.get("set aside", 0)
            total = sum(lines.values())
            shares[source] = round(bad / max(total, 1), 4)
            if shares[source] > imports.largest_rejected_share:
                too_many.append(f"{source}: {bad:,} of {count(total, 'line')} of {log_day}")
    return AssetCheckResult(
        passed=not too_many,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(too_many) + '. Look at them with `woopra-pipeline query "select '
        "source, log_day, reason, count(*) from import_lines where state = 'rejected' group by "
        'all"`'
        if too_many
        else None,
        metadata=shares,
    )
