"""The report: the project on one page."""

from dagster import AssetExecutionContext, BackfillPolicy, MaterializeResult, MetadataValue, asset

from woopra_pipeline.defs.metadata import DECIMALS
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.tables import MODEL_TABLES


@asset(
    deps=[table.name for table in MODEL_TABLES],
    backfill_policy=BackfillPolicy.single_run(),
    group_name="report",
    kinds={"html"},
    owners=["team:data"],
    pool="report",
)
def project_report(
    context: AssetExecutionContext, data_directory: DataDirectoryResource
) -> MaterializeResult[None]:
    """The project on one page, for readers without SQL: `reports/project.html`.

    People by day, week and month, visits and actions, where they come from, who comes back, the
    merges, and how good the data is. It is one file that loads nothing, so it can be mailed or put
    anywhere.
    """
    from woopra_pipeline.report.page import write_report

    report = write_report(data_directory.directory, show_persons=data_directory.show_persons)
    context.log.info(f"Open {report.path} in a browser")
    return MaterializeResult(
        metadata={
            "path": MetadataValue.path(report.path),
            "bytes": report.path.stat().st_size,
            **{
                name: round(value, DECIMALS) if isinstance(value, float) else value
                for name, value in report.headline.items()
            },
        }
    )
