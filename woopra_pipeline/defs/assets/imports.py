"""The imports: what the sources have for a day, sent once, and proof of what became of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    BackfillPolicy,
    Config,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableMetadataValue,
    TableRecord,
    TableSchema,
    asset,
)
from pydantic import Field

from woopra_pipeline.clock import system_clock
from woopra_pipeline.defs.days import AssetMetadata, work_through_days
from woopra_pipeline.defs.metadata import NOT_SHOWN, without_answer
from woopra_pipeline.defs.partitions import log_days
from woopra_pipeline.defs.resources import DataDirectoryResource, ImportsResource, WoopraResource
from woopra_pipeline.wording import count

if TYPE_CHECKING:
    from woopra_pipeline.imports.runs import ImportRun
    from woopra_pipeline.imports.verification import Verdict

READ_BY_SOURCES = ["profiles", "visits", "actions"]
LONGEST_LINE_SHOWN = 500
MOST_LINES_SHOWN = 20


NOTHING_THERE_IN_PART = AssetCheckSpec(
    "nothing_there_in_part",
    asset="import_verification",
    description="No batch is in the log in part: a request is taken whole or not at all.",
)


class ImportConfig(Config):
    """What to import. Every setting has a default."""

    sources: list[str] = Field([], description="Names of the sources; empty: all there are.")
    dry_run: bool = Field(False, description="Write the batches, but send nothing.")


@asset(
    deps=READ_BY_SOURCES,
    partitions_def=log_days,
    backfill_policy=BackfillPolicy.single_run(),
    group_name="imports",
    kinds={"sql", "api"},
    owners=["team:data"],
    pool="imports",
)
def import_batches(
    context: AssetExecutionContext,
    config: ImportConfig,
    woopra: WoopraResource,
    data_directory: DataDirectoryResource,
    imports: ImportsResource,
) -> None:
    """What the import sources have for a day, sent to Woopra; nothing is ever sent twice.

    Sources are SQL files in `imports/sources` below the data directory. Days are sent in order.
    """
    from woopra_pipeline.imports.runs import Importer
    from woopra_pipeline.imports.sources import find_sources

    directory = data_directory.directory
    names = config.sources or [source.name for source in find_sources(directory)]

    def notify(text: str) -> None:
        context.log.warning(text if data_directory.show_persons else without_answer(text))

    with ExitStack() as stack:
        client = None
        if names and not config.dry_run:
            client = stack.enter_context(woopra.client(directory, notify=context.log.warning))
        importer = Importer(directory, client, imports.settings, notify=notify)

        def work(log_day: date) -> "list[ImportRun]":
            return importer.run_all(names, log_day, dry_run=config.dry_run)

        def describe(runs: "Sequence[ImportRun]") -> tuple[str, AssetMetadata]:
            return describe_runs(runs, show_persons=data_directory.show_persons)

        work_through_days(context, work, describe)


def describe_runs(runs: "Sequence[ImportRun]", *, show_persons: bool) -> tuple[str, AssetMetadata]:
    """What a day's imports did, in a sentence, and as the metadata of the day."""
    lines = sum(run.plan.line_count for run in runs)
    batches = sum(len(run.plan.files) for run in runs)
    metadata = {
        "dagster/partition_row_count": lines,
        "batches": batches,
        "bytes": sum(run.plan.byte_count for run in runs),
        "dry_run": any(run.dry_run for run in runs),
        "sources": _table([_of_source(run) for run in runs]),
        "first_rejected": _table(
            [
                {
                    "source": run.source,
                    "reason": bad.reason if show_persons else _without_values(bad.reason),
                    "line": bad.row[:LONGEST_LINE_SHOWN] if show_persons else NOT_SHOWN,
                }
                for run in runs
                for bad in run.first_rejected
            ][:MOST_LINES_SHOWN]
        ),
    }
    sentences = [
        f"{run.source}: {_planned(run)}; "
        + ("nothing is sent in a dry run" if run.dry_run else f"of this day so far: {_states(run)}")
        for run in runs
    ]
    sentence = "; ".join(sentences) or "there are no import sources"
    return sentence, {"import_batches": metadata}


def _without_values(reason: str) -> str:
    """A reason without what a service or a source said in it, which may repeat a line."""
    return reason.partition(":")[0]


