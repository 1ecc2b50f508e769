"""The SQL files of the model, in the order in which they run."""

from enum import Enum

from woopra_pipeline.tables import MODEL_TABLES, REPORT_MACROS


class Stage(Enum):
    """The stages, first to last; each is the names of files of `model/sql/`, run one by one."""

    EMPTY_MODEL = (
        "macros",
        *(f"views/{table.name}" for table in MODEL_TABLES if table.is_view),
        "as_of",
        "logged",
    )
    """Runs once in a new file, whose tables exist already. All other stages run in each update."""
    REPORTS = ("reports/calendar", *(f"reports/{macro.name}" for macro in REPORT_MACROS))
    """Runs if the file has no macros, or those of another version."""
    NOTES = ("working_tables",)
    DAY_TAKEN_OUT = ("unload_day",)
    """Runs once for each day that is removed."""
    DAYS_ADDED = (
        "load_deletes",
        "load_lines",
        "load_actions",
        "load_properties",
        "load_rejected_lines",
    )
    """Runs if there are days to add."""
    REVOIDED = ("revoid_lines",)
    """Runs if the model has earlier lines."""
    PROFILES_RENEWED = ("profiles",)
    MERGES_NUMBERED = ("merge_steps",)
    """Runs if a delete line changed; then Python numbers the forest of merges."""
    MERGES_FOLLOWED = ("merges",)
    ALIASES_RENEWED = ("departed_pids",)
    RELOGS_AUDITED = ("relog_audit",)
    TYPED_WHOLE = ("typed_whole",)
    """Runs once for each group of days, if all typed relations are made again."""
    TYPED_CHANGES = ("typed_changes",)
    """Runs once otherwise."""
    TYPED_RELATIONS = ("typed_relations",)
    """Runs after either of the two; then Python decides which names are left out."""
    TYPED_PROPERTIES = ("typed_properties",)
    TYPED_LEVELS = ("typed_levels",)
    """After this stage, Python changes the typed relations themselves."""


ON_DEMAND = ("explain",)
"""Queries that are not part of an update. Checks are listed in `model/checks.py`."""
