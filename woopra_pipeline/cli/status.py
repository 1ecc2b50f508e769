"""`woopra-pipeline status`: shows what is there, by the files and the model."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import click
import duckdb
import orjson

from woopra_pipeline.cli.imports import states
from woopra_pipeline.cli.terminal import ValueOutput, show
from woopra_pipeline.control_characters import visible
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import PipelineError
from woopra_pipeline.imports.ledger.reading import read_line_counts
from woopra_pipeline.lake.condition import LakeCondition, read_condition
from woopra_pipeline.lake.location import LAKE_VARIABLE
from woopra_pipeline.model.database import connect_published, is_as_published
from woopra_pipeline.model.outstanding import outstanding, read_fingerprints, read_manifests
from woopra_pipeline.privacy.register import find_unfinished
from woopra_pipeline.woopra.log_days import find_gaps
from woopra_pipeline.wording import count, spans


@dataclass(frozen=True)
class Status:
    """The log days of each stage, the differences between stages, and damage."""

    data_directory: str
    archived: list[date]
    archived_bytes: int
    held_back: list[date]
    """Archived days of which a new file with fewer readable lines is held back."""
    gaps: list[date]
    """Days that are missing between the first and the last one in the model, as in the report."""
    not_archived: list[date]
    """Days that are missing between the first and the last archived one, and are no gaps."""
    parsed: list[date]
    to_parse: list[date]
    """Archived days that are not parsed, or were parsed from another file or by another parser."""
    followed: list[date]
    """Days that were followed while they were current, and must still be fetched whole."""
    in_model: list[date]
    to_apply: list[date]
    """Days in which the model differs from the parsed days."""
    profiles: int
    visits: int
    actions: int
    rejected_lines: dict[str, int]
    """Rejected lines by reason."""
    imports: dict[str, int]
    """Import lines by state."""
    unfinished_erasures: list[str]
    """Erasures that began and may not be finished."""
    problems: list[str]
    """Damaged or unreadable files, and what to do; the numbers above leave them out."""
    lake: LakeCondition | None
    """The condition of the lake, if there is one."""


@click.command("status")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print it; json names every day.",
)
def command(output_format: str) -> None:
    """Say which log days are archived, parsed and in the model, and what is missing or damaged.

    Nothing is written.
    """
    status = read_status(DataDirectory.from_environment())
    if output_format == "json":
        ValueOutput().write(f"{orjson.dumps(status, option=orjson.OPT_INDENT_2).decode()}\n")
        return
    for name, value in _lines(status):
        show(f"{name:<16}{value}")


def read_status(directory: DataDirectory) -> Status:
    """The status of a data directory. Nothing is written; damage is reported and left out."""
    manifests = read_manifests(directory)
    archived, parsed = manifests.archived, manifests.parsed
    problems = list(manifests.problems)
    model = _read_model(directory, problems)
    left = outstanding(manifests, model.fingerprints)
    imports = {}
    try:
        imports = read_line_counts(directory)
    except PipelineError as error:
        problems.append(str(error))
    unfinished = []
    try:
        unfinished = [erasure.name for erasure in find_unfinished(directory.erasures)]
    except PipelineError as error:
        problems.append(str(error))
    gaps = find_gaps(model.log_days)
    not_archived = find_gaps([*archived, *manifests.damaged_archived])
    return Status(
        data_directory=str(directory.root),
        archived=list(archived),
        archived_bytes=sum(day.byte_count for day in archived.values()),
        held_back=[log_day for log_day, day in archived.items() if day.held_back],
        gaps=gaps,
        not_archived=[log_day for log_day in not_archived if log_day not in gaps],
        parsed=list(parsed),
        to_parse=list(left.to_parse),
        followed=[log_day for log_day, day in parsed.items() if day.is_open],
        in_model=model.log_days,
        to_apply=list(left.to_apply),
        profiles=model.profiles,
        visits=model.visits,
        actions=model.actions,
        rejected_lines=model.rejected_lines,
        imports=imports,
        unfinished_erasures=unfinished,
        problems=problems,
        lake=_lake(directory),
    )


def _lake(directory: DataDirectory) -> LakeCondition | None:
    location = os.environ.get(LAKE_VARIABLE)
    return read_condition(location, directory.types) if location else None


@dataclass(frozen=True)
class _Model:
    log_days: list[date] = field(default_factory=list)
    fingerprints: Mapping[date, str] = field(default_factory=dict)
    """The days that an update would apply as they are."""
    profiles: int = 0
    visits: int = 0
    actions: int = 0
    rejected_lines: dict[str, int] = field(default_factory=dict)


def _read_model(directory: DataDirectory, problems: list[str]) -> _Model:
    """The content of the published model; nothing if it cannot be read."""
    if not directory.published_model.exists():
        return _Model()
    try:
        with connect_published(directory) as connection:
            log_days = connection.execute("select log_day from log_days order by 1").fetchall()
            (counts,) = connection.execute(
                "select count(*), coalesce(sum(visit_count), 0)::bigint, "
                "coalesce(sum(action_count), 0)::bigint from profiles"
            ).fetchall()
            rejected_lines = connection.execute(
                "select reason, count(*) from rejected_lines group by all order by 2 desc, 1"
            ).fetchall()
        fingerprints = read_fingerprints(directory)
    except PipelineError as error:
        problems.append(str(error))
    except duckdb.Error as error:
        problems.append(
            f"{directory.published_model} is damaged ({str(error).splitlines()[0]}); "
            "the next update of the model puts a whole one in its place"
        )
    else:
        if not is_as_published(directory):
            problems.append(
                f"{directory.published_model} was changed by another program; the next update of "
                "the model replaces it"
            )
        profiles, visits, actions = counts
        return _Model(
            [log_day for (log_day,) in log_days],
            fingerprints,
            profiles,
            visits,
            actions,
            dict(rejected_lines),
        )
    return _Model()


def _lines(status: Status) -> list[tuple[str, str]]:
    problems = enumerate(visible(problem) for problem in status.problems)
    lines = [
        ("Data directory", status.data_directory),
        ("Archived", f"{_days(status.archived)}; {count(status.archived_bytes, 'byte')}"),
        *_held_back(status.held_back),
        *_not_archived(status.not_archived),
        ("Parsed", _days(status.parsed)),
        *_current_day(status.followed),
        (
            "In the model",
            f"{_days(status.in_model)}; {count(status.profiles, 'profile')}, "
            f"{count(status.visits, 'visit')}, {count(status.actions, 'action')}",
        ),
        ("Gaps", _days(status.gaps) if status.gaps else "none"),
        ("Rejected lines", f"{sum(status.rejected_lines.values()):,}"),
    ]
    lines += [("", f"{number:,} {reason}") for reason, number in status.rejected_lines.items()]
    lines += [("Damaged" if number == 0 else "", problem) for number, problem in problems]
    if status.lake is not None:
        lines.append(("In the lake", _in_lake(status.lake)))
    if status.imports:
        lines.append(("Import lines", states(status.imports)))
    lines += [
        ("Erasure", f"{name} is not finished: run `woopra-pipeline erase --yes`")
        for name in status.unfinished_erasures
    ]
    left = sorted({*status.to_parse, *status.to_apply})
    if left:
        lines.append(
            ("Outstanding", f"{spans(left)}: run `woopra-pipeline backfill` for these days")
        )
    if not status.archived:
        lines.append(
            ("", "Start with `woopra-pipeline demo` or `woopra-pipeline backfill FROM TO`")
        )
    return lines


def _in_lake(lake: LakeCondition) -> str:
    if lake.problem is not None:
        return f"not read: {visible(lake.problem)}"
    days = _days(lake.log_days)
    if lake.revision is None:
        return f"{days}; no tables yet: run `woopra-pipeline lake update`"
    tables = f"{days}; tables of revision {lake.revision}"
    if lake.tables_are_behind:
        return (
            f"{tables} were computed from other days or settings: run `woopra-pipeline lake update`"
        )
    return f"{tables} are up to date"


def _held_back(log_days: list[date]) -> list[tuple[str, str]]:
    if not log_days:
        return []
    return [
        (
            "Held back",
            f"{spans(log_days)}: came again with fewer lines than archived; fetch again, or "
            "accept with `woopra-pipeline backfill FROM TO --accept-shorter`",
        )
    ]


def _not_archived(log_days: list[date]) -> list[tuple[str, str]]:
    return [("Not archived", _days(log_days))] if log_days else []


def _current_day(log_days: list[date]) -> list[tuple[str, str]]:
    if not log_days:
        return []
    return [("Current day", f"{spans(log_days)} so far; fetched as a whole when it is over")]


def _days(log_days: list[date]) -> str:
    return f"{count(len(log_days), 'log day')} ({spans(log_days)})" if log_days else "no log days"
