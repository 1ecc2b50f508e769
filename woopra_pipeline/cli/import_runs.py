"""The parts of `woopra-pipeline import` that need Dagster's definitions.

Importing this fixes the partitions, so it comes after `WOOPRA_START_DATE` is settled.
"""

from collections.abc import Sequence
from datetime import date

from woopra_pipeline.cli.terminal import say
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.definitions import definitions
from woopra_pipeline.defs.import_run import run_imports
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.defs.partitions import START_DATE
from woopra_pipeline.defs.recording import record_verdicts
from woopra_pipeline.defs.resources import ImportsResource, shows_persons, woopra_now
from woopra_pipeline.imports.ledger import Batch
from woopra_pipeline.imports.rebuilding import Rebuilt, rebuild_ledger
from woopra_pipeline.imports.runs import Importer
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.verification import Verdict, prove_imports, verify_imports

__all__ = ["START_DATE", "prove", "rebuild", "run_day", "send_again", "verify"]


def run_day(
    directory: DataDirectory, log_day: date, sources: Sequence[str], dry_run: bool
) -> str | None:
    """Import a day from some sources, or all; returns why it failed, or None if it did not."""
    woopra_now().require_complete()
    with open_instance(directory) as instance:
        return run_imports(
            definitions,
            instance,
            directory,
            log_day,
            sources=sources,
            dry_run=dry_run,
            notify=say,
        )


def send_again(directory: DataDirectory, batches: Sequence[int]) -> list[Batch]:
    """Send batches again, whatever their state is."""
    resource = woopra_now()
    resource.require_complete()
    with resource.client(directory, notify=say) as client:
        return Importer(directory, client, _settings(), notify=say).send_again(batches)


def verify(directory: DataDirectory) -> list[Verdict]:
    """Look in the log for batches without an answer, settle them if possible, and record it."""
    verdicts = verify_imports(directory, settings=_settings())
    with open_instance(directory) as instance:
        record_verdicts(instance, verdicts, show_persons=shows_persons())
    return verdicts


def prove(directory: DataDirectory, batches: Sequence[int]) -> list[Verdict]:
    """Look in the log for batches, and change nothing."""
    return prove_imports(directory, batches, settings=_settings())


def rebuild(directory: DataDirectory) -> Rebuilt:
    """Make a lost ledger again."""
    return rebuild_ledger(directory, settings=_settings())


def _settings() -> ImportSettings:
    resource = definitions.resources["imports"] if definitions.resources else ImportsResource()
    assert isinstance(resource, ImportsResource)
    return resource.settings
