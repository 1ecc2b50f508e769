"""Dagster runs of the command line.

Importing this fixes the partitions, so it comes after `WOOPRA_START_DATE` is settled.
"""

from collections.abc import Sequence
from datetime import date

from woopra_pipeline.cli.progress import BackfillProgress
from woopra_pipeline.cli.terminal import say
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.definitions import definitions
from woopra_pipeline.defs.backfill import Backfill
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.defs.partitions import START_DATE
from woopra_pipeline.defs.recording import record_imports, record_verdicts
from woopra_pipeline.defs.resources import shows_persons, woopra_now
from woopra_pipeline.imports.runs import ImportRun
from woopra_pipeline.imports.verification import Verdict
from woopra_pipeline.wording import count

__all__ = ["START_DATE", "make_report", "record", "take_to_model", "update_model"]

MANY_DAYS = 60


def take_to_model(
    directory: DataDirectory, first: date, last: date, *, accept_shorter: bool = False
) -> dict[date, str]:
    """Fetch, parse and model the log days from `first` to `last`, showing progress.

    Returns the reason for each day that failed. Raises `ConfigurationError`, before
    anything is done, if a project is named without its credentials.
    """
    woopra_now().require_complete()
    days = (last - first).days + 1
    if days >= MANY_DAYS:
        say(f"Dagster records what is planned for {count(days, 'log day')}, which takes a moment")
    with open_instance(directory) as instance, BackfillProgress() as progress:
        backfill = Backfill(
            definitions, instance, directory, progress, accept_shorter=accept_shorter
        )
        return backfill.run(first, last)


def make_report(directory: DataDirectory) -> None:
    """Make the report of the published model; raises `ModelError` if there is none."""
    with open_instance(directory) as instance, BackfillProgress() as progress:
        Backfill(definitions, instance, directory, progress).make_report()


def record(
    directory: DataDirectory, imports: Sequence[ImportRun], verdicts: Sequence[Verdict]
) -> None:
    """Record imports of one log day in Dagster, and what the log shows of them."""
    with open_instance(directory) as instance:
        if imports:
            record_imports(instance, imports, show_persons=shows_persons())
        record_verdicts(instance, verdicts, show_persons=shows_persons())


def update_model(directory: DataDirectory) -> None:
    """Update the model and the report to the parsed days, and show progress."""
    with open_instance(directory) as instance, BackfillProgress() as progress:
        Backfill(definitions, instance, directory, progress).update_model()
