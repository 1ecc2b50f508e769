"""Applies the register of erasures to the files of the log: no line of an erased person stays.

It runs before every update of the model, so it must be fast if there is nothing to do. Each version
of a raw file and each parsed day is read once. It is read again only when a merge has given a
person more pids. Before it overwrites lines, it writes down that it does so. If it is killed, the
next one goes on, and no update comes in between (R9).
"""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.archive.overwriting import clean_archived, overwrite_archived
from woopra_pipeline.current_day.day_files import overwrite_current_day
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ArchiveError, ConfigurationError, ParsedDayError
from woopra_pipeline.locks import alone, locked_folder
from woopra_pipeline.parse.parse_day import clean_parsed, parse_log_day
from woopra_pipeline.parse.parsed_days import ParsedDay, find_parsed_day, parsed_log_days
from woopra_pipeline.parse.without_lines import leave_out
from woopra_pipeline.privacy.merges import Delete, Merges
from woopra_pipeline.privacy.persons import ErasedPersons, Said, Statement, as_text
from woopra_pipeline.privacy.register import (
    SETTLED_NAME,
    Register,
    digests_in,
    read_register,
    write_register,
)
from woopra_pipeline.replacing import replace_json
from woopra_pipeline.sql_text import read_parquet
from woopra_pipeline.tables import (
    ACTIONS_LOG,
    DELETES_LOG,
    PROPERTIES_LOG,
    REJECTED_LINES_LOG,
    VISITS_LOG,
    Table,
)
from woopra_pipeline.woopra.log_days import log_day_from_text, log_position


@dataclass(frozen=True)
class Settled:
    """The state of the files: which were read, under which rule, and what was overwritten.

    `purge` changes whenever lines were overwritten: a database that is older may still have them.
    `pending` is true while lines are overwritten; it stays true if the process dies.
    """

    rule: str = ""
    purge: str = ""
    pending: bool = False
    raw: tuple[str, ...] = ()
    """Checksums of the raw files that were read."""
    parsed: tuple[str, ...] = ()
    """Fingerprints of the parsed days that were read."""

    def covers(self, days: Iterable[ParsedDay]) -> bool:
        """Whether all of these parsed days were read, or nobody was ever erased."""
        return not self.purge or {day.fingerprint for day in days} <= set(self.parsed)


@dataclass(frozen=True)
class Overwritten:
    """The result of settling: by log day, how many lines were overwritten in its files."""

    lines: Mapping[date, int] = field(default_factory=dict)


def settle_erasures(
    directory: DataDirectory,
    *,
    notify: Callable[[str], None] = lambda message: None,
) -> tuple[Settled, Overwritten]:
    """Overwrite lines of erased persons in raw files and parsed days; all or nothing.

    Does nothing, in no time, if nobody was ever erased. Raises `ErasureError` if the
    register is lost or damaged, and what parsing a day raises.
    """
    folder = directory.erasures
    if not folder.is_dir():
        return Settled(), Overwritten()
    with alone(folder / "lock"):
        register = read_register(folder)
        if not register.erasures:
            return Settled(), Overwritten()
        return _Settling(directory, register, notify).run()


