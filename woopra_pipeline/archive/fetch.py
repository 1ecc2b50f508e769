"""Fetches a day from the service into the archive: whole, and without losing an earlier file.

An answer with status 200 is not enough. A body without a readable line is a failed attempt. A body
that may not be whole must come twice. If the archived file has more lines than a whole body, the
new one is held back until somebody accepts it.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.archive.overwriting import overwrite_erased
from woopra_pipeline.archive.repairing import find_or_repair
from woopra_pipeline.archive.staging import StagedFile
from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.errors import (
    ArchiveError,
    LinesLostError,
    LogDayNotFoundError,
    RequestRejectedError,
    ServiceUnavailableError,
)
from woopra_pipeline.files import sync
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.locks import locked_folder
from woopra_pipeline.parse.readable import LineCounts, count_different_lines, count_lines
from woopra_pipeline.privacy.persons import NOBODY, ErasedPersons
from woopra_pipeline.woopra.client import AttemptFailedError, ExportResponse, WoopraClient
from woopra_pipeline.woopra.settings import WoopraSettings

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
BLANK = "has white space only, and came so twice"
END_NOT_ANNOUNCED = (
    "ended with the connection, without any sign that it was whole, and came so twice"
)
LONGEST_EXCERPT = 100
OF_PERSONS = ('"visitor"', '"pid"', '"actions"')
"""Keys of lines with personal data. An error shows none of these lines."""


@dataclass(frozen=True)
class FetchedDay:
    """The result of a fetch: the current version, and the one before it, if there was one."""

    archived: ArchivedDay
    outcome: Literal["new", "unchanged", "changed", "from the lake"]
    previous: ArchivedDay | None


def fetch_log_day(
    client: WoopraClient,
    archive: Archive,
    log_day: date,
    *,
    accept_shorter: bool = False,
    persons: ErasedPersons = NOBODY,
    clock: Clock = system_clock,
) -> FetchedDay:
    """Download the closed `log_day` and make its file the current one in `archive`.

    The same bytes change nothing there, `fetched_at` included, unless the archived file turns out
    damaged: then it is replaced. Other bytes become current, and the earlier file is kept. But if
    fewer lines are readable, or most are rejected and were not before, they become current only
    with `accept_shorter`. Otherwise they are held back beside the current file, and that is a
    `LinesLostError`. A damaged manifest is first made again from the files that are there. Lines of
    erased `persons` are overwritten before the file is archived (R10); to find out whether bytes
    are the same, the delivered bytes are compared. Any other error leaves the archive as it was.

    Raises what `WoopraClient.download_log_day` raises, and `ArchiveError` if the archive cannot
    be written, `DiskFullError` if there is no room.
    """
    try:
        folder, least_free_bytes = archive.day_folder(log_day), client.settings.least_free_bytes
        with (
            needs_room(archive.folder, f"fetching log day {log_day}"),
            StagedFile(folder, least_free_bytes=least_free_bytes) as staged,
            StagedFile(folder, least_free_bytes=least_free_bytes) as without_erased,
        ):
            response, notes = client.download_log_day(log_day, _Recorder(staged, client.settings))
            _require_no_more(client, log_day, staged, response.next_position or 0)
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
                notes=notes,
            )
            as_delivered = replace(fetched, path=staged.path)
            kept = overwrite_erased(archive, as_delivered, persons, without_erased)
            arrived = (staged, fetched) if kept is as_delivered else (without_erased, kept)
            with locked_folder(archive.day_folder(log_day)):
                return _take_in(archive, *arrived, accept_shorter=accept_shorter)
    except OSError as error:
        raise ArchiveError(
            f"Log day {log_day} could not be written to the archive ({error}): "
            f"see that {archive.folder} can be written and has room, then fetch it again"
        ) from error


class _Recorder:
    """Writes a download to the staged file.

    Checks that it is a log, and in doubt that it comes twice.
    """

    def __init__(self, staged: StagedFile, settings: WoopraSettings) -> None:
        self._staged = staged
        self._settings = settings
        self._doubted: set[tuple[str, tuple[str, ...]]] = set()

    def __call__(self, response: ExportResponse) -> tuple[ExportResponse, tuple[str, ...]]:
        """Returns the response, and notes on the doubts for the manifest."""
        staged = self._staged
        staged.write(response.chunks)
        if not staged.has_readable_line and not staged.is_blank:
            raise AttemptFailedError(
                "it answered with a body in which no line is a readable visit, identify or delete: "
                f"{self._excerpt()}"
            )
        doubts = self._doubts(response)
        notes = tuple(doubts.values())
        if doubts and (staged.sha256, notes) not in self._doubted:
            self._doubted.add((staged.sha256, notes))
            raise AttemptFailedError(" and ".join(doubts))
        return response, notes

    def _doubts(self, response: ExportResponse) -> dict[str, str]:
        """Why the body may not be whole: each reason with the note for a second, equal body.

        The position to continue from is the size of a file that was asked for as a whole. But that
        is hardly documented. So if a service always says another number, the file is accepted when
        it comes twice.
        """
        staged = self._staged
        position = response.next_position
        doubts = {}
        if staged.ends_within_line:
            doubts["the body ended within a line"] = ENDS_WITHIN_LINE
        if staged.is_blank and staged.byte_count:
            doubts["the body had white space only"] = BLANK
        if position is None and not response.has_announced_end:
            doubts["nothing said where the body ends"] = END_NOT_ANNOUNCED
        if position is not None and position != staged.byte_count:
            difference = (
                f"{staged.byte_count:,} bytes where {self._settings.position_header} said "
                f"{position:,}"
            )
            doubts[f"there came {difference}"] = f"has {difference}, and came so twice"
        return doubts

    def _excerpt(self) -> str:
        text = self._staged.beginning.decode("utf-8", "replace")
        if any(key in text for key in OF_PERSONS):
            return "lines of a log that cannot be read"
        return self._settings.outside_text.sentence(text, LONGEST_EXCERPT)


def _require_no_more(
    client: WoopraClient, log_day: date, staged: StagedFile, position: int
) -> None:
    """If `position` says that the file is longer than the body, ask for the rest.

    Raises `ServiceUnavailableError` if there is anything. If a service answers with the file from
    its start, it does not support positions, and the header means nothing.
    """
    missing = position - staged.byte_count
    if missing <= 0:
        return

    def read_on(response: ExportResponse) -> None:
        beginning, length = b"", 0
        for chunk in response.chunks:
            beginning += chunk[: len(staged.beginning) - len(beginning)]
            length += len(chunk)
        if length and (length == missing or beginning != staged.beginning):
            raise ServiceUnavailableError(
                f"Woopra ({client.settings.host}) did not deliver the whole of log day {log_day}: "
                f"each time the answer ended after {staged.byte_count:,} bytes, but there is more: "
                "try again later"
            )

    with suppress(LogDayNotFoundError, RequestRejectedError):
        client.read_log_day_from(log_day, staged.byte_count, read_on)


def _take_in(
    archive: Archive, staged: StagedFile, fetched: ArchivedDay, *, accept_shorter: bool
) -> FetchedDay:
    """Make the staged file current, in the locked folder of its day."""
    current = find_or_repair(archive, fetched.log_day)
    if current is not None and current.delivered == fetched.delivered:
        try:
            archive.verify(current)
        except ArchiveError:
            repaired = replace(
                fetched,
                fetched_at=current.fetched_at,
                status=current.status,
                headers=current.headers,
                notes=current.notes,
                earlier=current.earlier,
                held_back=current.held_back,
            )
            _publish(archive, staged, repaired)
            current = repaired
        if current.held_back:
            earlier = _without(fetched, *current.earlier, *current.held_back)
            archive.write_manifest(replace(current, earlier=earlier, held_back=()))
        return FetchedDay(archive.get(fetched.log_day), "unchanged", current)
    if current is not None and not accept_shorter:
        _require_all_lines(archive, staged, fetched, current)
    versions = () if current is None else (*current.earlier, *current.held_back, _alone(current))
    archived = replace(fetched, earlier=_without(fetched, *versions))
    _publish(archive, staged, archived)
    return FetchedDay(archived, "new" if current is None else "changed", current)


def _require_all_lines(
    archive: Archive, staged: StagedFile, fetched: ArchivedDay, current: ArchivedDay
) -> None:
    """Hold the staged file back and raise `LinesLostError` if it has lost lines.

    Lines are counted only here, where other bytes would replace a day. So a new day, or the same
    day again, takes no extra time.
    """
    try:
        before, now = _count_lines(archive, current, replace(fetched, path=staged.path))
    except ArchiveError:
        # A damaged file has lost all its lines already.
        return
    if now.readable >= before.readable and (not now.mostly_rejected or before.mostly_rejected):
        return
    counts = (
        f"{now.readable:,} readable and {now.rejected:,} rejected lines, where the archived file "
        f"has {before.readable:,} and {before.rejected:,}"
    )
    held_back = replace(fetched, notes=(*fetched.notes, f"held back: it has {counts}"))
    _put_in_place(archive, staged, held_back)
    archive.write_manifest(
        replace(
            current,
            earlier=_without(fetched, *current.earlier),
            held_back=(*_without(fetched, *current.held_back), held_back),
        )
    )
    log_day = fetched.log_day
    raise LinesLostError(
        f"Log day {log_day} came with {counts}: the archived file stays current, and the new one "
        f"is held back as {held_back.path}. Fetch the day again later. If the new file is right, "
        f"accept it with `woopra-pipeline backfill {log_day} {log_day} --accept-shorter`"
    )


def _count_lines(
    archive: Archive, before: ArchivedDay, now: ArchivedDay
) -> tuple[LineCounts, LineCounts]:
    """The counts of both versions; of what differs alone, if nothing can be lost in that."""
    if before.is_removed:
        with archive.open(now) as other:
            return (
                LineCounts(before.readable_line_count, before.rejected_line_count),
                count_lines(other),
            )
    with archive.open(before) as one, archive.open(now) as other:
        counts = count_different_lines(one, other)
    if counts[1].readable >= counts[0].readable and counts[1].rejected <= counts[0].rejected:
        return counts
    with archive.open(before) as one, archive.open(now) as other:
        return count_lines(one), count_lines(other)


def _without(other: ArchivedDay, *versions: ArchivedDay) -> tuple[ArchivedDay, ...]:
    """The versions with another content."""
    return tuple(version for version in versions if version.delivered != other.delivered)


def _alone(archived: ArchivedDay) -> ArchivedDay:
    return replace(archived, earlier=(), held_back=())


def _publish(archive: Archive, staged: StagedFile, archived: ArchivedDay) -> None:
    _put_in_place(archive, staged, archived)
    archive.write_manifest(archived)


def _put_in_place(archive: Archive, staged: StagedFile, version: ArchivedDay) -> None:
    archive.verify(replace(version, path=staged.path))
    staged.path.replace(version.path)
    sync(version.path.parent)
