"""Makes a lost ledger again, from the batch files, their journals, and `imports.duckdb`.

Everything that may have been sent becomes `unknown`, and verification finds out in the log. If the
ledger was only too old, its other entries stay. The new ledger replaces the old one in one step;
the old one is kept under another name.
"""

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import count, groupby
from pathlib import Path

import orjson
import pyarrow as pa

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LedgerError, UnusableLedgerError
from woopra_pipeline.files import sync
from woopra_pipeline.imports.batch_files import (
    BatchFile,
    ErasedKeys,
    erased_keys,
    is_erased,
)
from woopra_pipeline.imports.journals import (
    PlanHeader,
    Request,
    Stretch,
    batches_folder,
    has_format,
    note_format,
    plan_folders,
    read_journal,
)
from woopra_pipeline.imports.ledger import LEDGER_NAME, Ledger
from woopra_pipeline.imports.ledger.agreement import lacking
from woopra_pipeline.imports.ledger.keys import FileKeys
from woopra_pipeline.imports.ledger.schema import create_tables
from woopra_pipeline.imports.ledger.tables import LedgerTables
from woopra_pipeline.imports.lines import KEY_BYTES, BadRowError, Reader, digest, numbered
from woopra_pipeline.imports.publication import (
    forget_publication,
    publication_lock,
    publish_imports,
)
from woopra_pipeline.imports.published_requests import (
    published_requests,
    recover_batch_files,
)
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import Shape, find_sources, source_lock
from woopra_pipeline.locks import HeldElsewhereError, held
from woopra_pipeline.replacing import replacing

SIDE_FILES = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Rebuilt:
    """What is unknown now, and the path of the earlier ledger, if there was one."""

    request_count: int
    line_count: int
    kept_aside: Path | None


@dataclass(frozen=True)
class _Plan:
    """The lines of a plan that may have been sent, by the paths of its files below the root."""

    header: PlanHeader
    stretches: dict[str, list[Stretch]]
    requests: list[Request]
    is_described: bool
    """Whether a journal describes it; otherwise its shape is read from its lines."""


def rebuild_ledger(
    directory: DataDirectory, *, settings: ImportSettings, clock: Clock = system_clock
) -> Rebuilt:
    """Make the ledger again from the batch files and the files beside them.

    Raises `LedgerError` if the ledger is fine, or a source is being imported, or a batch file is
    missing or damaged; then everything is as it was.
    """
    path = directory.imports / LEDGER_NAME
    with _holding_everything(directory, clock):
        is_readable = _require_lost(directory, clock)
        recover_batch_files(directory)
        with replacing(path) as temporary:
            base = path if is_readable else None
            counts = _write(temporary, base, directory, settings, clock)
            note_format(directory)
            forget_publication(directory)
            kept_aside = _keep_aside(path, clock())
    with Ledger(directory, clock) as ledger:
        publish_imports(ledger)
    return Rebuilt(*counts, kept_aside)


def _require_lost(directory: DataDirectory, clock: Clock) -> bool:
    """Raise `LedgerError` if the ledger is fine; returns whether it is only not the latest one."""
    is_readable = False
    try:
        with Ledger(directory, clock) as ledger:
            ledger.require_sound()
            ledger.require_whole_keys()
            ledger.batches()
            is_readable = True
            for source in _sources_with_batches(directory):
                ledger.require_latest(source)
    except UnusableLedgerError:
        return is_readable
    raise LedgerError(
        f"The import ledger {directory.imports / LEDGER_NAME} is fine and knows of every "
        "batch that was sent: there is nothing to rebuild"
    )


def _sources_with_batches(directory: DataDirectory) -> list[str]:
    """The sources that have batch files, or had some when `imports.duckdb` was written."""
    published = {Path(one.path).parts[2] for one in published_requests(directory)}
    return sorted({*published, *(folder.name for folder in batches_folder(directory).glob("*/"))})


