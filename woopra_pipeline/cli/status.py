"""`woopra-pipeline status`: what there is, judged by the files and the model."""

from dataclasses import dataclass
from datetime import date

import click
import orjson

from woopra_pipeline.archive import Archive
from woopra_pipeline.cli.imports import import_states, states
from woopra_pipeline.cli.terminal import ValueOutput, count, show, spans
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.parse.parsed_days import find_parsed_days
from woopra_pipeline.woopra.log_days import log_days_between


@dataclass(frozen=True)
class Status:
    """The log days of each floor, what is amiss between them, and what could not be read."""

    data_directory: str
    archived: list[date]
    archived_bytes: int
    held_back: list[date]
    """Archived days that came again with fewer readable lines; that file is held back."""
    gaps: list[date]
    """Days between the first and the last archived one that are not archived."""
    parsed: list[date]
    to_parse: list[date]
    """Archived days that are not parsed, or were parsed from another file."""
    followed: list[date]
    """Days that are parsed as far as they were followed, and yet to be fetched whole."""
    in_model: list[date]
    to_apply: list[date]
    """Days by which the model differs from the parsed ones."""
    profiles: int
    visits: int
    actions: int
    rejected_lines: dict[str, int]
    """By the reason they were rejected for."""
    imports: dict[str, int]
    """Import lines by state."""


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
    """Say which log days are archived, parsed and in the model, and what is missing."""
    status = read_status(DataDirectory.from_environment())
    if output_format == "json":
        ValueOutput().write(f"{orjson.dumps(status, option=orjson.OPT_INDENT_2).decode()}\n")
        return
    for name, value in _lines(status):
        show(f"{name:<16}{value}")


def read_status(directory: DataDirectory) -> Status:
    """The status of a data directory; raises `PipelineError` if something in it is damaged."""
    archive = Archive(directory.raw)
    archived = {log_day: archive.get(log_day) for log_day in archive.log_days()}
    parsed = find_parsed_days(directory.parsed)
    in_model: dict[date, str] = {}
    counts = (0, 0, 0)
    rejected: dict[str, int] = {}
    if directory.published_model.exists():
        with connect_published(directory) as connection:
            in_model = dict(
                connection.execute("select log_day, raw_sha256 from log_days order by 1").fetchall()
            )
            (counts,) = connection.execute(
                "select count(*), coalesce(sum(visit_count), 0)::bigint, "
                "coalesce(sum(action_count), 0)::bigint from profiles"
            ).fetchall()
            rejected = dict(
                connection.execute(
                    "select reason, count(*) from rejected_lines group by all order by 2 desc, 1"
                ).fetchall()
            )
    return Status(
        data_directory=str(directory.root),
        archived=list(archived),
        archived_bytes=sum(day.byte_count for day in archived.values()),
        held_back=[log_day for log_day, day in archived.items() if day.held_back],
        gaps=_gaps(list(archived)),
        parsed=list(parsed),
        to_parse=[
            log_day
            for log_day, day in archived.items()
            if log_day not in parsed
            or parsed[log_day].is_open
            or parsed[log_day].raw_sha256 != day.sha256
        ],
        followed=[log_day for log_day, day in parsed.items() if day.is_open],
        in_model=list(in_model),
        to_apply=[
            log_day
            for log_day in sorted(parsed.keys() | in_model.keys())
            if log_day not in parsed or in_model.get(log_day) != parsed[log_day].raw_sha256
        ],
        profiles=counts[0],
        visits=counts[1],
        actions=counts[2],
        rejected_lines=rejected,
        imports=import_states(directory),
    )


def _gaps(log_days: list[date]) -> list[date]:
    if not log_days:
        return []
    return sorted(set(log_days_between(log_days[0], log_days[-1])) - set(log_days))


def _lines(status: Status) -> list[tuple[str, str]]:
    lines = [
        ("Data directory", status.data_directory),
        ("Archived", f"{_days(status.archived)}; {count(status.archived_bytes, 'byte')}"),
        *_held_back(status.held_back),
        ("Gaps", spans(status.gaps) or "none"),
        ("Parsed", _days(status.parsed)),
        *_followed(status.followed),
        (
            "In the model",
            f"{_days(status.in_model)}; {count(status.profiles, 'profile')}, "
            f"{count(status.visits, 'visit')}, {count(status.actions, 'action')}",
        ),
        ("Rejected lines", f"{sum(status.rejected_lines.values()):,}"),
    ]
    lines += [("", f"{number:,} {reason}") for reason, number in status.rejected_lines.items()]
    if status.imports:
        lines.append(("Import lines", states(status.imports)))
    behind = sorted({*status.to_parse, *status.to_apply})
    if behind:
        lines.append(("Behind", f"{spans(behind)}: run `woopra-pipeline backfill` for these days"))
    if not status.archived:
        lines.append(
            ("", "Start with `woopra-pipeline demo` or `woopra-pipeline backfill FROM TO`")
        )
    return lines


def _held_back(log_days: list[date]) -> list[tuple[str, str]]:
    if not log_days:
        return []
    return [
        (
            "Held back",
            f"{spans(log_days)}: came again with fewer lines than archived; fetch again, or take "
            "with `woopra-pipeline backfill FROM TO --accept-shorter`",
        )
    ]


def _followed(log_days: list[date]) -> list[tuple[str, str]]:
    return [("Followed", f"{spans(log_days)}, to be fetched when over")] if log_days else []


def _days(log_days: list[date]) -> str:
    return f"{count(len(log_days), 'log day')} ({spans(log_days)})" if log_days else "no log days"