class _Settling:
    def __init__(
        self, directory: DataDirectory, register: Register, notify: Callable[[str], None]
    ) -> None:
        self._directory = directory
        self._register = register
        self._notify = notify
        self._archive = Archive(directory.raw)
        self._before = _read_settled(directory)
        self._archived = self._read_archived()
        self._parsed = self._read_parsed()
        self._unreadable: set[str] = set()
        """Checksums of raw files that turned out damaged."""

    def run(self) -> tuple[Settled, Overwritten]:
        before = self._before
        if not before.pending and before.rule == _rule(self._register) and self._is_known():
            return before, Overwritten()
        self._enter(self._register.joined(self._merges()))
        persons = self._persons()
        is_same_rule = before.rule == _rule(self._register)
        log_days = self._days_to_overwrite(
            persons,
            set(before.raw) if is_same_rule else set(),
            set(before.parsed) if is_same_rule else set(),
        )
        if new := persons.new_values():
            # Lines that were read before may repeat values that were found only now.
            self._enter(self._register.with_values(new))
            persons = self._persons()
            log_days |= self._days_to_overwrite(persons, set(), set(), found=log_days)
        register = self._register
        purge = before.purge or secrets.token_hex(8)
        overwritten: dict[date, int] = {}
        if log_days or before.pending:
            if before.pending or self._were_applied(log_days):
                purge = secrets.token_hex(8)
            self._write(Settled("", purge, pending=True))
            for log_day in sorted(log_days):
                overwritten[log_day] = overwrite_day(self._directory, log_day, persons)
                self._notify(
                    f"{log_day}: {overwritten[log_day]:,} lines of erased persons are gone"
                )
            self._clean()
        # Only files that were read and not changed. The new files are read the next time.
        read = self._archived.keys() - overwritten.keys()
        settled = Settled(
            rule=_rule(register),
            purge=purge,
            raw=tuple(sorted(sha256 for log_day in read for sha256 in self._raw_of(log_day))),
            parsed=tuple(
                sorted(
                    day.fingerprint
                    for log_day, day in self._parsed.items()
                    if log_day not in overwritten
                )
            ),
        )
        self._write(settled)
        return settled, Overwritten(overwritten)

    def _enter(self, register: Register) -> None:
        if register != self._register:
            write_register(self._directory.erasures, register)
            self._register = register

    def _persons(self) -> ErasedPersons:
        return self._register.persons(
            digests_in(self._directory),
            lambda new: self._enter(self._register.with_values(new)),
        )

    def _were_applied(self, log_days: set[date]) -> bool:
        """Whether the model may load the rows of a day: only days that were read here."""
        known = set(self._before.parsed)
        return any(
            log_day in self._parsed and self._parsed[log_day].fingerprint in known
            for log_day in log_days
        )

    def _is_known(self) -> bool:
        return self._raw() <= set(self._before.raw) and self._before.covers(self._parsed.values())

    def _raw(self) -> set[str]:
        return {sha256 for log_day in self._archived for sha256 in self._raw_of(log_day)}

    def _raw_of(self, log_day: date) -> set[str]:
        """The checksums of the raw files of a day."""
        archived = self._archived.get(log_day)
        versions = archived.versions if archived else ()
        return {version.sha256 for version in versions if not version.is_removed}

    def _read_archived(self) -> dict[date, ArchivedDay]:
        days = {}
        for log_day in self._archive.log_days():
            with suppress(ArchiveError):
                days[log_day] = self._archive.get(log_day)
        return days

    def _read_parsed(self) -> dict[date, ParsedDay]:
        days = {}
        for log_day in parsed_log_days(self._directory.parsed):
            day = self._whole_day(log_day)
            if day is not None:
                days[log_day] = day
        return days

    def _whole_day(self, log_day: date) -> ParsedDay | None:
        """A parsed day; one that is damaged is parsed again, if it is archived."""
        try:
            return find_parsed_day(self._directory.parsed, log_day)
        except ParsedDayError as error:
            if log_day not in self._archive.log_days():
                return None
            self._notify(f"{log_day} is parsed again from the archive ({error})")
            return parse_log_day(self._archive, log_day, self._directory.parsed)

    def _merges(self) -> Merges:
        rows = self._rows("log_day, log_line, pid, new_id", DELETES_LOG)
        return Merges(Delete(log_position(day, line), *pids) for day, line, *pids in rows)

    def _days_to_overwrite(
        self,
        persons: ErasedPersons,
        known_raw: set[str],
        known_parsed: set[str],
        found: AbstractSet[date] = frozenset(),
    ) -> set[date]:
        """The days with a file that was not read before and has lines to overwrite.

        If a raw file was parsed without a change, and no row names the persons, the file need not
        be read. Days that were `found` before are skipped.
        """
        candidates = self._days_with(persons, known_parsed) - found
        found = set(found)
        for log_day, archived in self._archived.items():
            if log_day in found:
                continue
            parsed = self._parsed.get(log_day)
            for version in archived.versions:
                if parsed is not None and parsed.raw_sha256 == version.sha256:
                    is_candidate = log_day in candidates
                else:
                    is_candidate = version.sha256 not in known_raw
                # Every version is read to its end, because the values of its lines must be
                # remembered.
                if is_candidate and self._holds(version, persons):
                    found.add(log_day)
        for log_day in candidates:
            parsed = self._parsed[log_day]
            # The day is still followed, or its raw file is gone or damaged, or was overwritten by a
            # process that died before it could parse it.
            is_on_its_own = parsed.raw_sha256 not in self._raw_of(log_day) - self._unreadable
            if is_on_its_own and _erased_lines(parsed, persons):
                found.add(log_day)
        return found

    def _holds(self, version: ArchivedDay, persons: ErasedPersons) -> bool:
        try:
            with self._archive.open(version) as stream:
                return persons.count(stream, version.log_day) > 0
        except ArchiveError:
            self._unreadable.add(version.sha256)
            return False

    def _days_with(self, persons: ErasedPersons, known: set[str]) -> set[date]:
        """The parsed days with a row that names one of them, without those that are known."""
        days = [day for day in self._parsed.values() if day.fingerprint not in known]
        if not days:
            return set()
        pids = pa.table({"pid": pa.array(persons.moments, pa.string())})
        of_theirs = self._rows(
            "distinct log_day", VISITS_LOG, days, where="pid in (select pid from pids)", pids=pids
        )
        rejected = self._rows("log_day, raw", REJECTED_LINES_LOG, days)
        return (
            {log_day for (log_day,) in of_theirs}
            | self._days_identifying(persons, days)
            | {log_day for log_day, raw in rejected if persons.takes_rejected(raw)}
            # Their text is not there to be looked at.
            | {day.log_day for day in days if day.pseudonyms and day.rejected_count}
        )

    def _days_identifying(self, persons: ErasedPersons, days: Sequence[ParsedDay]) -> set[date]:
        """The parsed days with a property that identified one of the persons."""
        if not persons.keys:
            return set()
        keys = pa.table({"key": pa.array(sorted(persons.keys), pa.string())})
        properties = self._rows(
            "distinct key, value",
            PROPERTIES_LOG,
            days,
            where="key in (select key from keys)",
            keys=keys,
        )
        theirs = [one for one in properties if persons.is_identifier(one[0], as_text(one[1]))]
        if not theirs:
            return set()
        table = pa.table({"key": [key for key, _ in theirs], "value": [v for _, v in theirs]})
        where = "(key, value) in (select (key, value) from theirs)"
        rows = self._rows("distinct log_day", PROPERTIES_LOG, days, where=where, theirs=table)
        return {log_day for (log_day,) in rows}

    def _rows(
        self,
        columns: str,
        table: Table,
        days: Iterable[ParsedDay] | None = None,
        *,
        where: str = "true",
        **tables: pa.Table,
    ) -> list[tuple[Any, ...]]:
        """Rows of all parsed days; a day whose files turn out damaged is parsed again."""
        log_days = list(self._parsed) if days is None else [day.log_day for day in days]
        while True:
            some = [self._parsed[log_day] for log_day in log_days if log_day in self._parsed]
            files = [path for day in some for path in day.parquet_files(table)]
            if not files:
                return []
            try:
                with duckdb.connect() as connection:
                    connection.execute("set enable_progress_bar = false")
                    for name, content in tables.items():
                        connection.register(name, content)
                    return connection.execute(
                        f"select {columns} from {read_parquet(files)} where {where}"
                    ).fetchall()
            except duckdb.Error:
                if not self._mend(some):
                    raise

    def _mend(self, days: Iterable[ParsedDay]) -> bool:
        """Parse damaged days again; those that are not archived are left out. True if any was."""
        damaged = [day.log_day for day in days if not _is_whole(day)]
        for log_day in damaged:
            del self._parsed[log_day]
            if log_day in self._archived:
                self._notify(f"{log_day} is parsed again from the archive, because it is damaged")
                self._parsed[log_day] = parse_log_day(
                    self._archive, log_day, self._directory.parsed
                )
        return bool(damaged)

    def _clean(self) -> None:
        """Remove replaced files and files of killed processes: they may have erased lines."""
        for log_day in _log_days_in(self._archive.folder):
            clean_archived(self._archive, log_day)
        for log_day in _log_days_in(self._directory.parsed):
            clean_parsed(self._directory.parsed, log_day)

    def _write(self, settled: Settled) -> None:
        replace_json(self._directory.erasures / SETTLED_NAME, msgspec.to_builtins(settled))


