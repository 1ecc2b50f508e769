"""Finds out in the log whether imports without an answer arrived.

An import is logged on the day on which it was sent. The line in the log may not show the visitor's
identifier. So the actions of the profile that has the identifier today are compared, as a multiset
of (time, name), without actions that were there before or were only logged again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.resources import files as package_files
from typing import Literal, TypeAlias

import duckdb
import orjson

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LedgerError, ModelError
from woopra_pipeline.imports.batch_files import is_erased, read_lines
from woopra_pipeline.imports.ledger import Batch, Ledger, State
from woopra_pipeline.imports.lines import identifier_text
from woopra_pipeline.imports.publication import connect_with_imports, publish_imports
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import Shape
from woopra_pipeline.parse.pseudonyms import pseudonyms_below
from woopra_pipeline.woopra.log_days import (
    end_of_log_day,
    log_day_at,
    log_days_between,
    log_position,
    start_of_log_day,
)

Finding: TypeAlias = Literal["found", "absent", "partly", "waiting"]

MARGIN = timedelta(minutes=15)
"""How far from the time of sending, by our clock, the service may have logged a batch."""

SHOWN_LINES = 20
_SORTED = orjson.OPT_SORT_KEYS


@dataclass(frozen=True)
class Verdict:
    """What the log shows of a batch.

    `found`: all of its actions arrived; `absent`: none did, and the day is over; `partly`: some
    did, which the service should not do; `waiting`: it cannot be decided yet, `reason` says why.
    `missing_lines` are the first of its lines that did not arrive.
    """

    batch: Batch
    finding: Finding
    reason: str
    missing_lines: tuple[str, ...] = ()


def verify_imports(
    directory: DataDirectory,
    *,
    settings: ImportSettings,
    clock: Clock = system_clock,
    notify: Callable[[str], None] = lambda message: None,
) -> list[Verdict]:
    """Look in the log for every unknown batch, and settle those that it can decide.

    Batches that are found are accepted, and absent ones are planned again. A batch that is found in
    part stays unknown until it is settled by hand. Raises `ModelError` if there is no model.
    """
    verdicts = []
    with Ledger(directory, clock) as ledger:
        ledger.recover()
        for batch in ledger.batches(None, State.UNKNOWN):
            publish_imports(ledger)
            try:
                with ledger.holding(batch.source), _connected(directory) as connection:
                    verdict = judge(connection, ledger, batch, settings=settings, clock=clock)
                    _settle(ledger, verdict)
            except LedgerError as error:
                verdict = Verdict(batch, "waiting", str(error))
            notify(f"Import batch {batch.batch_id} ({batch.source}): {verdict.reason}")
            verdicts.append(verdict)
        publish_imports(ledger)
    return verdicts


def prove_imports(
    directory: DataDirectory,
    batch_ids: Iterable[int],
    *,
    settings: ImportSettings,
    clock: Clock = system_clock,
) -> list[Verdict]:
    """Look in the log for batches in any state, and change nothing.

    Raises `LedgerError` if there is no such batch, and `ModelError` if there is no model.
    """
    with Ledger(directory, clock) as ledger, _connected(directory) as connection:
        return [
            judge(connection, ledger, ledger.batch(batch_id), settings=settings, clock=clock)
            for batch_id in batch_ids
        ]


def judge(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    batch: Batch,
    *,
    settings: ImportSettings,
    clock: Clock,
) -> Verdict:
    """What the log shows of one batch; `connection` shows model and imports."""
    if batch.sent_at is None:
        return Verdict(batch, "waiting", "it was never sent")
    pseudonyms = pseudonyms_below(ledger.directory.root)
    if pseudonyms and set(pseudonyms.names) & set(settings.identifiers):
        return Verdict(
            batch,
            "waiting",
            "identifiers in the model are pseudonyms, so the log cannot be searched for it: "
            "settle it by hand",
        )
    log_days = _log_days(connection)
    reason = _why_not_yet(batch.sent_at, batch.sent_until or batch.sent_at, log_days, clock())
    if reason is not None:
        return Verdict(batch, "waiting", reason)
    lines = [line.decode() for line in read_lines(ledger.directory, batch.file)[batch.lines]]
    if batch.shape is Shape.PROFILES:
        return _judge_updates(connection, batch, lines, settings.identifiers)
    _compare(connection, batch.batch_id, batch.sent_at, max(log_days), settings.identifiers)
    return _judge_actions(connection, batch, lines)


def _why_not_yet(
    sent_at: datetime, sent_until: datetime, log_days: set[date], now: datetime
) -> str | None:
    """Why it cannot be decided yet whether a batch arrived; None if it can."""
    first, last = log_day_at(sent_at - MARGIN), log_day_at(sent_until + MARGIN)
    if now < end_of_log_day(last):
        return f"log day {last} is not over"
    # Lines of a merge on the last of these days may be logged again on the next day.
    wanted = set(log_days_between(first, max({last, *log_days})))
    if missing := wanted - log_days:
        return f"log day {min(missing)} is not in the model"
    return None


def _judge_actions(
    connection: duckdb.DuckDBPyConnection, batch: Batch, lines: Sequence[str]
) -> Verdict:
    rows = connection.execute(
        "select wanted, found, is_unsettled, line_numbers from found_actions"
    ).fetchall()
    wanted, found = sum(row[0] for row in rows), sum(row[1] for row in rows)
    if not wanted:
        return Verdict(batch, "waiting", "its lines have no actions to look for: settle it by hand")
    if found == wanted:
        return Verdict(batch, "found", f"all of its {wanted:,} actions are in the log")
    not_found = [row for row in rows if row[1] < row[0]]
    missing = sorted({number for row in not_found for number in row[3]})
    shown = tuple(lines[number - 1 - batch.first_line] for number in missing[:SHOWN_LINES])
    if any(is_unsettled for _, _, is_unsettled, _ in not_found):
        return Verdict(
            batch,
            "waiting",
            "a merge of one of its visitors may not be logged completely yet",
            shown,
        )
    if found:
        reason = (
            f"only {found:,} of its {wanted:,} actions are in the log, which should not happen: "
            "find out why, and settle it by hand"
        )
        return Verdict(batch, "partly", reason, shown)
    return Verdict(batch, "absent", f"none of its {wanted:,} actions is in the log", shown)


def _judge_updates(
    connection: duckdb.DuckDBPyConnection,
    batch: Batch,
    lines: Sequence[str],
    identifiers: Sequence[str],
) -> Verdict:
    lines = [line for line in lines if not is_erased(line.encode())]
    visitors = [orjson.loads(line)["visitor"] for line in lines]
    keys = {(key, identifier_text(visitor.get(key))) for visitor in visitors for key in identifiers}
    properties = _properties_of(connection, {(key, text) for key, text in keys if text})
    # If the ledger was lost, others may have written another value since then.
    written = _written_since(connection, batch.sent_at) if batch.sent_until else {}
    missing = [
        line
        for line, visitor in zip(lines, visitors, strict=True)
        if not any(
            _says(profile, visitor) or _was_written(written.get(pid, {}), visitor)
            for key in identifiers
            for pid, profile in properties.get((key, identifier_text(visitor.get(key))), ())
        )
    ]
    if not missing:
        return Verdict(batch, "found", "all of its profiles have its values")
    reason = f"{len(missing):,} of its {len(lines):,} profiles do not have its values"
    return Verdict(batch, "absent", reason, tuple(missing[:SHOWN_LINES]))


def _says(profile: Mapping[str, object], visitor: Mapping[str, object]) -> bool:
    return all(
        key in profile and (profile[key] == value or str(profile[key]) == str(value))
        for key, value in visitor.items()
    )


def _was_written(written: Mapping[str, set[str]], visitor: Mapping[str, object]) -> bool:
    return all(_shown(value) in written.get(key, ()) for key, value in visitor.items())


def _shown(value: object) -> str:
    """A property's value as text; 7 and "7" have the same text."""
    return value if isinstance(value, str) else orjson.dumps(value, option=_SORTED).decode()


