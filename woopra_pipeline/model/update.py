"""Updates the model to the parsed days on disk: the only way in which it changes.

The ledger `log.days` inside the database names the fingerprint of every day that was applied. An
update compares it with the parsed days, applies the difference in one transaction that also writes
the ledger, and publishes. A rebuild fills a new file in several transactions, and the whole file
then replaces the old one. So the model depends only on the set of parsed days (R7), and a process
that is killed at any point leaves the state before or the state after (R9).
"""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from woopra_pipeline.archive.days import Archive
from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.current_day.day_files import FOLDER_PREFIX
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import DatabaseDamagedError, ParsedDayError
from woopra_pipeline.files import read_json, remove
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.model.database import (
    MEMORY_LIMIT,
    connect,
    file_stamp,
    is_damage,
    publish,
    published_marker,
    statements,
    transaction,
    write_ahead_log,
)
from woopra_pipeline.model.lock import model_lock
from woopra_pipeline.model.merge_forest import number_forest
from woopra_pipeline.model.reports import renew_reports
from woopra_pipeline.model.schema import (
    DAY_LEDGER,
    LOG_TABLES,
    SCHEMA_VERSION,
    comments,
    create_table,
)
from woopra_pipeline.model.stages import Stage
from woopra_pipeline.model.typed_settings import DEFAULT_SETTINGS, TypedSettings, read_pinned_types
from woopra_pipeline.model.typed_tables import (
    TypedChoice,
    Types,
    is_of_choice,
    read_earlier_types,
    update_typed_relations,
)
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import ParsedDay, find_parsed_day, parsed_log_days
from woopra_pipeline.privacy.settling import settle_erasures
from woopra_pipeline.replacing import replace_json
from woopra_pipeline.sql_text import read_parquet
from woopra_pipeline.tables import MODEL_TABLES, PARSED_TABLES
from woopra_pipeline.woopra.log_days import log_position
from woopra_pipeline.wording import count

REBUILD_SHARE = 0.5
"""Above this share of changed lines, building again is cheaper than changing what is there."""

SWEEP_FACTOR = 8
"""How many times more rows the first way of the re-log audit may have: it costs less for each."""

PATIENCE_SECONDS = 600.0
"""How long an update waits for another one that holds the model."""

Method = Literal["none", "types", "days", "rebuild"]
"""How a difference was applied: there was none, only what is typed was made again because a setting
or `types.yml` changed, day by day, or by building the model again."""


@dataclass(frozen=True)
class AppliedDay:
    """A day in the model, as its ledger has it."""

    fingerprint: str
    line_count: int


Ledger = Mapping[date, AppliedDay]

Retyping = Callable[[duckdb.DuckDBPyConnection], None]
"""What updates the typed relations to the rest, within the transaction."""


@dataclass(frozen=True)
class Difference:
    """What separates the model from the parsed days on disk."""

    added: tuple[ParsedDay, ...]
    """Days to load: new ones, the current form of replaced ones, and those that have grown."""
    obsolete: tuple[date, ...]
    """Days to unload: removed ones, and the earlier form of replaced ones."""
    grown: Mapping[date, int] = field(default_factory=dict)
    """The added days that have only grown: how many of their lines are loaded already."""

    @classmethod
    def between(cls, ledger: Ledger, parsed: Mapping[date, ParsedDay]) -> "Difference":
        """What leads from the days in `ledger` to the days in `parsed`."""
        same = {
            log_day
            for log_day, day in ledger.items()
            if log_day in parsed and parsed[log_day].fingerprint == day.fingerprint
        }
        grown = {
            log_day: day.line_count
            for log_day, day in ledger.items()
            if log_day not in same
            and log_day in parsed
            and parsed[log_day].continues(day.fingerprint, day.line_count)
        }
        return cls(
            added=tuple(parsed[log_day] for log_day in sorted(parsed.keys() - same)),
            obsolete=tuple(sorted(ledger.keys() - same - grown.keys())),
            grown=grown,
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.obsolete)

    @property
    def loaded_line_count(self) -> int:
        """How many lines are to be loaded."""
        return sum(day.line_count for day in self.added) - sum(self.grown.values())


@dataclass(frozen=True)
class Content:
    """What a build file holds: the name of its state, and the sizes of the public tables."""

    revision: str
    row_counts: Mapping[str, int]


@dataclass(frozen=True)
class ModelUpdate:
    """What an update did: days by what happened to them, and the sizes of the public tables."""

    method: Method
    added: tuple[date, ...]
    replaced: tuple[date, ...]
    removed: tuple[date, ...]
    grown: tuple[date, ...]
    touched_pid_count: int
    row_counts: Mapping[str, int]
    published: bool
    seconds: float
    """How long all of it took."""
    publishing_seconds: float
    """How long publishing took of that."""


