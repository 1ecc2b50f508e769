"""Parsed days of any size, made by DuckDB: the model's input without the way there.

Returning people make most of the visits. One visit in twenty is anonymous, two visits to a pid;
half of these pids are merged into a person the same day, the other half the next day, and their
visits are logged again with their old times.
"""

from datetime import UTC, date, datetime, timedelta

import duckdb

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.parse.parsed_days import ParsedDay, write_manifest
from woopra_pipeline.sql_text import literal
from woopra_pipeline.tables import (
    ACTIONS_LOG,
    DELETES_LOG,
    PARSED_TABLES,
    PROPERTIES_LOG,
    REJECTED_LINES_LOG,
    VISITS_LOG,
    ColumnType,
    Table,
)

FIRST_DAY = date(2026, 1, 1)
ACTIONS_PER_VISIT = 3
PEOPLE_PER_DAILY_VISIT = 5
THREE_MONTHS = 8_000_000_000

LINES = """
    create or replace temp table lines as
    select
        number + 1 as log_line,
        case
            when number % 20 = 19 then 'A' || $day || '-' || number // 40
            else 'P' || floor(random() * $people)::bigint
        end as pid,
        case
            when number % 20 = 19 then 'A' || $day || '-' || number // 40
            else $day || '/' || number
        end as origin,
        number // 20 % 2 as visit
    from range($visits) as numbers (number)
"""
MERGES = """
    create or replace temp table merges as
    with
        departing as (
            select distinct pid from lines where pid like 'A%' and hash(pid) % 2 = 0
            union all
            from leftovers
        )
    select
        pid,
        'P' || hash(pid) % $people as new_id,
        $visits + (row_number() over (order by pid) - 1) * 3 as before
    from departing
"""
LEFTOVERS = """
    create or replace temp table leftovers as
    select distinct pid from lines where pid like 'A%' and hash(pid) % 2 = 1
"""
RELOGS = """
    insert into lines
    select before + 2 + visit, new_id, pid, visit
    from merges, range(2) as visits (visit)
"""
VISIT_VALUES = {
    "type": "'visit'",
    "started_at": "started_at",
    "duration": "log_line % 600",
    "number": "log_line % 9",
    "country": "['US', 'DE', 'AU', 'FR'][log_line % 4 + 1]",
    "city": "'City ' || log_line % 500",
    "ip": "'203.0.113.' || log_line % 255",
    "browser": "'Browser ' || log_line % 7",
    "os": "'System ' || log_line % 5",
    "device": "'mobile'",
    "referrer_url": "'https://www.example.com/' || log_line % 100",
    "hour_of_day": "log_line % 24",
    "visitor": (
        """'{"email":"' || pid || '@example.com","name":"' || pid || '","plan":"'"""
        """ || log_line % 3 || '","visits":' || log_line || '}'"""
    ),
    "action_count": str(ACTIONS_PER_VISIT),
}
ACTION_VALUES = {
    "action_index": "number",
    "occurred_at": "started_at + to_seconds(number)",
    "name": "['pv', 'search', 'order'][number + 1]",
    "duration": "log_line % 60",
    "domain": "'example.com'",
    "properties": (
        """'{"url":"/page/' || log_line % 1000 || '","title":"Page ' || log_line % 1000 || '"}'"""
    ),
}
SOURCES = {
    VISITS_LOG: "timed",
    ACTIONS_LOG: f"timed, range({ACTIONS_PER_VISIT}) as numbers (number)",
    PROPERTIES_LOG: "lines, (values ('email'), ('name'), ('plan'), ('visits')) as keys (key)",
    DELETES_LOG: "(select before + 1 as log_line, * from merges)",
    REJECTED_LINES_LOG: "(select 1 as log_line, '' as reason, '' as raw where false)",
}
VALUES = {
    VISITS_LOG: VISIT_VALUES,
    ACTIONS_LOG: ACTION_VALUES,
    PROPERTIES_LOG: {
        "value": """case key when 'visits' then log_line::varchar else '"' || pid || '"' end"""
    },
}
TIMED = """
    create or replace temp table timed as
    select
        *,
        timestamptz '2026-01-01 08:00:00+00'
            + to_milliseconds((hash(origin, visit) % $milliseconds)::bigint) as started_at
    from lines
"""


def make_parsed_days(
    directory: DataDirectory, days: int, visits_per_day: int, *, milliseconds: int = THREE_MONTHS
) -> list[date]:
    """Write `days` parsed days of `visits_per_day` visits (re-logged ones come on top).

    Visits begin within so many `milliseconds` after the first day begins, whenever they are logged.
    """
    made = []
    with duckdb.connect() as connection:
        connection.execute("create temp table leftovers (pid varchar)")
        for number in range(days):
            log_day = FIRST_DAY + timedelta(days=number)
            _make_lines(connection, number, visits_per_day, milliseconds)
            _write(connection, directory, log_day)
            made.append(log_day)
    return made


def _make_lines(
    connection: duckdb.DuckDBPyConnection, day: int, visits: int, milliseconds: int
) -> None:
    values = {
        "day": day,
        "visits": visits,
        "people": visits * PEOPLE_PER_DAILY_VISIT,
        "milliseconds": milliseconds,
    }
    connection.execute(f"select setseed({(day + 1) / 10_000})")
    for statement in (LINES, MERGES, LEFTOVERS, RELOGS, TIMED):
        used = {name: value for name, value in values.items() if f"${name}" in statement}
        connection.execute(statement, used)


def _write(
    connection: duckdb.DuckDBPyConnection, directory: DataDirectory, log_day: date
) -> ParsedDay:
    folder = directory.parsed / log_day.isoformat() / "synthetic"
    folder.mkdir(parents=True)
    counts = {}
    files = {}
    for table in PARSED_TABLES:
        path = folder / f"{table.name}-00000.parquet"
        ((counts[table],),) = connection.execute(
            f"copy (select {_columns(table, log_day)} from {SOURCES[table]} order by log_line) "
            f"to {literal(str(path))} (codec zstd)"
        ).fetchall()
        files[path.name] = path.stat().st_size
    parsed_day = ParsedDay(
        log_day=log_day,
        fingerprint=f"synthetic {log_day}",
        folder=folder,
        raw_sha256="",
        raw_bytes=0,
        fetched_at=datetime(2026, 11, 1, tzinfo=UTC),
        parser_version=1,
        line_count=counts[VISITS_LOG] + counts[DELETES_LOG],
        visit_count=counts[VISITS_LOG],
        identify_count=0,
        delete_count=counts[DELETES_LOG],
        action_count=counts[ACTIONS_LOG],
        property_count=counts[PROPERTIES_LOG],
        rejected_count=0,
        blank_count=0,
        files=files,
    )
    write_manifest(parsed_day)
    return parsed_day


def _columns(table: Table, log_day: date) -> str:
    present = {"log_line", "pid", "key", "new_id", "reason", "raw"}
    expressions = []
    for column in table.columns:
        value = VALUES.get(table, {}).get(column.name)
        if column.name == "log_day":
            value = f"date '{log_day}'"
        elif value is None:
            value = column.name if column.name in present else "null"
        text_type = "VARCHAR" if column.type is ColumnType.JSON else column.type.value
        expressions.append(f'({value})::{text_type} as "{column.name}"')
    return ", ".join(expressions)
