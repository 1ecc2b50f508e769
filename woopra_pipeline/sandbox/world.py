"""The embedded Woopra's world on disk: its days are lived through once, for all processes.

<directory>/<fingerprint of the settings>/
    export/YYYY-MM-DD.jsonl     the files of closed log days, made when they are first asked for
    states/YYYY-MM-DD.msgpack   the identity system as that log day ended, every so many days
    lock                        held by the process that is making something
"""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import msgspec
import numpy as np

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.files import replacing
from woopra_pipeline.sandbox.identities import Identities, State
from woopra_pipeline.sandbox.lines import Lines
from woopra_pipeline.sandbox.log_days import LineKind, LoggedDay, file_of, live_through
from woopra_pipeline.sandbox.people import People
from woopra_pipeline.sandbox.settings import SandboxSettings
from woopra_pipeline.sandbox.truth import Truth, truth_of
from woopra_pipeline.woopra.log_days import end_of_log_day, parse_log_day

DAYS_BETWEEN_STATES = 7


class Sandbox:
    """A world below `directory`, shared by every process that names the same one.

    All methods may be called from several threads and processes at once. What they return
    depends on the settings alone, never on the order in which days are asked for.
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
        self._people = People(self.settings)
        self._lines = Lines(self._people)
        self._thread_lock = threading.RLock()
        self._identities = self._new_identities(State())
        self._next_day = self.settings.first_day

    def is_closed(self, log_day: date) -> bool:
        """Whether the world has `log_day`, and it is over by the clock."""
        number = (log_day - self.settings.first_day).days
        in_world = number >= 0 and (self.settings.days is None or number < self.settings.days)
        return in_world and end_of_log_day(log_day) <= self.clock()

    def export_file(self, log_day: date) -> Path | None:
        """The file of a closed log day, made now if need be; None if there is no such day."""
        path = self.folder / "export" / f"{log_day}.jsonl"
        if not self.is_closed(log_day):
            return None
        if not path.exists():
            with self._alone():
                if not path.exists():
                    day = self._live_through(log_day)
                    with replacing(path) as temporary, temporary.open("wb") as file:
                        for piece in file_of(day, self._lines):
                            file.write(piece)
        return path

    def line_counts(self, log_day: date) -> dict[LineKind, int]:
        """How many lines of each kind the file of a log day has, whatever the clock says."""
        with self._alone():
            return self._live_through(log_day).counts

    def truth(self, log_day: date) -> Truth:
        """What is true as `log_day` ends, whatever the clock says."""
        with self._alone():
            self._live_through(log_day)
            return truth_of(self._identities, self._lines, log_day)

    def _live_through(self, log_day: date) -> LoggedDay:
        """Bring the identity system to the end of `log_day`, and say what that day logged."""
        if log_day < self.settings.first_day:
            raise ValueError(f"the world begins on {self.settings.first_day}, after {log_day}")
        latest = self._latest_state_before(log_day)
        if self._next_day > log_day or latest >= self._next_day:
            self._identities = self._new_identities(self._read_state(latest))
            self._next_day = latest + timedelta(days=1)
        while True:
            today = self._next_day
            day = live_through(self._people, self._lines, self._identities, today)
            self._next_day = today + timedelta(days=1)
            if (self._next_day - self.settings.first_day).days % DAYS_BETWEEN_STATES == 0:
                self._write_state(today)
            if today == log_day:
                return day

    def _new_identities(self, state: State) -> Identities:
        return Identities(self._people, self.settings.identifiers, state)

    def _latest_state_before(self, log_day: date) -> date:
        """The last log day before `log_day` with a state on disk; the day before the first one."""
        days = (parse_log_day(path.stem) for path in self._states.glob("*.msgpack"))
        earlier = (day for day in days if day < log_day)
        return max(earlier, default=self.settings.first_day - timedelta(days=1))

    @property
    def _states(self) -> Path:
        return self.folder / "states"

    def _read_state(self, log_day: date) -> State:
        if log_day < self.settings.first_day:
            return State()
        content = (self._states / f"{log_day}.msgpack").read_bytes()
        return msgspec.msgpack.decode(content, type=State, dec_hook=_decode_array)

    def _write_state(self, log_day: date) -> None:
        path = self._states / f"{log_day}.msgpack"
        if not path.exists():
            with replacing(path) as temporary:
                content = msgspec.msgpack.encode(self._identities.state, enc_hook=_encode_array)
                temporary.write_bytes(content)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other thread and process out of this world."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._thread_lock, (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _encode_array(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        return value.astype("<i8").tobytes()
    raise NotImplementedError


def _decode_array(kind: type, content: object) -> object:
    if kind is np.ndarray and isinstance(content, bytes):
        return np.frombuffer(content, "<i8").astype(np.int64)
    raise NotImplementedError