def overwrite_day(directory: DataDirectory, log_day: date, persons: ErasedPersons) -> int:
    """Overwrite the lines of `persons` in all files of a day, and parse it again.

    Returns how many lines that were.
    """
    archive = Archive(directory.raw)
    parsed = find_parsed_day(directory.parsed, log_day)
    count = 0
    if parsed is not None and parsed.is_open:
        count = overwrite_current_day(directory.parsed, log_day, persons)
    if archive.holds(log_day):
        count += overwrite_archived(archive, log_day, persons)
        with suppress(ArchiveError):
            parse_log_day(archive, log_day, directory.parsed)
    # If the raw file is not there, or the day is still followed, its own rows are used.
    with locked_folder(directory.parsed / log_day.isoformat()):
        day = find_parsed_day(directory.parsed, log_day)
        lines = set() if day is None else _erased_lines(day, persons)
        if day is not None and lines:
            leave_out(day, lines)
            count += len(lines)
    return count


def _erased_lines(day: ParsedDay, persons: ErasedPersons) -> set[int]:
    """The numbers of the erased lines of a parsed day, found in its own rows."""
    properties = _rows_of(day, PROPERTIES_LOG, ["log_line", "key", "value"])
    identifying = {
        row["log_line"]
        for row in properties.filter(_is_in(properties["key"], persons.keys)).to_pylist()
        if persons.is_identifier(row["key"], as_text(row["value"]))
    }
    visits = _rows_of(day, VISITS_LOG, ["log_line", "type", "pid", "started_at"])
    is_looked_at = pc.or_(
        _is_in(visits["pid"], persons.moments), _is_in(visits["log_line"], identifying)
    )
    looked_at = visits.filter(is_looked_at).to_pylist()
    lines = {row["log_line"] for row in looked_at}
    times: dict[int, list[object]] = defaultdict(list)
    said: dict[int, dict[str, str]] = defaultdict(dict)
    actions = _rows_of(day, ACTIONS_LOG, ["log_line", "occurred_at"])
    for row in actions.filter(_is_in(actions["log_line"], lines)).to_pylist():
        times[row["log_line"]].append(row["occurred_at"])
    for row in properties.filter(_is_in(properties["log_line"], lines)).to_pylist():
        said[row["log_line"]][row["key"]] = row["value"]
    earlier: Said = defaultdict(set)
    erased = set()
    for row in sorted(looked_at, key=lambda row: int(row["log_line"])):
        line = row["log_line"]
        statement = Statement(
            row["type"], row["pid"], (row["started_at"], *times[line]), said[line]
        )
        if persons.take(statement, day.log_day, earlier):
            erased.add(line)
    rejected = _rows_of(day, REJECTED_LINES_LOG, ["log_line", "raw"]).to_pylist()
    return erased | {row["log_line"] for row in rejected if persons.takes_rejected(row["raw"])}