def update_model(
    directory: DataDirectory,
    *,
    clock: Clock = system_clock,
    notify: Callable[[str], None] = lambda message: None,
    rebuild_share: float = REBUILD_SHARE,
    patience_seconds: float = PATIENCE_SECONDS,
    memory_limit: str = MEMORY_LIMIT,
    typed: TypedSettings = DEFAULT_SETTINGS,
) -> ModelUpdate:
    """Apply every difference between the model and the parsed days, and publish the result.

    Does nothing, and publishes nothing, if there is no difference. Another choice of what is typed
    than before, by `typed` or `types.yml`, is a difference, and so are report macros of another
    version. Above `rebuild_share`, changed lines as a share of all lines, the model is built
    again, with the same result. DuckDB takes up to `memory_limit` (`4GB`), and works on disk past
    it.

    What is damaged is made again, and `notify` hears of it: a build file from the parsed days, a
    parsed day from the archive, a published file from the build file. Raises `ConfigurationError`
    if `types.yml` is not what it should be, `ArchiveError` if a damaged parsed day is not archived,
    `DiskFullError` if there is no room, `DatabaseHeldError` if
    another process has the build file open, and `ModelError` if one updates the model for longer
    than `patience_seconds`.
    """
    started = time.monotonic()
    build = directory.model / "build.duckdb"
    choice = TypedChoice(typed, read_pinned_types(directory.types))
    with (
        needs_room(directory.model, "updating the model"),
        model_lock(directory.model, clock(), patience_seconds=patience_seconds, notify=notify),
    ):
        days, purge = _settled_days(directory, notify)
        earlier_types: Types = {}

        def retype(connection: duckdb.DuckDBPyConnection) -> None:
            is_day_over = not difference.added or not all(day.is_open for day in difference.added)
            update_typed_relations(
                connection, choice, earlier_types, notify, is_day_over=is_day_over
            )

        try:
            with connect(build, memory_limit=memory_limit) as connection:
                ledger = _read_ledger(connection, purge)
                difference = days.difference(ledger or {})
                method = _method(ledger, difference, rebuild_share)
                if method == "none" and not is_of_choice(connection, choice):
                    notify("making the typed tables again, because their settings changed")
                    method = "types"
                if ledger is not None and method != "none":
                    earlier_types = read_earlier_types(connection, choice)
                touched = 0
                if method == "days":
                    notify(
                        f"applying {count(len(difference.added), 'log day')} to the model, "
                        f"taking {len(difference.obsolete)} out"
                    )
                if method in ("days", "types"):
                    touched = _apply(connection, difference, clock, retype)
                if method != "rebuild":
                    with transaction(connection):
                        if renew_reports(connection):
                            _set_revision(connection)
                    content = _read_content(connection)
        except (DatabaseDamagedError, duckdb.Error) as error:
            if isinstance(error, duckdb.Error) and not is_damage(error):
                raise
            notify(f"the build of the model is damaged and is made again ({_first_line(error)})")
            difference, method = days.difference({}), "rebuild"
        if method == "rebuild":
            notify(f"building the model from {count(len(days.parsed), 'log day')}")
            whole = days.difference({})
            touched, content = _rebuild(
                build, whole.added, purge, clock=clock, memory_limit=memory_limit, retype=retype
            )
        publishing = time.monotonic()
        stale = not _is_published(directory, content.revision)
        if stale:
            notify("publishing the model")
            publish(build, directory.published_model)
            stamp = file_stamp(directory.published_model) or {}
            replace_json(published_marker(directory), {"revision": content.revision, **stamp})
        publishing_seconds = time.monotonic() - publishing
    loaded = {day.log_day for day in difference.added}
    unloaded = set(difference.obsolete)
    return ModelUpdate(
        method,
        added=tuple(sorted(loaded - unloaded - difference.grown.keys())),
        replaced=tuple(sorted(loaded & unloaded)),
        removed=tuple(sorted(unloaded - loaded)),
        grown=tuple(sorted(difference.grown)),
        touched_pid_count=touched,
        row_counts=content.row_counts,
        published=stale,
        seconds=time.monotonic() - started,
        publishing_seconds=publishing_seconds,
    )


def _settled_days(
    directory: DataDirectory, notify: Callable[[str], None]
) -> tuple["_WholeDays", str]:
    """The parsed days, with nothing of an erased person in them (R10), and the latest purge."""
    while True:
        settled, _ = settle_erasures(directory, notify=notify)
        days = _WholeDays(directory, notify)
        # Another process may have parsed a day in the meantime.
        if settled.covers(days.parsed.values()):
            return days, settled.purge


