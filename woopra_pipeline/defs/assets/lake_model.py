"""The tables of the lake: computed by the engine that is set, from the days in the lake."""

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    BackfillPolicy,
    MaterializeResult,
    asset,
    asset_check,
)

from woopra_pipeline.defs.assets.lake import GROUP
from woopra_pipeline.defs.metadata import rows_as_table
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.lake.checking import compare_with_model
from woopra_pipeline.lake.lake_tables import TABLES
from woopra_pipeline.lake.location import LAKE_VARIABLE, Lake
from woopra_pipeline.lake.updating import update_tables
from woopra_pipeline.tables import LOG_DAYS, MODEL_TABLES


@asset(
    deps=["lake_days"],
    backfill_policy=BackfillPolicy.single_run(),
    group_name=GROUP,
    kinds={"deltalake"},
    owners=["team:data"],
    pool="lake_model",
)
def lake_model(
    context: AssetExecutionContext, data_directory: DataDirectoryResource
) -> MaterializeResult[None]:
    """Every public table of the model as a Delta table in the lake, all of one revision.

    They are computed from all days in the lake. If they are up to date, nothing is computed.
    """
    lake = _lake(data_directory)
    update = update_tables(
        lake,
        data_directory.directory,
        spark=data_directory.spark,
        typed=data_directory.typed,
        notify=context.log.info,
        memory_limit=data_directory.model_memory,
    )
    return MaterializeResult(
        metadata={
            "engine": update.publication.engine,
            "revision": update.publication.revision,
            "is_new": update.is_new,
            "days": update.day_count,
            "seconds": round(update.seconds, 1),
            "path": lake.uri(TABLES),
            "tables": rows_as_table(("table", "rows"), list(update.row_counts.items())),
        }
    )


@asset_check(asset=lake_model, additional_deps=[table.name for table in MODEL_TABLES])
def lake_equals_model(data_directory: DataDirectoryResource) -> AssetCheckResult:
    """Every table of the lake has the rows of the published model, and no others."""
    comparisons = list(
        compare_with_model(
            _lake(data_directory),
            data_directory.directory,
            memory_limit=data_directory.model_memory,
        )
    )
    are_same_days = all(each.is_equal for each in comparisons if each.table == LOG_DAYS.name)
    return AssetCheckResult(
        passed=all(comparison.is_equal for comparison in comparisons),
        # The model may have the current day, or miss one that another machine has put there.
        severity=AssetCheckSeverity.ERROR if are_same_days else AssetCheckSeverity.WARN,
        description="`woopra-pipeline lake check` shows rows that differ."
        if are_same_days
        else "The lake and the model have different log days.",
        metadata={
            "found": sum(each.only_in_lake + each.only_in_model for each in comparisons),
            "tables": rows_as_table(
                ("table", "rows in the lake", "only in the lake", "only in the model"),
                [
                    (each.table, each.lake_row_count, each.only_in_lake, each.only_in_model)
                    for each in comparisons
                ],
            ),
        },
    )


def _lake(data_directory: DataDirectoryResource) -> Lake:
    lake = data_directory.open_lake()
    if lake is None:
        raise ConfigurationError(f"{LAKE_VARIABLE} is not set: say where the lake is")
    return lake
