"""`woopra-pipeline explain`: how a pid became what it is today."""

from collections.abc import Sequence

import click
import orjson

from woopra_pipeline.cli.terminal import TextTable, ValueOutput, print_table, show
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.explain import LivingProfile, Merge, PidHistory, explain_pid
from woopra_pipeline.wording import count


@click.command("explain")
@click.argument("pid")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
def command(pid: str, output_format: str) -> None:
    """Say how PID became what it is today: every merge, with its log day and line.

    A merge voids everything that was logged before under the old pid. The service then logs it
    again under the new pid. Times are shown in UTC.
    """
    with connect_published(DataDirectory.from_environment()) as connection:
        connection.execute("set TimeZone = 'UTC'")
        history = explain_pid(connection, pid)
    if output_format == "json":
        ValueOutput().write(f"{orjson.dumps(history, option=orjson.OPT_INDENT_2).decode()}\n")
        return
    show(_outcome(history))
    if history.profile:
        show(_described(history.profile))
    if history.own_deletes != history.path[:1]:
        _print_merges("Its deletes", history.own_deletes)
    _print_merges("The path from its last delete", history.path)
    _print_merges("Pids that were merged into it", history.merged_into)


def _outcome(history: PidHistory) -> str:
    if history.canonical_pid is None:
        return f"{history.pid} was deleted for good."
    if history.profile is None:
        return (
            f"{history.pid} leads to {history.canonical_pid}, but the loaded log days have no "
            "living line of that pid."
        )
    if history.canonical_pid == history.pid:
        return f"{history.pid} is a living profile."
    merges = count(len(history.path), "merge")
    return f"{history.pid} lives on as {history.canonical_pid}, {merges} away."


def _described(profile: LivingProfile) -> str:
    known = " ".join(
        text for text in (profile.name, profile.email and f"<{profile.email}>") if text
    )
    lines = [
        f"{profile.pid}: {known or 'no name, no email'}; "
        f"{count(profile.visit_count, 'visit')}, {count(profile.action_count, 'action')}"
    ]
    if profile.first_seen_at and profile.last_seen_at:
        first, last = (
            f"{at:%Y-%m-%d %H:%M}" for at in (profile.first_seen_at, profile.last_seen_at)
        )
        lines.append(f"seen from {first} to {last} UTC")
    if profile.is_provisional:
        lines.append(
            "provisional: some actions that its merges voided were not logged again yet, or a log "
            "day is missing that may have them"
        )
    return "\n".join(lines)


def _print_merges(title: str, merges: Sequence[Merge]) -> None:
    if not merges:
        return
    table = TextTable(title)
    table.title_justify = "left"
    for heading in ("log day", "line", "from", "to"):
        table.add_column(heading, justify="right" if heading == "line" else "left", no_wrap=True)
    for heading in ("visits\nvoided", "actions\nvoided", "logged\nagain"):
        table.add_column(heading, justify="right")
    for merge in merges:
        table.add_row(
            str(merge.log_day),
            f"{merge.log_line:,}",
            merge.from_pid,
            merge.to_pid or "(deleted)",
            f"{merge.visit_count:,}",
            f"{merge.action_count:,}",
            "" if merge.relogged_count is None else f"{merge.relogged_count:,}",
        )
    print_table(table)
