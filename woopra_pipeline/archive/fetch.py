"""From the service into the archive: a day arrives whole, and what was there is never lost."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.archive.staging import StagedFile, locked_folder
from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.errors import ArchiveError
from woopra_pipeline.files import sync
from woopra_pipeline.woopra.client import AttemptFailedError, ExportResponse, WoopraClient

KEPT_HEADERS = (
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "server",
)
ENDS_WITHIN_LINE = "ends without a newline in a line that is no JSON, and came so twice"


@dataclass(frozen=True)
class FetchedDay:
    """What a fetch did: the version now current, and the one that was before, if any."""

    archived: ArchivedDay
    outcome: Literal["new", "unchanged", "changed"]
    previous: ArchivedDay | None

    @property
    def byte_difference(self) -> int:
        """How many bytes the file grew; for a new day, its size."""
        return self.archived.byte_count - (self.previous.byte_count if self.previous else 0)

    @property
    def line_difference(self) -> int:
        """How many lines the file grew; for a new day, its lines."""
        return self.archived.line_count - (self.previous.line_count if self.previous else 0)


def fetch_log_day(
    client: WoopraClient, archive: Archive, log_day: date, *, clock: Clock = system_clock
) -> FetchedDay:
    """Download the closed `log_day` and make its file the current one in `archive`.

    The same bytes change nothing there, `fetched_at` included, unless the archived file turns out
    damaged: then it is replaced. Other bytes become current and the earlier file is kept aside.
    Any error leaves the archive as it was.

    Raises what `WoopraClient.download_log_day` raises, and `ArchiveError` if the archive cannot
    be written or its manifest of the day cannot be read.
    """
    try:
        folder, least_free_bytes = archive.day_folder(log_day), client.settings.least_free_bytes
        with StagedFile(folder, least_free_bytes=least_free_bytes) as staged:
            response = client.download_log_day(log_day, _Recorder(staged))
            fetched = ArchivedDay(
                log_day=log_day,
                path=archive.file_path(log_day, staged.sha256),
                sha256=staged.sha256,
                byte_count=staged.byte_count,
                line_count=staged.line_count,
                compressed_byte_count=staged.compressed_byte_count,
                fetched_at=clock(),
                status=response.status,
                headers={
                    name: response.headers[name]
                    for name in KEPT_HEADERS
                    if name in response.headers
                },
                notes=(ENDS_WITHIN_LINE,) if staged.ends_within_line else (),
            )
            with locked_folder(archive.day_folder(log_day)):
                return _take_in(archive, staged, fetched)
    except OSError as error:
        raise ArchiveError(
            f"Log day {log_day} could not be written to the archive ({error}): "
            f"see that {archive.folder} can be written and has room, then fetch it again"
        ) from error


class _Recorder:
    """Writes a download to the staged file; sees that a body cut within a line comes twice."""

    def __init__(self, staged: StagedFile) -> None:
        self._staged = staged
        self._cut: set[str] = set()

    def __call__(self, response: ExportResponse) -> ExportResponse:
        self._staged.write(response.chunks)
        if self._staged.ends_within_line and self._staged.sha256 not in self._cut:
            self._cut.add(self._staged.sha256)
            raise AttemptFailedError("the body ended within a line")
        return response


def _take_in(archive: Archive, staged: StagedFile, fetched: ArchivedDay) -> FetchedDay:
    """Make the staged file current, in the locked folder of its day."""
    current = archive.find(fetched.log_day)
    if current is not None and current.sha256 == fetched.sha256:
        try:
            archive.verify(current)
        except ArchiveError:
            repaired = replace(current, compressed_byte_count=fetched.compressed_byte_count)
            _publish(archive, staged, repaired)
        return FetchedDay(archive.get(fetched.log_day), "unchanged", current)
    versions = () if current is None else (*current.earlier, replace(current, earlier=()))
    earlier = tuple(version for version in versions if version.sha256 != fetched.sha256)
    archived = replace(fetched, earlier=earlier)
    _publish(archive, staged, archived)
    return FetchedDay(archived, "new" if current is None else "changed", current)


def _publish(archive: Archive, staged: StagedFile, archived: ArchivedDay) -> None:
    archive.verify(replace(archived, path=staged.path))
    staged.path.replace(archived.path)
    sync(archived.path.parent)
    archive.write_manifest(archived)
