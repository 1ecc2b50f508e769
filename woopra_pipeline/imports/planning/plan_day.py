"""Plans the lines that a source has for a day, for every shape of rows."""

from datetime import date

from woopra_pipeline.clock import Clock
from woopra_pipeline.garbage_collection import paused_garbage_collection
from woopra_pipeline.imports.ledger import Ledger
from woopra_pipeline.imports.planning.events import Events
from woopra_pipeline.imports.planning.planner import Plan, Planner
from woopra_pipeline.imports.planning.profile_updates import ProfileUpdates
from woopra_pipeline.imports.planning.staging import staged
from woopra_pipeline.imports.planning.visits import Visits
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import Source, read_source

PLANNERS: dict[str, type[Planner]] = {
    planner.shape: planner for planner in (Visits, Events, ProfileUpdates)
}


def plan_day(
    ledger: Ledger,
    source: Source,
    log_day: date,
    *,
    settings: ImportSettings,
    clock: Clock,
    dry_run: bool,
) -> Plan:
    """Plan the lines that a source has for a day; the source must be held.

    Raises `SourceError` if it cannot be run, and `ConfigurationError` if its events are known by
    other identifiers; then everything is as it was.
    """
    with (
        read_source(ledger.directory, source, log_day, settings) as rows,
        staged(ledger.directory, source) as staging,
        ledger.collecting_set_aside(),
        paused_garbage_collection(),
    ):
        planner = PLANNERS[rows.shape](
            ledger, staging, source.name, log_day, settings=settings, dry_run=dry_run
        )
        with planner.writer() as writer:
            for chunk in rows.chunks:
                planner.add(chunk, writer)
            planner.make_files(writer)
        planner.commit(clock().isoformat())
    return planner.plan