def _written_since(
    connection: duckdb.DuckDBPyConnection, sent_at: datetime | None
) -> dict[str, dict[str, set[str]]]:
    """By living pid and key, all values in the log since the day of a moment.

    Of the profiles in the temporary table `wanted_profiles`.
    """
    assert sent_at is not None
    written: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for pid, key, value in connection.execute(
        "with living as ("
        "select distinct pid from wanted_profiles "
        "join (select key, trim(text) as text, pid from profile_properties) using (key, text)"
        ") select living.pid, logged.key, logged.value::varchar from living "
        "join pid_aliases on pid_aliases.canonical_pid = living.pid "
        "join logged_properties() as logged on logged.logged_pid = pid_aliases.pid "
        "where log_position >= ?",
        [log_position(log_day_at(sent_at - MARGIN), 0)],
    ).fetchall():
        written[pid][key].add(_shown(orjson.loads(value)))
    return written


def _properties_of(
    connection: duckdb.DuckDBPyConnection, identifiers: set[tuple[str, str]]
) -> dict[tuple[str, str], list[tuple[str, dict[str, object]]]]:
    """By identifier, the profiles that have it: their pids and properties."""
    connection.execute("create or replace temp table wanted_profiles (key varchar, text varchar)")
    connection.executemany("insert into wanted_profiles values (?, ?)", sorted(identifiers))
    found: dict[tuple[str, str], list[tuple[str, dict[str, object]]]] = {}
    for key, text, pid, properties in connection.execute(
        "select key, text, pid, profiles.properties::varchar from wanted_profiles "
        "join (select key, trim(text) as text, pid from profile_properties) using (key, text) "
        "join profiles using (pid)"
    ).fetchall():
        found.setdefault((key, text), []).append((pid, orjson.loads(properties)))
    return found


