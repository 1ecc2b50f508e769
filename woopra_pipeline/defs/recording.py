"""What a command did without a run, recorded so that Dagster shows it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagster import AssetMaterialization, DagsterInstance

from woopra_pipeline.defs.assets.imports import check_verdicts, describe_runs, describe_verdicts

if TYPE_CHECKING:
    from woopra_pipeline.imports.runs import ImportRun
    from woopra_pipeline.imports.verification import Verdict


def record_imports(
    instance: DagsterInstance, runs: "Sequence[ImportRun]", *, show_persons: bool
) -> None:
    """Record imports of one log day, as a run of `import_batches` would."""
    _, metadata = describe_runs(runs, show_persons=show_persons)
    for name, of_day in metadata.items():
        instance.report_runless_asset_event(
            AssetMaterialization(name, partition=str(runs[0].log_day), metadata=of_day)
        )


def record_verdicts(
    instance: DagsterInstance, verdicts: "Sequence[Verdict]", *, show_persons: bool
) -> None:
    """Record what was found out about imports, as a run of `import_verification` would."""
    instance.report_runless_asset_event(
        AssetMaterialization("import_verification", metadata=describe_verdicts(verdicts))
    )
    instance.report_runless_asset_event(check_verdicts(verdicts, show_persons=show_persons))