class _WholeDays:
    """The parsed days on disk, each as it is in its manifest; damaged ones are parsed again."""

    def __init__(self, directory: DataDirectory, notify: Callable[[str], None]) -> None:
        self.parsed: dict[date, ParsedDay] = {}
        self._directory = directory
        self._notify = notify
        self._verified: set[date] = set()
        for log_day in parsed_log_days(directory.parsed):
            try:
                day = find_parsed_day(directory.parsed, log_day)
            except ParsedDayError as error:
                self._parse_again(log_day, error)
            else:
                if day is not None:
                    self.parsed[log_day] = day

    def difference(self, ledger: Ledger) -> Difference:
        """What leads from the days in `ledger` to these, with every file to be loaded whole."""
        while True:
            difference = Difference.between(ledger, self.parsed)
            damaged = [day for day in difference.added if not self._is_whole(day, difference)]
            if not damaged:
                return difference

    def _is_whole(self, day: ParsedDay, difference: Difference) -> bool:
        """Whether the files to be loaded are whole; if they are not, the day is parsed again."""
        if day.log_day in self._verified:
            return True
        try:
            day.verify(after_line=difference.grown.get(day.log_day, 0))
        except ParsedDayError as error:
            del self.parsed[day.log_day]
            self._parse_again(day.log_day, error)
            return False
        if day.log_day not in difference.grown:
            self._verified.add(day.log_day)
        return True

    def _parse_again(self, log_day: date, error: ParsedDayError) -> None:
        folder = self._directory.parsed / log_day.isoformat()
        archive = Archive(self._directory.raw)
        was_current = any(folder.glob(f"{FOLDER_PREFIX}*"))
        if was_current and log_day not in archive.log_days():
            self._notify(
                f"{log_day} was followed so far and is damaged: it is left out of the model until "
                f"it is followed again or fetched ({error})"
            )
            return
        self._notify(f"{log_day} is parsed again from the archive ({error})")
        self.parsed[log_day] = parse_log_day(archive, log_day, self._directory.parsed)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _read_ledger(connection: duckdb.DuckDBPyConnection, purge: str) -> Ledger | None:
    """The days in the build file, or None if it is new or of another version.

    Also if lines were erased since it was begun: what DuckDB deletes may stay in the file, unseen.
    """
    if not connection.sql("from duckdb_schemas() where schema_name = 'log'").fetchall():
        return None
    if connection.sql("select schema_version from log.state").fetchall() != [(SCHEMA_VERSION,)]:
        return None
    if connection.sql("select purge from log.state").fetchall() != [(purge,)]:
        return None
    rows = connection.sql("select log_day, fingerprint, line_count from log.days").fetchall()
    return {row[0]: AppliedDay(row[1], row[2]) for row in rows}


def _method(ledger: Ledger | None, difference: Difference, rebuild_share: float) -> Method:
    if ledger is None:
        return "rebuild"
    if not difference:
        return "none"
    loaded = difference.loaded_line_count
    unloaded = sum(ledger[log_day].line_count for log_day in difference.obsolete)
    remaining = sum(day.line_count for day in ledger.values()) - unloaded + loaded
    return "rebuild" if loaded + unloaded > rebuild_share * remaining else "days"


def _rebuild(
    build: Path,
    days: Iterable[ParsedDay],
    purge: str,
    *,
    clock: Clock,
    memory_limit: str,
    retype: Retyping,
) -> tuple[int, Content]:
    """Build the model of `days` beside `build` and put it in its place."""
    fresh = build.with_name("build-new.duckdb")
    for path in (fresh, build):
        # Where a process that was killed had worked on disk.
        remove(path.with_name(f"{path.name}.tmp"))
    remove(fresh)
    remove(write_ahead_log(fresh))
    with connect(fresh, memory_limit=memory_limit) as connection:
        create_tables(connection, purge)
        touched = _apply(connection, Difference(tuple(days), ()), clock, retype, in_steps=True)
        content = _read_content(connection)
    # What was not yet written into the file before would be taken for a part of this one.
    remove(write_ahead_log(build))
    fresh.replace(build)
    return touched, content


