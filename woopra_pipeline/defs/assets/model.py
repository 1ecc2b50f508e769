"""The model: the tables of `woopra.duckdb`, brought in line with the parsed days."""

from collections.abc import Iterator

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    BackfillPolicy,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from woopra_pipeline.defs.lineage import column_lineage
from woopra_pipeline.defs.metadata import column_schema, preview
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.errors import ModelError
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.tables import MODEL_TABLES


@multi_asset(
    specs=[
        AssetSpec(
            table.name,
            deps=[parsed.name for parsed in table.made_of],
            description=f"{table.comment}.",
            group_name="model",
            kinds={"duckdb"},
            owners=["team:data"],
            metadata={
                "dagster/column_schema": column_schema(table),
                "dagster/table_name": f"woopra.main.{table.name}",
            },
        )
        for table in MODEL_TABLES
    ],
    backfill_policy=BackfillPolicy.single_run(),
    can_subset=True,
    pool="model",
)
def model(
    context: AssetExecutionContext, data_directory: DataDirectoryResource
) -> Iterator[MaterializeResult[None]]:
    """Apply every difference between the parsed days and the model, and publish the result.

    All tables change together, whichever are selected. With a lake, the days that other machines
    have parsed are copied from there first.
    """
    from woopra_pipeline.defs.pictures import charts_of
    from woopra_pipeline.lake.homes import bring_parsed_days
    from woopra_pipeline.lake.project import claim_lake
    from woopra_pipeline.model.update import update_model
    from woopra_pipeline.parse.miscounts import find_miscounts

    directory = data_directory.directory
    if (lake := data_directory.open_lake()) is not None:
        claim_lake(lake, directory)
        for log_day, error in bring_parsed_days(lake, directory).bad.items():
            context.log.warning(f"{log_day} is as it is here: {error}")
    if wrong := find_miscounts(directory):
        raise ModelError(f"{wrong[0].error()}. The model stays as it is")
    update = update_model(
        directory,
        notify=context.log.info,
        memory_limit=data_directory.model_memory,
        typed=data_directory.typed,
    )
    context.log.info(
        f"model in line with the parsed days: {len(update.added)} added, "
        f"{len(update.replaced)} replaced, {len(update.removed)} removed, {len(update.grown)} grown"
    )
    charts = charts_of(directory, [key.to_user_string() for key in context.selected_asset_keys])
    with connect_published(directory) as connection:
        previews = {
            table.name: preview(connection, table, show_persons=data_directory.show_persons)
            for table in MODEL_TABLES
        }
    for table in MODEL_TABLES:
        if AssetKey(table.name) in context.selected_asset_keys:
            yield MaterializeResult(
                asset_key=table.name,
                metadata={
                    **({"chart": charts[table.name]} if table.name in charts else {}),
                    "dagster/row_count": update.row_counts[table.name],
                    "dagster/column_lineage": column_lineage(table),
                    "method": update.method,
                    "days_added": len(update.added),
                    "days_replaced": len(update.replaced),
                    "days_removed": len(update.removed),
                    "days_grown": len(update.grown),
                    "pids_touched": update.touched_pid_count,
                    "seconds": round(update.seconds, 1),
                    "path": MetadataValue.path(directory.published_model),
                    "preview": previews[table.name],
                },
            )
