"""The current log day, followed while its file grows: optional, off until it is switched on."""

from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, asset

from woopra_pipeline.archive.project import claim_archive
from woopra_pipeline.clock import system_clock
from woopra_pipeline.defs.resources import DataDirectoryResource, WoopraResource
from woopra_pipeline.following import FollowedDay, follow_current_day


@asset(group_name="following", kinds={"api", "parquet"}, owners=["team:data"])
def current_day(
    context: AssetExecutionContext, woopra: WoopraResource, data_directory: DataDirectoryResource
) -> MaterializeResult[None]:
    """What is known so far of the log day that is not over; optional.

    Each materialization asks once for the lines that the growing file has more by now, and parses
    them. When the day is over, the ordinary fetch of it takes the place of what was followed.
    """
    directory = data_directory.directory
    with woopra.client(directory, notify=context.log.warning) as client:
        claim_archive(directory.raw, client.settings.project)
        followed = follow_current_day(
            client, directory.parsed, clock=system_clock, notify=context.log.warning
        )
    context.log.info(f"{followed.log_day}: {followed.new_line_count:,} new lines")
    return MaterializeResult(metadata=_describe(followed))


def _describe(followed: FollowedDay) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "log_day": str(followed.log_day),
        "new_lines": followed.new_line_count,
        "new_bytes": followed.new_byte_count,
    }
    if followed.day is not None:
        metadata |= {
            "dagster/row_count": followed.day.line_count,
            "position": followed.day.raw_bytes,
            "rejected_lines": followed.day.rejected_count,
            "path": MetadataValue.path(followed.day.folder),
        }
    if followed.latest_action_at is not None:
        behind = system_clock() - followed.latest_action_at
        metadata |= {
            "latest_action": MetadataValue.timestamp(followed.latest_action_at),
            "seconds_behind": behind.total_seconds(),
        }
    return metadata
