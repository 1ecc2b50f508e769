"""The condition of the lake, for `status`: little is read, and nothing is written."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from woopra_pipeline.errors import PipelineError
from woopra_pipeline.lake.days import log_days_in, parsed_days_in
from woopra_pipeline.lake.location import open_lake, without_credentials
from woopra_pipeline.lake.publication import digest, read_publication
from woopra_pipeline.lake.script import script_text
from woopra_pipeline.model.typed_settings import TypedSettings, read_pinned_types
from woopra_pipeline.model.typed_tables import TypedChoice


@dataclass(frozen=True)
class LakeCondition:
    """The days in the lake, and its tables; or the problem, if it cannot be read."""

    location: str
    log_days: list[date] = field(default_factory=list)
    revision: str | None = None
    """The revision of its tables; None if there are none yet."""
    tables_are_behind: bool = False
    """Whether the tables were computed from other days or other settings than there are now."""
    problem: str | None = None


def read_condition(location: str, types: Path) -> LakeCondition:
    """The condition of the lake at `location`; `types` is the file of pinned types on this machine.

    If a store cannot be reached, that is a problem to report. Nothing waits for it.
    """
    try:
        lake = open_lake(location, is_patient=False)
        publication = read_publication(lake).publication
        log_days = log_days_in(lake)
        if publication is None:
            return LakeCondition(lake.location, log_days)
        choice = TypedChoice(TypedSettings.from_environment(), read_pinned_types(types))
        days = parsed_days_in(lake).values()
        return LakeCondition(
            lake.location,
            log_days,
            publication.revision,
            publication.days != digest(days, script_text(), choice),
        )
    except PipelineError as error:
        return LakeCondition(without_credentials(location), problem=str(error))