@contextmanager
def _holding_everything(directory: DataDirectory, clock: Clock) -> Iterator[None]:
    names = {*_sources_with_batches(directory), *(s.name for s in find_sources(directory))}
    locks = [source_lock(directory, name) for name in sorted(names)]
    with ExitStack() as stack:
        for lock in [*locks, publication_lock(directory)]:
            try:
                stack.enter_context(held(lock, clock()))
            except HeldElsewhereError as holder:
                raise LedgerError(
                    f"The ledger cannot be made again, because {lock.name} is held by {holder}: "
                    "wait for it or end it, then try again"
                ) from None
        yield


def _keep_aside(path: Path, now: datetime) -> Path | None:
    """Keep the ledger, and SQLite's files beside it, under another name; returns that name."""
    aside = path.with_name(f"{path.name}.aside-{now:%Y%m%dT%H%M%S}")
    while aside.exists():
        aside = aside.with_name(f"{aside.name}-")
    is_there = path.exists()
    if is_there:
        # It also stays in its place: otherwise its content would be lost if the process ended here.
        os.link(path, aside)
    for suffix in SIDE_FILES:
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))
            is_there = True
    sync(path.parent)
    return aside if is_there else None


def _write(
    temporary: Path,
    base: Path | None,
    directory: DataDirectory,
    settings: ImportSettings,
    clock: Clock,
) -> tuple[int, int]:
    """Write the new ledger; returns how many batches and lines are unknown in it."""
    with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
        if base is not None:
            with closing(sqlite3.connect(base)) as earlier:
                earlier.backup(connection)
        connection.execute("pragma journal_mode = delete")
        connection.execute("pragma foreign_keys = on")
        connection.execute("begin immediate")
        if base is None:
            create_tables(connection)
        ledger = LedgerTables(directory, connection, clock)
        entry = _Entry(ledger, settings)
        for plan in entry.without_repeats(_lost_plans(ledger)):
            entry.enter(plan)
        ledger.count_change()
        counts = ledger.lost_counts()
        connection.execute("commit")
        return counts


def _lost_plans(ledger: LedgerTables) -> list[_Plan]:
    """Plans that may have been sent and are not in the ledger, in the order of their planning."""
    directory, now = ledger.directory, ledger.now()
    plans = []
    for source in _sources_with_batches(directory):
        unknown = {request.file for request in lacking(ledger, source)}
        is_described = has_format(directory)
        for folder in plan_folders(directory, source):
            journal = read_journal(folder)
            path_of_folder = folder.relative_to(directory.root).as_posix()
            if journal is not None and journal.header is not None:
                stretches = {
                    f"{path_of_folder}/{name}": parts for name, parts in journal.stretches().items()
                }
                plan = _Plan(journal.header, stretches, journal.requests, is_described=True)
            elif journal is not None or not is_described:
                plan = _undescribed_plan(source, folder, path_of_folder, now)
                unknown |= plan.stretches.keys()
            else:
                continue
            lost = {path: s for path, s in plan.stretches.items() if path in unknown}
            if lost:
                plans.append(replace(plan, stretches=lost))
    return sorted(plans, key=_planned_at)


def _planned_at(plan: _Plan) -> datetime:
    return datetime.fromisoformat(plan.header.planned_at)


def _undescribed_plan(source: str, folder: Path, path_of_folder: str, now: datetime) -> _Plan:
    """A plan without a readable journal: all of it may have been sent since it was made."""
    stretches = {}
    requests = []
    planned_at = now
    for path in sorted(folder.glob("*.jsonl.zst")):
        made_at = min(datetime.fromtimestamp(path.stat().st_mtime, UTC), now)
        planned_at = min(planned_at, made_at)
        whole = Stretch(0, len(_lines(path)), made_at.isoformat(), now.isoformat(), 1)
        stretches[f"{path_of_folder}/{path.name}"] = [whole]
        requests.append(Request(path.name, 0, whole.end_line, whole.first_sent_at))
    log_day = date.fromisoformat(folder.parent.name)
    header = PlanHeader(source, Shape.VISITS, log_day, planned_at.isoformat(), None)
    return _Plan(header, stretches, requests, is_described=False)


