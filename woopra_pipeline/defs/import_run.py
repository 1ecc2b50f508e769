"""One import in this process, as a materialization recorded in the instance."""

import logging
from collections.abc import Callable, Sequence
from datetime import date

from dagster import AssetKey, DagsterInstance, Definitions, EventLogEntry

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.assets.imports import import_batches
from woopra_pipeline.defs.in_process import execute


def run_imports(
    definitions: Definitions,
    instance: DagsterInstance,
    directory: DataDirectory,
    log_day: date,
    *,
    sources: Sequence[str],
    dry_run: bool,
    notify: Callable[[str], None],
) -> str | None:
    """Materialize `import_batches` for one day; `notify` hears what it logs.

    Without `sources` all are imported. Returns why the day failed, or None if it did not.
    """
    step = import_batches.op.name

    def listen(entry: EventLogEntry) -> None:
        if (
            entry.step_key == step
            and not entry.is_dagster_event
            and int(entry.level) < logging.ERROR
        ):
            notify(entry.user_message)

    failed = execute(
        definitions,
        instance,
        directory,
        [AssetKey(step)],
        [log_day],
        config={step: {"sources": list(sources), "dry_run": dry_run}},
        listen=listen,
    )
    return None if failed is None else "; ".join(failed.values())
