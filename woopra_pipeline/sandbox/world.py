"""The embedded Woopra's world on disk: each day is simulated once, for all processes.

<directory>/<fingerprint of the settings>/
    export/YYYY-MM-DD.jsonl     the files of log days that are over, made at the first request
    imports/YYYY-MM-DD.jsonl    what was imported over HTTP on that log day
    states/YYYY-MM-DD.msgpack   the identity system as that log day ended, every so many days
    now                         the latest time of the world, in UNIX ms
    lock                        held by the process that is making something
"""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.files import make_folder
from woopra_pipeline.locks import alone
from woopra_pipeline.replacing import replacing
from woopra_pipeline.sandbox.days import LineKind, LoggedDay, file_of, live_through
from woopra_pipeline.sandbox.identities import Identities, State
from woopra_pipeline.sandbox.imports import Imports, MalformedLineError, read_line
from woopra_pipeline.sandbox.lines import Lines
from woopra_pipeline.sandbox.people import SECOND, People, milliseconds
from woopra_pipeline.sandbox.settings import SandboxSettings
from woopra_pipeline.sandbox.truth import Truth, truth_of
from woopra_pipeline.woopra.log_days import (
    end_of_log_day,
    log_day_at,
    log_day_from_text,
    log_days_between,
)

DAYS_BETWEEN_STATES = 7
DAYS_BETWEEN_OLD_STATES = 28
DAYS_WITH_MORE_STATES = 28
WRITERS = 2
ONE_DAY = timedelta(days=1)


class _DamagedStateError(Exception):
    """A state on disk could not be read, and was removed."""