def _lines(path: Path) -> list[bytes]:
    """The lines of a batch file; raises `LedgerError` if it is missing or damaged."""
    try:
        with pa.input_stream(path, compression="zstd") as stream:
            content: bytes = stream.read()
    except FileNotFoundError:
        raise LedgerError(
            f"{path} is missing: put it back from a backup, because the ledger cannot be made "
            "without it"
        ) from None
    except (OSError, pa.ArrowException) as error:
        raise LedgerError(f"{path} is damaged ({error}): put it back from a backup") from error
    return content.split(b"\n")[:-1]


class _Entry:
    """Writes plans into a new ledger, one after another, within a transaction."""

    def __init__(self, ledger: LedgerTables, settings: ImportSettings) -> None:
        self._ledger = ledger
        self._directory = ledger.directory
        self._settings = settings
        self._now = ledger.now().isoformat()
        self._known: dict[str, set[bytes]] = defaultdict(set)
        """By source, the keys so far: only if identical rows are counted."""
        if settings.identical_rows == "counted":
            for source, keys in ledger.keys_by_source():
                self._known[source].update(_cut(keys.keys))

    def without_repeats(self, plans: Sequence[_Plan]) -> list[_Plan]:
        """The plans without lines that another plan repeats, if no journal says what was sent.

        Such a plan may be withdrawn, or a dry run.
        """
        if all(plan.is_described for plan in plans):
            return list(plans)
        seen: dict[str, set[bytes]] = defaultdict(set)
        kept = []
        # First the plans with journals, then the others, the latest ones first.
        for plan in sorted(
            plans, key=lambda plan: (plan.is_described, _planned_at(plan)), reverse=True
        ):
            stretches = {}
            keys_of_plan: set[bytes] = set()
            for path, parts in plan.stretches.items():
                lines = _lines(self._directory.root / path)
                keys = self._keys_of_lines(plan, path, lines)
                keys_of_plan.update(key for some in keys for key in some)
                repeats = [_is_repeat(some, seen[plan.header.source]) for some in keys]
                own = parts if plan.is_described else list(_stretches_of(repeats, parts[0]))
                if own:
                    stretches[path] = own
            seen[plan.header.source] |= keys_of_plan
            if stretches:
                kept.append(replace(plan, stretches=stretches))
        return sorted(kept, key=_planned_at)

    def enter(self, plan: _Plan) -> None:
        """Write a plan into the ledger; all lines in its stretches may have been sent."""
        header = plan.header
        if header.identifiers is not None:
            self._ledger.note_identifiers(header.source, header.identifiers)
        for path, stretches in plan.stretches.items():
            lines = _lines(self._directory.root / path)
            if stretches[-1].end_line > len(lines):
                raise LedgerError(
                    f"{self._directory.root / path} has {len(lines):,} lines, but more were "
                    "sent: put it back from a backup"
                )
            file_id = self._file(plan, path, lines)
            requests = self._requests(plan, path, file_id)
            for stretch in stretches:
                self._batch(file_id, stretch, lines, requests)

    def _file(self, plan: _Plan, path: str, lines: Sequence[bytes]) -> int:
        """The number of a file; it is added unless the older ledger has it."""
        known = self._ledger.empty_file(path)
        if known is not None:
            return known
        shape = plan.header.shape if plan.is_described else _shape(lines)
        keys = self._keys_of_lines(plan, path, lines)
        erased = erased_keys(self._directory.root / path)
        if shape is not Shape.PROFILES and self._settings.identical_rows == "counted":
            source = plan.header.source
            keys = [
                some if number in erased else [self._numbered(source, key) for key in some]
                for number, some in enumerate(keys)
            ]
        file_id = self._ledger.enter_file(
            replace(plan.header, shape=shape),
            BatchFile(path, len(lines), _byte_count(lines)),
            is_dry_run=False,
        )
        self._ledger.enter_keys(
            file_id,
            FileKeys(
                b"".join(key for some in keys for key in some),
                b"".join(
                    number.to_bytes(4, "little") for number, some in enumerate(keys) for _ in some
                ),
                b"".join(_contents(lines, erased)) if shape is Shape.PROFILES else None,
            ),
        )
        return file_id

    def _keys_of_lines(self, plan: _Plan, path: str, lines: Sequence[bytes]) -> list[list[bytes]]:
        """The keys of the content of each line, or of its content before its person was erased."""
        erased = erased_keys(self._directory.root / path)
        return [
            [bytes.fromhex(key) for key in erased[number].keys]
            if number in erased and is_erased(line)
            else self._line_keys(plan, path, line)
            for number, line in enumerate(lines)
        ]

    def _line_keys(self, plan: _Plan, path: str, text: bytes) -> list[bytes]:
        """The keys of the content of a line.

        Without a journal, it can be a visit, its events, or both.
        """
        identifiers = plan.header.identifiers or self._settings.identifiers
        reader = Reader(replace(self._settings, identifiers=identifiers))
        try:
            line = orjson.loads(text)
            if not plan.is_described and "actions" in line:
                is_of_events = line.keys() == {"actions", "visitor"} and line["actions"]
                return [digest(text), *(reader.event_keys(line) if is_of_events else ())]
            if plan.is_described and plan.header.shape is Shape.VISITS:
                return [digest(text)]
            if plan.is_described and plan.header.shape is Shape.EVENTS:
                return reader.event_keys(line)
            return [reader.update_key(line)]
        except (BadRowError, orjson.JSONDecodeError) as error:
            raise LedgerError(
                f"A line of {self._directory.root / path} cannot be read ({error}): put the file "
                "back from a backup, or set the identifiers of imports as they were"
            ) from error

    def _numbered(self, source: str, key: bytes) -> bytes:
        """A separate key for one of several identical rows."""
        known = self._known[source]
        own = next(own for nth in count() if (own := numbered(key, nth)) not in known)
        known.add(own)
        return own

    def _requests(self, plan: _Plan, path: str, file_id: int) -> list[tuple[int, Request]]:
        """Write all requests with lines of a file into the ledger.

        Returns them with their numbers.
        """
        return [
            (self._ledger.enter_request(file_id, request, "unknown"), request)
            for request in plan.requests
            if request.file == Path(path).name and request.sent_at is not None
        ]

    def _batch(
        self,
        file_id: int,
        stretch: Stretch,
        lines: Sequence[bytes],
        requests: Sequence[tuple[int, Request]],
    ) -> None:
        last = max(
            number
            for number, request in requests
            if request.first_line <= stretch.first_line
            and stretch.end_line <= request.first_line + request.line_count
        )
        byte_count = _byte_count(lines[stretch.first_line : stretch.end_line])
        self._ledger.enter_lost_batch(file_id, stretch, byte_count, self._now, last)


