"""`woopra-pipeline erase`: erases a person, or checks that one was erased."""

import csv
import os
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

import click

from woopra_pipeline.cli.terminal import say, show
from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError, ErasureError
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.lake.engines import spark_from_environment
from woopra_pipeline.lake.homes import bring_parsed_days
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.project import claim_lake
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.typed_settings import TypedSettings
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.pseudonyms import pseudonyms_below
from woopra_pipeline.privacy.erasing import enter, finish, is_erased
from woopra_pipeline.privacy.imported import count_imported
from woopra_pipeline.privacy.merges import Life
from woopra_pipeline.privacy.plan import PID, Finder, Identifier, Plan
from woopra_pipeline.privacy.register import digests_in, read_register
from woopra_pipeline.privacy.rejected import SHORTEST_WORD
from woopra_pipeline.privacy.verification import (
    SHORTEST_SEARCHED,
    Find,
    Needles,
    search,
    search_runs,
)
from woopra_pipeline.wording import count, spans

KEYS = ("email", "id", "pid")
MOST_SHOWN = 20


@click.command("erase")
@click.option("--email", "emails", multiple=True, help="Who has, or had, this email.")
@click.option("--id", "ids", multiple=True, help="Who has, or had, this id.")
@click.option("--pid", "pids", multiple=True, help="Who has this profile id.")
@click.option(
    "--file",
    "list_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV file of persons, with one or more of the columns email, id and pid.",
)
@click.option("--yes", is_flag=True, help="Erase. Without it, only the plan is shown.")
@click.option(
    "--dry-run", is_flag=True, help="Only show the plan. This is the default without --yes."
)
@click.option("--and-future", is_flag=True, help="Also erase what these profiles do from now on.")
@click.option(
    "--verify", is_flag=True, help="Search all files for them; finding something is an error."
)
def command(
    *,
    emails: Sequence[str],
    ids: Sequence[str],
    pids: Sequence[str],
    list_file: Path | None,
    yes: bool,
    dry_run: bool,
    and_future: bool,
    verify: bool,
) -> None:
    """Erase persons from everything that is kept here: archive, parsed days, model, imports, lake.

    It erases everything that was logged about them until now, under every profile id that leads to
    them. It cannot be undone. Data that Woopra itself keeps is not changed. With --yes alone, it
    erases again all persons who were erased before: do that after you have restored something from
    a backup.
    """
    directory = DataDirectory.from_environment()
    named = [
        *(Identifier("email", value) for value in emails),
        *(Identifier("id", value) for value in ids),
        *(Identifier("pid", value) for value in pids),
        *(_read_list(list_file) if list_file else ()),
    ]
    if verify:
        _verify(directory, named)
        return
    if yes and dry_run:
        raise ConfigurationError("--yes erases and --dry-run does not: give one of them")
    if not named and not (yes and read_register(directory.erasures).erasures):
        raise ConfigurationError(
            "Name whom to erase: with --email, --id or --pid, or many of them with --file"
        )
    lake = Lake.from_environment()
    if yes:
        if lake is not None:
            claim_lake(lake, directory, os.environ.get("WOOPRA_PROJECT") or None)
            for error in bring_parsed_days(lake, directory).bad.values():
                raise error
        update_model(directory, notify=say, typed=TypedSettings.from_environment())
    plan = _plan(directory, named, and_future=and_future)
    if plan is not None:
        _show(plan, count_imported(directory, plan))
        if not yes:
            say(
                "Nothing was erased. To erase, run the same command with --yes; it cannot be undone"
            )
            return
        enter(directory, plan)
    elif named:
        show("These persons were erased before, and nothing about them has come since then.")
    if yes:
        _finish(directory, lake, again=not named)
        _forget_runs(directory, plan.known_by if plan else named, plan.pids if plan else ())


def _plan(
    directory: DataDirectory, named: Sequence[Identifier], *, and_future: bool
) -> Plan | None:
    """The plan of what to erase; None if everything was erased before.

    Raises `ErasureError` if it is not clear who is meant.
    """
    if not named:
        return None
    register = read_register(directory.erasures)
    lives: list[Life] = []
    unknown: list[str] = []
    with connect_published(directory) as connection:
        finder = Finder(connection, pseudonyms_below(directory.root))
        for identifier in named:
            life = finder.find(identifier)
            if life is not None:
                lives.append(life)
            elif not is_erased(directory, identifier):
                unknown.append(str(identifier))
        if unknown:
            raise ErasureError(
                f"Nobody is known by {', '.join(unknown)} in the loaded log days: check that it is "
                "written as in the log, and that all days are in the model "
                "(`woopra-pipeline status`)"
            )
        if not lives:
            return None
        plan = finder.plan(
            named,
            list(dict.fromkeys(lives)),
            system_clock(),
            and_future=and_future,
            identifier_keys={*KEYS[:2], *ImportSettings().identifiers},
            register=register,
            digests=digests_in(directory) if register.erasures else None,
        )
    was_erased = all(is_erased(directory, identifier) for identifier in named)
    return None if was_erased and not plan.line_count and not and_future else plan


def _finish(directory: DataDirectory, lake: Lake | None, *, again: bool) -> None:
    receipts = finish(
        directory,
        notify=say,
        typed=TypedSettings.from_environment(),
        again=again,
        lake=lake,
        spark=spark_from_environment(),
    )
    for receipt in receipts:
        show(
            f"Erased: {count(receipt.log.lines, 'line')} of "
            f"{count(receipt.log.log_days, 'log day')}; the receipt is "
            f"{directory.erasures / receipt.name}.json"
        )