def create_tables(connection: duckdb.DuckDBPyConnection, purge: str = "") -> None:
    """Make an empty database what the model is before any day is loaded.

    `purge` names the latest erasure of lines, if there was one.
    """
    # One transaction: otherwise each of its hundreds of statements would wait for the disk.
    with transaction(connection):
        connection.execute("create schema log; create schema events")
        for table in (*LOG_TABLES, *(table for table in MODEL_TABLES if not table.is_view)):
            connection.execute(create_table(table))
        _run(connection, Stage.EMPTY_MODEL)
        renew_reports(connection)
        connection.execute("; ".join(comments()))
        connection.execute("insert into log.state values (?, null, ?)", [SCHEMA_VERSION, purge])


def _apply(
    connection: duckdb.DuckDBPyConnection,
    difference: Difference,
    clock: Clock,
    retype: Retyping,
    *,
    in_steps: bool = False,
) -> int:
    """Apply `difference` and write the ledger, in one transaction; return how many pids it touched.

    What a transaction adds stays in memory up to its end. So a new file, which has no reader yet,
    is filled `in_steps`: each step is a transaction.
    """
    # DuckDB guesses that a table filled in this transaction is tiny, and would loop over it.
    for join in ("asof_loop_join", "nested_loop_join", "merge_join"):
        connection.execute(f"set {join}_threshold = 0")

    def end_step() -> None:
        if in_steps:
            connection.commit()
            connection.begin()

    with transaction(connection):
        _run(connection, Stage.NOTES)
        for log_day in difference.obsolete:
            _set(connection, "first_position", log_position(log_day, 0))
            _set(connection, "next_position", log_position(log_day + timedelta(days=1), 0))
            _run(connection, Stage.DAY_TAKEN_OUT)
        is_first = not _count(connection, "log.days")
        if difference.added:
            _load(connection, difference, clock(), end_step)
        if not is_first:
            _run(connection, Stage.REVOIDED)
        _run(connection, Stage.PROFILES_RENEWED)
        end_step()
        if _count(connection, "redeleted_pids"):
            _follow_merges(connection)
        _run(connection, Stage.ALIASES_RENEWED)
        end_step()
        _set(connection, "sweep_factor", SWEEP_FACTOR)
        _run(connection, Stage.RELOGS_AUDITED)
        end_step()
        retype(connection)
        _set_revision(connection)
        return _count(connection, "touched_pids")


def _load(
    connection: duckdb.DuckDBPyConnection,
    difference: Difference,
    applied_at: datetime,
    end_step: Callable[[], None],
) -> None:
    """Load the rows that are added and enter their days in the ledger."""
    for table in PARSED_TABLES:
        files = read_parquet(
            path
            for day in difference.added
            for path in day.parquet_files(table, after_line=difference.grown.get(day.log_day, 0))
        )
        connection.execute(f"create or replace temp view {table.name} as from {files}")
    for name in Stage.DAYS_ADDED.value:
        connection.execute(statements(name))
        end_step()
    for day in difference.added:
        connection.execute("delete from log.days where log_day = ?", [day.log_day])
        entry = {**vars(day), "applied_at": applied_at}
        values = [entry[column.name] for column in DAY_LEDGER.columns]
        connection.execute(f"insert into log.days values ({', '.join('?' * len(values))})", values)


def _follow_merges(connection: duckdb.DuckDBPyConnection) -> None:
    """Follow every merge to its end."""
    _run(connection, Stage.MERGES_NUMBERED)
    steps = connection.sql("select node, parent from merge_nodes order by node").fetchnumpy()
    forest = number_forest(steps["parent"])
    connection.register("forest", pa.table({"node": steps["node"], **vars(forest)}))
    _run(connection, Stage.MERGES_FOLLOWED)
    connection.unregister("forest")


def _run(connection: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    for name in stage.value:
        connection.execute(statements(name))


def _read_content(connection: duckdb.DuckDBPyConnection) -> Content:
    ((revision,),) = connection.sql("select revision from log.state").fetchall()
    return Content(revision, {table.name: _count(connection, table.name) for table in MODEL_TABLES})


def _is_published(directory: DataDirectory, revision: str) -> bool:
    """Whether readers have this state of the model, in the very file that was put there."""
    stamp = file_stamp(directory.published_model)
    marker = read_json(published_marker(directory))
    return stamp is not None and marker == {"revision": revision, **stamp}


def _set_revision(connection: duckdb.DuckDBPyConnection) -> None:
    """Name the state of the model again, so that it is published."""
    connection.execute("update log.state set revision = ?", [secrets.token_hex(8)])


def _set(connection: duckdb.DuckDBPyConnection, variable: str, value: object) -> None:
    connection.execute(f"set variable {variable} = ?", [value])


def _count(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    ((number,),) = connection.sql(f"select count(*) from {rows}").fetchall()
    return int(number)
