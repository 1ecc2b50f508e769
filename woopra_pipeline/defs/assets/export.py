"""The archive: each log day's file as Woopra delivered it."""

from datetime import date
from typing import TYPE_CHECKING

from dagster import AssetExecutionContext, AssetSpec, Config, MetadataValue
from pydantic import Field

from woopra_pipeline.clock import system_clock
from woopra_pipeline.defs.days import AssetMetadata, WorkedDays, work_through
from woopra_pipeline.defs.resources import DataDirectoryResource, WoopraResource
from woopra_pipeline.wording import count

if TYPE_CHECKING:
    from woopra_pipeline.archive import FetchedDay

DOWNLOADS_AT_ONCE = 4


class FetchConfig(Config):
    """What to do with files that lose lines. Every setting has a default."""

    accept_shorter: bool = Field(
        False,
        description="Whether a file that has fewer readable lines than the archived one becomes "
        "current anyway. Otherwise it is held back, and its day fails.",
    )
    even_if_in_lake: bool = Field(
        False,
        description="Whether a day that is in the lake, but not on this disk, is fetched from the "
        "service. Otherwise it is copied from the lake.",
    )


RAW_EXPORT = AssetSpec(
    "raw_export",
    description="""\
The log file of a day, byte for byte, beside a manifest that says where it came from.

It is always fetched again: the same bytes change nothing, other bytes become current and the
earlier file is kept aside, and a day the service no longer has stays as it was archived. A file
that has fewer readable lines than the archived one is held back, unless it is to be accepted. With
a lake, a day that is in it and not on this disk is taken from there instead, and what is fetched is
put there.""",
    group_name="archive",
    kinds={"api", "zstd"},
    owners=["team:data"],
)


def fetch_days(
    context: AssetExecutionContext,
    days: WorkedDays,
    woopra: WoopraResource,
    data_directory: DataDirectoryResource,
    config: FetchConfig,
) -> None:
    """Fetch the log days of a run into the archive, some at a time."""
    from woopra_pipeline.archive import Archive, fetch_log_day
    from woopra_pipeline.archive.project import claim_archive
    from woopra_pipeline.lake.project import claim_lake
    from woopra_pipeline.lake.sharing import take_or_fetch
    from woopra_pipeline.privacy.register import erased_persons

    directory = data_directory.directory
    archive = Archive(directory.raw)
    lake = data_directory.open_lake()
    with woopra.client(directory, notify=context.log.warning) as client:
        claim_archive(archive.folder, client.settings.project)
        if lake is not None:
            claim_lake(lake, directory, client.settings.project)

        def fetch(log_day: date) -> "FetchedDay":
            accept_shorter = config.accept_shorter
            persons = erased_persons(directory)
            if lake is None:
                return fetch_log_day(
                    client,
                    archive,
                    log_day,
                    accept_shorter=accept_shorter,
                    persons=persons,
                    clock=system_clock,
                )
            return take_or_fetch(
                lake,
                client,
                archive,
                log_day,
                fetches=config.even_if_in_lake,
                accept_shorter=accept_shorter,
                persons=persons,
                clock=system_clock,
            )

        context.log.info(f"Fetching {count(len(days.log_days), 'log day')}")
        work_through(context, days, fetch, _describe, threads=DOWNLOADS_AT_ONCE)


def _describe(fetched: "FetchedDay") -> tuple[str, AssetMetadata]:
    archived = fetched.archived
    metadata = {
        "dagster/partition_row_count": archived.line_count,
        "bytes": archived.byte_count,
        "compressed_bytes": archived.compressed_byte_count,
        "sha256": archived.sha256,
        "outcome": fetched.outcome,
        "fetched_at": MetadataValue.timestamp(archived.fetched_at),
        "path": MetadataValue.path(archived.path),
    }
    sentence = f"{fetched.outcome}, {archived.line_count:,} lines, {archived.byte_count:,} bytes"
    if archived.notes:
        metadata["notes"] = list(archived.notes)
        sentence += f" ({'; '.join(archived.notes)})"
    return sentence, {RAW_EXPORT.key.to_user_string(): metadata}
