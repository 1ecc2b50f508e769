"""One step of following the current log day: one request for the new lines of its file.

The request could begin after the bytes that are kept. But then a file that grew would look the same
as a file that was replaced or cut, or as a service that counts positions in another way. Lines
would be lost or doubled until the day is over. So the last known line is requested again, and the
answer must begin with it. Only whole lines of an answer are kept, wherever it ends. The next step
requests the beginning of an incomplete line again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.current_day.day_files import (
    find_usable_day,
    grow,
    log_file,
    remove_unnamed,
    start_current_day,
)
from woopra_pipeline.errors import LogDayNotFoundError, ParsedDayError, RequestRejectedError
from woopra_pipeline.files import sync
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.locks import locked_folder
from woopra_pipeline.parse.lines import ErasedLine, parse_line
from woopra_pipeline.parse.parsed_days import ParsedDay
from woopra_pipeline.parse.readable import FirstReadableLine
from woopra_pipeline.privacy.persons import NOBODY, ErasedPersons
from woopra_pipeline.room import Room
from woopra_pipeline.tables import ACTIONS_LOG
from woopra_pipeline.woopra.client import AttemptFailedError, ExportResponse, WoopraClient
from woopra_pipeline.woopra.log_days import log_day_at

LONGEST_KNOWN_LINE = 1 << 20
"""How many bytes back, at most, the last known line is searched for."""


@dataclass(frozen=True)
class CurrentDay:
    """The result of a step: the current log day as it is known now."""

    log_day: date
    day: ParsedDay | None
    """None: the service has no file of it. Not open: it was already fetched as a whole day."""
    new_line_count: int = 0
    new_byte_count: int = 0
    latest_action_at: datetime | None = None
    """The latest time of an action on a new line that is not in the future."""


def follow_current_day(
    client: WoopraClient,
    parsed_folder: Path,
    *,
    persons: ErasedPersons = NOBODY,
    clock: Clock = system_clock,
    notify: Callable[[str], None] = lambda message: None,
) -> CurrentDay:
    """Add the new lines of the current log day to its open parsed day.

    `parsed_folder` is `DataDirectory.parsed`. Lines of `persons`, who were erased, are overwritten
    before they become part of the day (R10). Each step appears whole or not at all (R9); two steps
    at once run one after the other. If two answers show that the file is not the one that was
    followed so far, the day begins again. Raises what `WoopraClient.read_log_day_from` raises,
    except that a file that is not there yet is no error, and `ParsedDayError` if files cannot be
    written.
    """
    now = clock()
    log_day = log_day_at(now)
    try:
        with (
            needs_room(parsed_folder, f"following log day {log_day}"),
            _locked_day(parsed_folder, log_day),
        ):
            known = find_usable_day(parsed_folder, log_day)
            if known is not None and not known.is_open:
                return CurrentDay(log_day, known)
            day = None if known is None else _grown(client, known, now, persons)
            if day is None:
                if known is not None:
                    notify(f"The file of {log_day} has changed: following it from its first line")
                known = start_current_day(parsed_folder, log_day, now)
                day = _grown(client, known, now, persons)
            assert known is not None
            assert day is not None, "every file continues an empty one"
    except LogDayNotFoundError as error:
        notify(str(error))
        return CurrentDay(log_day, None)
    except OSError as error:
        raise ParsedDayError(
            f"The lines of {log_day} cannot be written ({error}): make room or correct the "
            f"permissions below {parsed_folder}"
        ) from error
    # Not while the day is locked: a process that holds the register's lock may wait for that lock.
    persons.keep_new_values()
    return CurrentDay(
        log_day,
        day,
        new_line_count=day.line_count - known.line_count,
        new_byte_count=day.raw_bytes - known.raw_bytes,
        latest_action_at=_latest_action_at(day, known.line_count, now),
    )


@contextmanager
def _locked_day(parsed_folder: Path, log_day: date) -> Iterator[None]:
    remove_unnamed(parsed_folder)
    with locked_folder(parsed_folder / log_day.isoformat()):
        yield


def _grown(
    client: WoopraClient, known: ParsedDay, now: datetime, persons: ErasedPersons
) -> ParsedDay | None:
    """The day with the new lines of its file; None if the file is not the known one."""
    last_line, start = _last_line(known)
    try:
        room = Room(known.folder, client.settings.least_free_bytes)
        answer = _Answer(known, last_line, known.raw_bytes - start, room)
        size = client.read_log_day_from(known.log_day, start, answer)
    except RequestRejectedError:
        if start == 0:
            raise
        # If the file was cut, a service may refuse a position after its end.
        return None
    return None if size is None else grow(known, size, now, persons)


def _last_line(day: ParsedDay) -> tuple[bytes, int]:
    """The end of the known bytes, from the beginning of a line on, and its position in the file.

    The line is the last one that is JSON, because an answer that begins with anything else could be
    taken for a web page. If later lines were erased, the known bytes end with this line.
    """
    with log_file(day).open("rb") as log:
        log.seek(max(0, day.raw_bytes - LONGEST_KNOWN_LINE))
        first = log.tell()
        end = log.read(day.raw_bytes - first)
    start = stop = len(end)
    while start:
        start = end.rfind(b"\n{", 0, start - 1) + 1
        if not isinstance(parse_line(end[start:].partition(b"\n")[0]), ErasedLine):
            return end[start:stop], first + start
        stop = start
    return end, first


class _Answer:
    """Writes an answer's lines to the day's file; an answer that does not fit must come twice."""

    def __init__(self, day: ParsedDay, last_line: bytes, known_bytes: int, room: Room) -> None:
        self._day = day
        self._last_line = last_line
        self._known_bytes = known_bytes
        """How many bytes of an answer are known already; it begins with the last known line."""
        self._room = room
        self._unfit: set[bytes] = set()

    def __call__(self, response: ExportResponse) -> int | None:
        """Returns the size in bytes of the whole lines; None if they do not fit the known ones."""
        beginning = b""
        for chunk in response.chunks:
            beginning += chunk
            if len(beginning) >= self._known_bytes:
                break
        is_long_enough = len(beginning) >= self._known_bytes
        if not is_long_enough or not beginning.startswith(self._last_line):
            unfit = beginning[: len(self._last_line)]
            if unfit not in self._unfit:
                self._unfit.add(unfit)
                raise AttemptFailedError("the answer did not go on where the known lines end")
            return None
        path = log_file(self._day)
        size = self._day.raw_bytes
        with path.open("r+b") as log:
            log.seek(size)
            first_readable = FirstReadableLine()
            for chunk in chain([beginning[self._known_bytes :]], response.chunks):
                self._room.take(len(chunk))
                first_readable.add(chunk)
                last_newline = chunk.rfind(b"\n")
                if last_newline >= 0:
                    size = log.tell() + last_newline + 1
                log.write(chunk)
            if not self._last_line and not first_readable.found():
                # If no line is known yet, unreadable lines may be an error in place of the file.
                size = self._day.raw_bytes
            log.truncate(size)
        sync(path)
        return size


def _latest_action_at(day: ParsedDay, after_line: int, now: datetime) -> datetime | None:
    paths = day.parquet_files(ACTIONS_LOG, after_line=after_line)
    times = pa.concat_tables(pq.read_table(path, columns=["occurred_at"]) for path in paths)[0]
    return pc.max(times.filter(pc.less_equal(times, now))).as_py()  # type: ignore[no-any-return]
