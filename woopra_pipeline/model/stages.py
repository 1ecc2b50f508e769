"""The SQL of the model in the order in which it runs; each file says what it reads and writes."""

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
    """Once in a new file, whose tables are made already. The others are those of each update."""
    REPORTS = ("reports/calendar", *(f"reports/{macro.name}" for macro in REPORT_MACROS))
    """If the file has none, or those of another version."""
    NOTES = ("working_tables",)
    DAY_TAKEN_OUT = ("unload_day",)
    """Once for each day that is taken out."""
    DAYS_ADDED = (
        "load_deletes",
        "load_lines",
        "load_actions",
        "load_properties",
        "load_rejected_lines",
    )
    """If there are days to add."""
    VOIDED_ANEW = ("revoid_lines",)
    """If the model has lines of before."""
    PROFILES_RENEWED = ("profiles",)
    MERGES_NUMBERED = ("merge_steps",)
    """If a delete line changed; then Python numbers the forest of merges."""
    MERGES_FOLLOWED = ("merges",)
    ALIASES_RENEWED = ("departed_pids",)
    RELOGS_AUDITED = ("relog_audit",)
    TYPED_WHOLE = ("typed_whole",)
    """Once for some days at a time, if all typed relations are made again."""
    TYPED_CHANGES = ("typed_changes",)
    """Otherwise once."""
    TYPED_RELATIONS = ("typed_relations",)
    """After either; then Python says which names are left out."""
    TYPED_PROPERTIES = ("typed_properties",)
    TYPED_LEVELS = ("typed_levels",)
    """Then Python changes the typed relations themselves."""


ON_DEMAND = ("explain",)
"""Queries that no update runs. There are the checks too, which `model/checks.py` lists."""