def _of_source(run: "ImportRun") -> dict[str, str | int]:
    return {
        "source": run.source,
        "shape": run.plan.shape.value,
        "rows": run.plan.row_count,
        "known before": run.plan.known_count,
        "set aside": run.plan.set_aside_count,
        "new lines": run.plan.line_count,
        "all lines of the day": _states(run),
    }


def _planned(run: "ImportRun") -> str:
    """What a source had, in words, such as `3 rows, 1 sent before, 2 new lines`."""
    plan = run.plan
    parts = [count(plan.row_count, "row")]
    if plan.known_count:
        parts.append(f"{plan.known_count:,} sent before")
    if plan.set_aside_count:
        reason = plan.first_set_aside[0].reason if plan.first_set_aside else "see import_lines"
        parts.append(f"{plan.set_aside_count:,} set aside ({reason})")
    return ", ".join([*parts, count(plan.line_count, "new line")])


def _states(run: "ImportRun") -> str:
    return ", ".join(f"{number:,} {state}" for state, number in run.lines.items()) or "none"


def _table(rows: Sequence[Mapping[str, str | int]]) -> TableMetadataValue:
    columns = [TableColumn(name) for name in (rows[0] if rows else {"none": ""})]
    records = [TableRecord({name: str(value) for name, value in row.items()}) for row in rows]
    return MetadataValue.table(records, TableSchema(columns))


@asset(
    deps=[import_batches, *READ_BY_SOURCES, "relog_audit"],
    backfill_policy=BackfillPolicy.single_run(),
    group_name="imports",
    kinds={"duckdb"},
    owners=["team:data"],
    pool="imports",
    check_specs=[NOTHING_THERE_IN_PART],
)
def import_verification(
    context: AssetExecutionContext,
    data_directory: DataDirectoryResource,
    imports: ImportsResource,
) -> Iterator[MaterializeResult[None]]:
    """What became of imports without an answer, as the log of the day shows it.

    What is found is accepted, what is absent although the day is over will be sent again.
    """
    from woopra_pipeline.imports.verification import verify_imports

    verdicts = verify_imports(
        data_directory.directory,
        settings=imports.settings,
        clock=system_clock,
        notify=context.log.info,
    )
    check = check_verdicts(verdicts, show_persons=data_directory.show_persons)
    yield MaterializeResult(
        metadata=describe_verdicts(verdicts),
        check_results=[
            AssetCheckResult(
                check_name=check.check_name,
                passed=check.passed,
                severity=check.severity,
                description=check.description,
                metadata=check.metadata,
            )
        ],
    )


def describe_verdicts(verdicts: "Sequence[Verdict]") -> Mapping[str, Any]:
    """What was found out about imports, as metadata."""
    return {
        "dagster/row_count": len(verdicts),
        **{
            finding: sum(verdict.finding == finding for verdict in verdicts)
            for finding in ("found", "absent", "partly", "waiting")
        },
        "batches": _table([_of_verdict(verdict) for verdict in verdicts]),
    }


def check_verdicts(verdicts: "Sequence[Verdict]", *, show_persons: bool) -> AssetCheckEvaluation:
    """Whether no batch is there in part."""
    in_part = [verdict for verdict in verdicts if verdict.finding == "partly"]
    return AssetCheckEvaluation(
        asset_key=NOTHING_THERE_IN_PART.asset_key,
        check_name=NOTHING_THERE_IN_PART.name,
        passed=not in_part,
        severity=AssetCheckSeverity.ERROR,
        description=" ".join(
            f"Batch {verdict.batch.batch_id}: {verdict.reason}." for verdict in in_part
        )
        or None,
        metadata={
            "missing_lines": _table(
                [
                    {
                        "batch": verdict.batch.batch_id,
                        "line": line[:LONGEST_LINE_SHOWN] if show_persons else NOT_SHOWN,
                    }
                    for verdict in in_part
                    for line in verdict.missing_lines
                ]
            )
        },
    )


def _of_verdict(verdict: "Verdict") -> dict[str, str | int]:
    return {
        "batch": verdict.batch.batch_id,
        "source": verdict.batch.source,
        "finding": verdict.finding,
        "reason": verdict.reason,
    }
