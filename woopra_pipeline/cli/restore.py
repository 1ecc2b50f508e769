"""`woopra-pipeline restore`: brings the days of the lake back to a disk."""

import importlib

import click

from woopra_pipeline.cli.lake import project, the_lake
from woopra_pipeline.cli.progress import BackfillProgress
from woopra_pipeline.cli.terminal import say, show
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.backfill import Progress
from woopra_pipeline.lake.days import log_days_in
from woopra_pipeline.lake.homes import restore_days
from woopra_pipeline.lake.project import claim_lake
from woopra_pipeline.model.outstanding import read_manifests
from woopra_pipeline.privacy.register import read_register
from woopra_pipeline.woopra.log_days import log_day_from_text
from woopra_pipeline.wording import count, spans


@click.command("restore")
@click.argument("first", metavar="[FROM]", required=False)
@click.argument("last", metavar="[TO]", required=False)
@click.option(
    "--take-lake",
    is_flag=True,
    help="If a day differs, make the lake's file current, and keep the one here beside it.",
)
@click.option("--model", is_flag=True, help="Then update the model to the days here.")
def command(*, first: str | None, last: str | None, take_lake: bool, model: bool) -> None:
    """Bring archived and parsed days back from the lake: all, or those from FROM to TO.

    It compares checksums, and skips files that are here already. If it is interrupted, the same
    command carries on. If a day differs here and in the lake, it stays as it is, and that is an
    error.
    """
    from_day = log_day_from_text(first) if first else None
    to_day = log_day_from_text(last) if last else from_day
    lake, directory = the_lake(), DataDirectory.from_environment()
    claim_lake(lake, directory, project())
    log_days = [
        log_day
        for log_day in log_days_in(lake)
        if (from_day is None or from_day <= log_day) and (to_day is None or log_day <= to_day)
    ]
    with BackfillProgress() as progress:
        progress(Progress("restore", "start", days=len(log_days)))
        worked = restore_days(
            lake, directory, log_days, progress.on_day("restore"), replaces=take_lake
        )
        progress(Progress("restore", "end", days=len(log_days)))
    brought = [day for day, taken in worked.done.items() if taken.downloaded_bytes]
    byte_count = sum(taken.downloaded_bytes for taken in worked.done.values())
    show(
        f"{count(len(log_days), 'log day')} in the lake, {len(brought):,} of them brought here now "
        f"({count(byte_count, 'byte')})"
    )
    _say_if_erasures_are_missing(directory)
    if model:
        importlib.import_module("woopra_pipeline.cli.runs").update_model(directory)
    if worked.bad:
        raise click.ClickException(
            f"{len(worked.bad):,} of {count(len(log_days), 'log day')} could not be restored: "
            f"{spans(worked.bad)}"
        )


def _say_if_erasures_are_missing(directory: DataDirectory) -> None:
    """Say what to copy if days here have erased lines, but the register is missing."""
    manifests = read_manifests(directory)
    are_erased = any(day.erased_line_count for day in manifests.archived.values()) or any(
        day.erased_count for day in manifests.parsed.values()
    )
    if are_erased and not read_register(directory.erasures).erasures:
        say(
            "Persons were erased from these days, but the register of erasures is not here: copy "
            f"erasures/ from a backup, or from a machine that has it, to {directory.erasures} "
            "before you fetch anything, or these persons come back"
        )