def _byte_count(lines: Sequence[bytes]) -> int:
    """The bytes of lines in a file."""
    return sum(map(len, lines)) + len(lines)


def _contents(lines: Sequence[bytes], erased: Mapping[int, ErasedKeys]) -> Iterator[bytes]:
    """The digests of the contents of profile updates."""
    for number, line in enumerate(lines):
        yield bytes.fromhex(erased[number].content) if number in erased else digest(line)


def _is_repeat(keys: Sequence[bytes], seen: set[bytes]) -> bool:
    """Whether a line, or every event on it, is known."""
    whole, *events = keys
    return whole in seen or (bool(events) and seen.issuperset(events))


def _stretches_of(repeats: Sequence[bool], whole: Stretch) -> Iterator[Stretch]:
    """The parts of a file whose lines are no repeats."""
    for is_repeat, numbers in groupby(range(len(repeats)), key=lambda number: repeats[number]):
        part = list(numbers)
        if not is_repeat:
            yield replace(whole, first_line=part[0], end_line=part[-1] + 1)


def _shape(lines: Sequence[bytes]) -> Shape:
    """The shape of lines without a journal; for events and visits it makes no difference."""
    return Shape.VISITS if b'"actions":' in lines[0] else Shape.PROFILES


def _cut(keys: bytes) -> list[bytes]:
    return [keys[place : place + KEY_BYTES] for place in range(0, len(keys), KEY_BYTES)]