def _compare(
    connection: duckdb.DuckDBPyConnection,
    batch_id: int,
    sent_at: datetime,
    last_day: date,
    identifiers: Sequence[str],
) -> None:
    """Fill the temporary table `found_actions`."""
    first_day = log_day_at(sent_at - MARGIN)
    for name, value in {
        "batch": batch_id,
        "identifiers": list(identifiers),
        "first_position": log_position(first_day, 0),
        "sent_from": start_of_log_day(first_day),
        "sent_to": end_of_log_day(last_day),
    }.items():
        connection.execute(f"set variable {name} = ?", [value])
    connection.execute(
        (package_files(__package__) / "verification.sql").read_text(encoding="utf-8")
    )


def _settle(ledger: Ledger, verdict: Verdict) -> None:
    batch = verdict.batch
    if verdict.finding == "found":
        ledger.settle_unknown(batch.batch_id, State.ACCEPTED, verdict.reason)
    elif verdict.finding == "absent":
        ledger.settle_unknown(batch.batch_id, State.PLANNED, verdict.reason)


def _log_days(connection: duckdb.DuckDBPyConnection) -> set[date]:
    """The log days of which the model has the whole file; of an open day, lines may be missing."""
    sql = "select log_day from log_days where not is_open"
    return {log_day for (log_day,) in connection.execute(sql).fetchall()}


@contextmanager
def _connected(directory: DataDirectory) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect_with_imports(directory, needs_model=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        sql = "from duckdb_functions() where function_name = 'logged_actions' limit 1"
        if not connection.execute(sql).fetchall():
            raise ModelError(
                "The model is of an earlier version, in which imports cannot be found: its next "
                "update builds it again, so run `woopra-pipeline backfill FROM TO` for any log day"
            )
        yield connection