def _rows_of(day: ParsedDay, table: Table, columns: list[str]) -> pa.Table:
    return pa.concat_tables(
        pq.read_table(path, columns=columns) for path in day.parquet_files(table)
    )


def _is_in(column: pa.ChunkedArray, values: Iterable[object]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(list(values), column.type))


def _rule(register: Register) -> str:
    """A digest that changes whenever other lines are erased."""
    moments = sorted((pid, str(moment)) for pid, moment in register.persons().moments.items())
    lives = [(life.pid, life.log_position) for one in register.erasures for life in one.lives]
    digests = [(one.keys, one.identifiers, one.values) for one in register.erasures]
    rule = repr((moments, lives, digests))
    return hashlib.sha256(rule.encode("utf-8", "surrogatepass")).hexdigest()


def _read_settled(directory: DataDirectory) -> Settled:
    """The state of the last settling; an empty one if it cannot be read."""
    path = directory.erasures / SETTLED_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settled)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return Settled(pending=True)


def _is_whole(day: ParsedDay) -> bool:
    try:
        day.verify()
    except ParsedDayError:
        return False
    return True


def _log_days_in(folder: Path) -> list[date]:
    days = []
    for path in folder.glob("*/"):
        with suppress(ConfigurationError):
            days.append(log_day_from_text(path.name))
    return days