class Sandbox:
    """A world below `directory`, shared by every process that names the same one.

    All methods may be called from several threads and processes at once. Their results depend on
    the settings and on imports, never on the order in which days are requested. The world's time is
    the clock's time, but never goes back: everything that was once seen or imported stays.
    """

    def __init__(
        self,
        directory: Path,
        settings: SandboxSettings | None = None,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self.settings = settings or SandboxSettings()
        self.clock = clock
        self.folder = directory / self.settings.fingerprint
        people = People(self.settings)
        self._imports = Imports(self.folder / "imports", people, self.settings.identifiers)
        self._lines = Lines(people, self._imports)
        self._thread_lock = threading.RLock()
        self._identities = self._identities_from(State())
        self._next_day = self.settings.first_day
        self._latest: LoggedDay | None = None

    @property
    def today(self) -> date:
        """The log day whose file is growing."""
        return log_day_at(datetime.fromtimestamp(self._now() / SECOND, UTC))

    def is_closed(self, log_day: date) -> bool:
        """Whether the world has `log_day`, and it is over."""
        return self._is_in_world(log_day) and log_day < self.today

    def export_file(self, log_day: date) -> Path | None:
        """The file of a closed log day, made now if need be; None if there is no such day."""
        if not self.is_closed(log_day):
            return None
        path = self._path_of(log_day)
        if not path.exists():
            self.make_files(log_day, log_day)
        return path

    def make_files(self, first: date, last: date) -> None:
        """Make the missing files of the log days from `first` to `last`, which are over.

        One thread simulates the days while others write their files.
        """
        with self._alone(), ThreadPoolExecutor(WRITERS) as writers:
            being_written: deque[Future[None]] = deque()
            for log_day in log_days_between(first, last):
                if not self.is_closed(log_day) or self._path_of(log_day).exists():
                    continue
                self._move_time_to(milliseconds(end_of_log_day(log_day)))
                _, day = self._live_through(log_day)
                being_written.append(writers.submit(self._write_file, day))
                if len(being_written) > WRITERS:
                    being_written.popleft().result()
            for file in being_written:
                file.result()

    def growing_file(self, log_day: date) -> bytes | None:
        """The file of `log_day` as far as it is written, if that is `today`; None otherwise."""
        with self._alone():
            if log_day != self.today or not self._is_in_world(log_day):
                return None
            now = self._now()
            self._move_time_to(now)
            _, day = self._live_through(log_day, until=now + 1)
            return b"".join(file_of(day, self._lines))

    def import_lines(self, body: bytes) -> int:
        """Import every line of a request's body, durably, and return how many they are.

        Raises `MalformedLineError` if there is one that cannot be imported; then none is.
        """
        with self._alone():
            starts_at = self._lines.people.starts_at
            at = max(milliseconds(self.clock()), self._time_so_far() + 1, starts_at)
            lines = _lines_of(body)
            for number, line in enumerate(lines, 1):
                try:
                    read_line(line, self.settings.identifiers, at)
                except MalformedLineError as error:
                    raise MalformedLineError(f"Line {number}: {error}") from error
            self._move_time_to(at)
            self._imports.append(at, lines)
            return len(lines)

    def line_counts(self, log_day: date) -> dict[LineKind, int]:
        """How many lines of each kind the file of a log day has when it is closed."""
        with self._alone():
            _, day = self._live_through(log_day)
            return day.counts

    def truth(self, log_day: date) -> Truth:
        """The truth at the end of `log_day`; if it is not over, without future events."""
        with self._alone():
            identities, _ = self._live_through(log_day)
            return truth_of(identities, self._lines, log_day)

    def _path_of(self, log_day: date) -> Path:
        return self.folder / "export" / f"{log_day}.jsonl"

    def _write_file(self, day: LoggedDay) -> None:
        with replacing(self._path_of(day.log_day)) as temporary, temporary.open("wb") as file:
            for piece in file_of(day, self._lines):
                file.write(piece)

    def _is_in_world(self, log_day: date) -> bool:
        first, last = self.settings.first_day, self.settings.last_day
        if last is None:
            return log_day >= first
        return first <= log_day <= max(last, self._imports.last_log_day() or last)

    def _live_through(
        self, log_day: date, until: int | None = None
    ) -> tuple[Identities, LoggedDay]:
        """Simulate the time up to the end of `log_day`, or to the instant `until` (UNIX ms) on it.

        Returns the identity system as it is then, and what the day logged.
        """
        if self._latest is not None and self._latest.log_day == log_day:
            return self._identities, self._latest
        first_open = max(self.today, self.settings.first_day)
        self._advance_to(min(log_day, first_open))
        if log_day < first_open:
            return self._identities, self._live_through_next_day()
        # Something may still be imported, so the state of these days must not be kept.
        identities = self._identities_from(_decoded(_encoded(self._identities.state)))
        for day in log_days_between(first_open, log_day):
            logged = live_through(self._lines, identities, day, until)
        return identities, logged

    def _advance_to(self, log_day: date) -> None:
        """Move the identity system to the beginning of `log_day`."""
        if log_day < self.settings.first_day:
            raise ConfigurationError(
                f"The sandbox's world begins on {self.settings.first_day}: {log_day} is before it"
            )
        while self._next_day > log_day or self._next_day <= self._latest_state_before(log_day):
            latest = self._latest_state_before(log_day)
            with suppress(_DamagedStateError):
                self._identities = self._identities_from(self._read_state(latest))
                self._next_day = latest + ONE_DAY
                self._latest = None
        while self._next_day < log_day:
            self._live_through_next_day()

    def _live_through_next_day(self) -> LoggedDay:
        today = self._next_day
        day = live_through(self._lines, self._identities, today)
        self._next_day = today + ONE_DAY
        self._latest = day
        if (self._next_day - self.settings.first_day).days % DAYS_BETWEEN_STATES == 0:
            self._write_state(today)
        return day

    def _identities_from(self, state: State) -> Identities:
        return Identities(self._lines.people, self.settings.identifiers, state)

    def _latest_state_before(self, log_day: date) -> date:
        """The last log day before `log_day` with a state on disk; the day before the first one."""
        days = (log_day_from_text(path.stem) for path in self._states.glob("*.msgpack"))
        earlier = (day for day in days if day < log_day)
        return max(earlier, default=self.settings.first_day - ONE_DAY)

    @property
    def _states(self) -> Path:
        return self.folder / "states"

    def _read_state(self, log_day: date) -> State:
        if log_day < self.settings.first_day:
            return State()
        path = self._states / f"{log_day}.msgpack"
        try:
            return _decoded(path.read_bytes())
        except (msgspec.DecodeError, ValueError):
            # It is made again from the earlier one, which only takes time.
            path.unlink()
            raise _DamagedStateError from None

    def _write_state(self, log_day: date) -> None:
        path = self._states / f"{log_day}.msgpack"
        if not path.exists():
            with replacing(path) as temporary:
                temporary.write_bytes(_encoded(self._identities.state))
            for path in self._states.glob("*.msgpack"):
                age = (log_day - log_day_from_text(path.stem)).days
                number = (log_day_from_text(path.stem) - self.settings.first_day).days + 1
                if age > DAYS_WITH_MORE_STATES and number % DAYS_BETWEEN_OLD_STATES:
                    path.unlink()

    def _now(self) -> int:
        return max(milliseconds(self.clock()), self._time_so_far())

    def _time_so_far(self) -> int:
        try:
            return int((self.folder / "now").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def _move_time_to(self, instant: int) -> None:
        if instant > self._time_so_far():
            with replacing(self.folder / "now") as temporary:
                temporary.write_text(str(instant))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other thread and process out of this world."""
        make_folder(self.folder)
        with self._thread_lock, alone(self.folder / "lock"):
            yield


def _lines_of(body: bytes) -> list[str]:
    try:
        lines = [line for line in body.decode().split("\n") if line.strip()]
    except UnicodeDecodeError as error:
        raise MalformedLineError("The body is not UTF-8") from error
    if not lines:
        raise MalformedLineError("The body has no lines")
    return lines


def _encoded(state: State) -> bytes:
    return msgspec.msgpack.encode(state, enc_hook=_encode_array)


def _decoded(content: bytes) -> State:
    return msgspec.msgpack.decode(content, type=State, dec_hook=_decode_array)


def _encode_array(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        return value.astype("<i8").tobytes()
    raise NotImplementedError


def _decode_array(kind: type, content: object) -> object:
    if kind is np.ndarray and isinstance(content, bytes):
        return np.frombuffer(content, "<i8").astype(np.int64)
    raise NotImplementedError