def _forget_runs(
    directory: DataDirectory, identifiers: Sequence[Identifier], pids: Sequence[str]
) -> None:
    """Delete Dagster's records of them: version 0.1 showed values with runs."""
    searched = [
        one
        for one in (*identifiers, *(Identifier("profile id", pid) for pid in pids))
        if one.key != PID
        and len(one.value) >= (SHORTEST_WORD if one.key == "profile id" else SHORTEST_SEARCHED)
    ]
    is_elsewhere = bool(os.environ.get("DAGSTER_HOME"))
    if not searched or not (is_elsewhere or search_runs(directory, searched)):
        return
    # Dagster takes seconds to load.
    from woopra_pipeline.defs.history import forget_runs

    forgotten = forget_runs(directory, searched)
    if forgotten.run_count or forgotten.record_count:
        show(
            f"Erased from Dagster's history: {count(forgotten.run_count, 'run')} and "
            f"{count(forgotten.record_count, 'other record')} that named them"
        )
    if forgotten.left:
        show(
            f"Not erased from Dagster's history: {', '.join(forgotten.left)}; run the same command "
            "again when no run is active"
        )


def _show(plan: Plan, import_lines: int) -> None:
    show(f"Erase what happened before {plan.moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    rows = [
        ("Named by", ", ".join(map(str, plan.identifiers))),
        ("Profiles", ", ".join(plan.profiles) or "none of them living"),
        ("Profile ids", _some(plan.pids)),
        (
            "Lines",
            f"{plan.line_count:,}: {count(plan.visit_count, 'visit')} with "
            f"{count(plan.action_count, 'action')}, "
            f"{plan.identify_count:,} that only set properties"
            + (
                f", {plan.rejected_count:,} that could not be read and name them"
                if plan.rejected_count
                else ""
            ),
        ),
        ("Log days", f"{len(plan.lines):,} ({spans(plan.lines) or 'none'})"),
    ]
    if import_lines:
        rows.append(("Import lines", f"{import_lines:,}, with rows that were set aside"))
    if plan.and_future:
        rows.append(("From now on", "what these profiles do is erased when it comes"))
    stays = [f"{count(plan.delete_count, 'delete line')} with profile ids only"]
    if plan.kept_line_count:
        stays.append(f"{count(plan.kept_line_count, 'line')} about what happened since then")
    stays += [
        f"what was merged from {pid} into {', '.join(others)}, who is somebody else: name that "
        "profile id, too, if not"
        for pid, others in plan.elsewhere.items()
    ]
    if plan.shared:
        stays.append(
            f"imported lines of others who share a value of {', '.join(plan.shared)} with them"
        )
    for name, value in rows:
        show(f"{name:<16}{value}")
    for number, value in enumerate(stays):
        show(f"{'Stays' if number == 0 else '':<16}{value}")
    show(f"{'':<16}what Woopra keeps, exports, and backups of this data directory")


def _some(values: Sequence[str]) -> str:
    shown = ", ".join(values[:MOST_SHOWN])
    left = len(values) - MOST_SHOWN
    return f"{len(values):,} ({shown}{f' and {left:,} more' if left > 0 else ''})"


def _verify(directory: DataDirectory, named: Sequence[Identifier]) -> None:
    short = [str(one) for one in named if one.key != "pid" and len(one.value) < SHORTEST_SEARCHED]
    if short:
        raise ConfigurationError(
            f"{', '.join(short)} is too short to be searched for: it is in every file"
        )
    lake = Lake.from_environment()
    result = search(directory, named, lake=lake, notify=say)
    places = f"below {directory.root}" + (f" and in {lake.location}" if lake else "")
    show(
        f"Searched {count(result.file_count, 'file')} with {count(result.byte_count, 'byte')} "
        f"{places}"
    )
    finds = [*result.finds, *_found_elsewhere(directory, named)]
    for path in result.left_out:
        show(f"Not searched: {path}, the files of the embedded Woopra")
    for problem in result.unreadable:
        show(f"Not readable: {problem}")
    for find in finds:
        show(f"Found in {find.path}: {find.what}")
    if finds or result.unreadable:
        raise click.ClickException(
            f"{len(finds):,} finds, and {count(len(result.unreadable), 'file')} that "
            "could not be read whole: see docs/privacy.md for what to do"
        )
    show("Found nothing.")


def _found_elsewhere(directory: DataDirectory, named: Sequence[Identifier]) -> list[Find]:
    """The finds in Dagster's records, if they are kept elsewhere, for example in Postgres."""
    needles = Needles(one for one in named if one.key != PID)
    if not needles or not os.environ.get("DAGSTER_HOME"):
        return []
    from woopra_pipeline.defs.history import open_other_home, other_home, search_history

    home = other_home(directory)
    if home is None:
        return []
    with open_other_home(home) as instance:
        say(f"searched Dagster's records of {home}")
        return [
            Find(f"Dagster's records of {home}", f"the table {name}")
            for name in search_history(instance, needles)
        ]


def _read_list(path: Path) -> list[Identifier]:
    """The persons of a CSV file; raises `ConfigurationError` if it is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path} is not a CSV file in UTF-8 ({error})") from None
    named = [
        Identifier(key, row[key].strip())
        for row in rows
        for key in KEYS
        if row.get(key) and row[key].strip()
    ]
    if not named:
        raise ConfigurationError(
            f"{path} names nobody: its first line must name one or more of the columns "
            f"{', '.join(KEYS)}"
        )
    return named
