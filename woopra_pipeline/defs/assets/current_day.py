"""The current log day, fetched while its file grows: optional, and off by default.

A Dagster run takes seconds to start and leaves some 700 KB behind, a step often less than a second
and nothing. So one run takes many steps, each of which goes all the way to the model.
"""

from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    Config,
    MaterializeResult,
    MetadataValue,
    asset,
)
from pydantic import Field

from woopra_pipeline.clock import system_clock
from woopra_pipeline.defs.resources import DataDirectoryResource, WoopraResource

if TYPE_CHECKING:
    from woopra_pipeline.current_day import CurrentDay

SECONDS_A_STEP = 60


class CurrentDayConfig(Config):
    """How long to follow the day. Every setting has a default."""

    minutes: int = Field(0, description="How many minutes to follow the day; 0: one step.")


@asset(group_name="following", kinds={"api", "parquet"}, owners=["team:data"])
def current_day(
    context: AssetExecutionContext,
    config: CurrentDayConfig,
    woopra: WoopraResource,
    data_directory: DataDirectoryResource,
) -> MaterializeResult[None]:
    """What is known so far about the log day that is not over. This asset is optional.

    A step asks once for the lines that were added to the file, parses them and updates the model.
    When the day is over, its ordinary fetch replaces all of that.
    """
    end = monotonic() + config.minutes * 60
    while True:
        started = monotonic()
        metadata = _step(context, woopra, data_directory)
        if started + SECONDS_A_STEP >= end:
            return MaterializeResult(metadata=metadata)
        context.log_event(AssetMaterialization(context.asset_key, metadata=metadata))
        sleep(max(0.0, started + SECONDS_A_STEP - monotonic()))


def _step(
    context: AssetExecutionContext, woopra: WoopraResource, data_directory: DataDirectoryResource
) -> dict[str, Any]:
    from woopra_pipeline.archive.project import claim_archive
    from woopra_pipeline.current_day import follow_current_day
    from woopra_pipeline.model.update import update_model
    from woopra_pipeline.privacy.register import erased_persons

    directory = data_directory.directory
    with woopra.client(directory, notify=context.log.warning) as client:
        claim_archive(directory.raw, client.settings.project)
        step = follow_current_day(
            client,
            directory.parsed,
            persons=erased_persons(directory),
            clock=system_clock,
            notify=context.log.warning,
        )
    update_model(directory, memory_limit=data_directory.model_memory, typed=data_directory.typed)
    context.log.info(f"{step.log_day}: {step.new_line_count:,} new lines")
    return _describe(step)


def _describe(step: "CurrentDay") -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "log_day": str(step.log_day),
        "new_lines": step.new_line_count,
        "new_bytes": step.new_byte_count,
    }
    if step.day is not None:
        metadata |= {
            "dagster/row_count": step.day.line_count,
            "position": step.day.raw_bytes,
            "rejected_lines": step.day.rejected_count,
            "path": MetadataValue.path(step.day.folder),
        }
    if step.latest_action_at is not None:
        behind = system_clock() - step.latest_action_at
        metadata |= {
            "latest_action": MetadataValue.timestamp(step.latest_action_at),
            "seconds_behind": round(behind.total_seconds()),
        }
    return metadata
