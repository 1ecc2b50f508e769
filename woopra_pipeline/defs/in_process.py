"""One run in this process, recorded in the instance: how commands run assets."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import uuid4

from dagster import (
    AssetKey,
    DagsterExecutionInterruptedError,
    DagsterInstance,
    Definitions,
    EventLogEntry,
    Failure,
)

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.connections import kept_open
from woopra_pipeline.defs.instance import alive
from woopra_pipeline.defs.jobs import command_line
from woopra_pipeline.defs.tags import COMMAND_LINE, LAUNCHED_BY, of_days

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def execute(
    definitions: Definitions,
    instance: DagsterInstance,
    directory: DataDirectory,
    assets: Sequence[AssetKey],
    log_days: Sequence[date],
    *,
    config: Mapping[str, Mapping[str, Any]],
    listen: Callable[[EventLogEntry], None],
) -> dict[str, str] | None:
    """Materialize `assets`, for `log_days`, an unbroken stretch of them, if there are any.

    `config` is that of steps, by their names; `listen` hears of all that Dagster records.
    Returns None if the run went well, and the named sentences of the `Failure` that ended it if one
    did. Raises `KeyboardInterrupt` if the run is interrupted, and what else a step raises.
    """
    run_id = str(uuid4())
    instance.add_event_listener(run_id, listen)
    tags = {LAUNCHED_BY: COMMAND_LINE}
    if log_days:
        tags |= of_days(log_days[0], log_days[-1])
    job = definitions.resolve_job_def(command_line.name)
    with kept_open(directory.dagster), alive(instance, directory, run_id):
        try:
            job.execute_in_process(
                run_config=QUIET
                | {"ops": {step: {"config": each} for step, each in config.items()}},
                instance=instance,
                asset_selection=assets,
                run_id=run_id,
                tags=tags,
            )
        except DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        except Failure as failure:
            return {name: str(sentence.value) for name, sentence in failure.metadata.items()}
    return None
