"""One import in this process, as a materialization recorded in the instance."""

import logging
from collections.abc import Callable, Sequence
from datetime import date

from dagster import (
    AssetKey,
    DagsterExecutionInterruptedError,
    DagsterInstance,
    Definitions,
    EventLogEntry,
    Failure,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from dagster._core.utils import make_new_run_id

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.assets.imports import import_batches
from woopra_pipeline.defs.instance import alive

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


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
    run_id = make_new_run_id()
    step = import_batches.op.name

    def listen(entry: EventLogEntry) -> None:
        if (
            entry.step_key == step
            and not entry.is_dagster_event
            and int(entry.level) < logging.ERROR
        ):
            notify(entry.user_message)

    instance.add_event_listener(run_id, listen)
    job = definitions.resolve_implicit_global_asset_job_def()
    config = {"sources": list(sources), "dry_run": dry_run}
    with alive(instance, directory, run_id):
        try:
            job.execute_in_process(
                run_config=QUIET | {"ops": {step: {"config": config}}},
                instance=instance,
                asset_selection=[AssetKey(step)],
                run_id=run_id,
                tags={
                    ASSET_PARTITION_RANGE_START_TAG: str(log_day),
                    ASSET_PARTITION_RANGE_END_TAG: str(log_day),
                },
            )
        except DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        except Failure as failure:
            return "; ".join(str(sentence.value) for sentence in failure.metadata.values())
    return None
