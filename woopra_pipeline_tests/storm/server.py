"""The server: exports a world's files and takes its imports, and misbehaves by chance.

What happens to a request depends on the round's seed, on what is asked for, and on how often it
was asked for before, so that it does not matter in which order two processes ask.
"""

import gzip
import random
import threading
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date

from woopra_pipeline_tests.scripted_server import Answer, ReceivedRequest, ScriptedServer, whole
from woopra_pipeline_tests.storm.answers import (
    DOWNLOAD_FAULTS,
    FAULTS_AFTER_IMPORT,
    IMPORT_FAULTS,
    Asked,
    taken,
    well,
)
from woopra_pipeline_tests.storm.worlds import World

PROJECT, APP_ID = "storm.example.com", "APP17"
UNACCEPTABLE = "unacceptable"
"""The service rejects a request with a line that holds this."""

LONGEST_PATIENCE = 6
"""For how many requests at most a day is late, or has other contents than in the end."""


@dataclass
class StormServer(ScriptedServer):
    """Answers well as long as `share` is 0; otherwise that share of requests meets a fault."""

    world: World = field(kw_only=True)
    secret_key: str = field(kw_only=True, repr=False)
    seed: int = field(kw_only=True)
    faults: Collection[str] = field(kw_only=True, default=())
    """The faults that may strike, by name."""
    share: float = 0.0
    struck: Counter[str] = field(default_factory=Counter)
    """How often each fault has struck."""
    versions: dict[date, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    """The contents each day's file truly had when it was asked for."""
    before_answer: Callable[[str], None] = lambda moment: None
    """Called with `asked` when a request has come, and with `done` before its answer leaves."""
    fetch_count: int = 0
    import_count: int = 0

    def __post_init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._cuts: dict[date, set[int]] = defaultdict(set)
        chance = random.Random(f"files {self.seed}")
        self._late = self._patience(chance, "late")
        self._earlier = {
            day: earlier_versions(chance, self.world.file(day) or b"", patience)
            for day, patience in self._patience(chance, "versions").items()
        }

    def _patience(self, chance: random.Random, fault: str) -> dict[date, int]:
        """Some closed days, and for how many requests they are not what they will be."""
        if fault not in self.faults:
            return {}
        closed = self.world.days[:-1]
        return {day: chance.randint(1, LONGEST_PATIENCE) for day in closed if chance.random() < 0.3}

    @property
    def authorization(self) -> str:
        """What the header of that name must say."""
        return "Basic " + b64encode(f"{APP_ID}:{self.secret_key}".encode()).decode()

    def answer_to(self, request: ReceivedRequest) -> Answer:
        """The answer to a request, after all that it does; tells `before_answer` of it."""
        self.before_answer("asked")
        answer = self._judge(request)
        self.before_answer("done")
        return answer

    def _judge(self, request: ReceivedRequest) -> Answer:
        if request.headers.get("authorization") != self.authorization:
            return whole(b"Who are you?", 401)
        if request.query.get("website") != PROJECT:
            return whole(b"No such project", 404)
        if request.path.endswith("/logs/import"):
            return self._import(request)
        return self._export(request)

    def _draw(self, what: str, kinds: Collection[str]) -> tuple[str, random.Random, int]:
        """The fault that strikes a request for `what`, or "", and the chances of its details.

        The number says how often it was asked for before.
        """
        with self._counting:
            number = self._asked[what]
            self._asked[what] += 1
        chance = random.Random(f"{self.seed} {what} {number}")
        possible = [fault for fault in kinds if fault in self.faults]
        if not possible or chance.random() >= self.share:
            return "", chance, number
        return chance.choice(possible), chance, number

    def _strikes(self, fault: str) -> None:
        with self._counting:
            self.struck[fault] += 1

    def _export(self, request: ReceivedRequest) -> Answer:
        self.fetch_count += 1
        log_day = date.fromisoformat(request.query["file"])
        fault, chance, number = self._draw(str(log_day), DOWNLOAD_FAULTS)
        file = self._file(log_day, number)
        if file is None:
            return whole(b"There is no such file", 404)
        wanted = file[int(request.query.get("pos", 0)) :]
        asked = Asked(request, wanted, len(file), chance, self.world.time(), self._cuts[log_day])
        answer = DOWNLOAD_FAULTS[fault](asked) if fault else None
        if answer is None:
            return well(asked)
        self._strikes(fault)
        return answer

    def _file(self, log_day: date, number: int) -> bytes | None:
        """The day's file as the so-many-th request finds it."""
        file = self.world.file(log_day)
        if file is None:
            return None
        if self.share and number < self._late.get(log_day, 0):
            self._strikes("late")
            return None
        if self.share and number < len(self._earlier.get(log_day, ())):
            self._strikes("versions")
            file = self._earlier[log_day][number]
        self.versions[log_day].add(file)
        return file

    def _import(self, request: ReceivedRequest) -> Answer:
        self.import_count += 1
        plain = request.body
        if request.headers.get("content-encoding") == "gzip":
            plain = gzip.decompress(plain)
        lines = plain.decode().split("\n")[:-1]
        fault, chance, _ = self._draw(
            f"import {len(lines)} {lines[0]}", [*IMPORT_FAULTS, *FAULTS_AFTER_IMPORT]
        )
        if fault == "import-too-large" and len(lines) == 1:
            # Then the line would be rejected for good.
            fault = ""
        asked = Asked(request, b"", 0, chance, self.world.time(), set())
        if fault in IMPORT_FAULTS:
            self._strikes(fault)
            return IMPORT_FAULTS[fault](asked) or taken(asked)
        if any(UNACCEPTABLE in line for line in lines):
            return whole(b"A line cannot be imported", chance.choice([400, 422]))
        self.world.take(lines)
        if fault:
            self._strikes(fault)
            return FAULTS_AFTER_IMPORT[fault](asked) or taken(asked)
        return taken(asked)


def earlier_versions(chance: random.Random, file: bytes, count: int) -> Sequence[bytes]:
    """What `count` requests get of a file before it is what it is: some of its lines, shuffled."""
    lines = file.split(b"\n")
    versions: list[bytes] = []
    while len(versions) < count:
        some = [line for line in lines if chance.random() < 0.7 and line.startswith(b'{"type":"v')]
        if chance.random() < 0.5:
            chance.shuffle(some)
        version = b"\n".join([b'{"type":"delete","pid":"A"}', *some, b""])
        # What is doubted has to come twice.
        versions += [version] * chance.randint(1, 3)
    return versions[:count]
