"""Which columns of the log each column of the model is made of, as Dagster's catalogue shows it.

What decides whether a row is there at all, the delete lines, is told by the asset's own lineage.
"""

from collections.abc import Mapping

from dagster import TableColumnDep, TableColumnLineage

from woopra_pipeline.tables import (
    ACTIONS,
    ACTIONS_LOG,
    DELETES_LOG,
    LOG_DAYS,
    PID_ALIASES,
    PROFILE_MERGES,
    PROFILE_PROPERTIES,
    PROFILES,
    PROPERTIES_LOG,
    REJECTED_LINES,
    REJECTED_LINES_LOG,
    RELOG_AUDIT,
    VISITS,
    VISITS_LOG,
    Table,
)

Sources = Mapping[str, tuple[str, ...]]
"""By the name of a column, the columns it is made of, as `table.column`."""


def _same_columns(table: Table, source: Table) -> Sources:
    return {name: (f"{source.name}.{name}",) for name in table.column_names}


DELETE_LINE = {
    "log_day": ("deletes_log.log_day",),
    "log_line": ("deletes_log.log_line",),
    "from_pid": ("deletes_log.pid",),
    "to_pid": ("deletes_log.new_id",),
}
MERGE_PATH = (
    "deletes_log.pid",
    "deletes_log.new_id",
    "deletes_log.log_day",
    "deletes_log.log_line",
)
SEEN_AT = ("visits_log.started_at", "actions_log.occurred_at")
VOIDED_ACTIONS = ("actions_log.pid", "actions_log.log_day", "actions_log.log_line", *MERGE_PATH)
RELOGGED_ACTIONS = (*VOIDED_ACTIONS, "actions_log.occurred_at", "actions_log.name")

SOURCES: Mapping[str, Sources] = {
    PROFILES.name: {
        "pid": ("visits_log.pid",),
        "properties": ("properties_log.key", "properties_log.value"),
        "email": ("properties_log.value",),
        "name": ("properties_log.value",),
        "first_seen_at": SEEN_AT,
        "last_seen_at": SEEN_AT,
        "visit_count": ("visits_log.type",),
        "action_count": ("visits_log.action_count",),
        "is_provisional": RELOGGED_ACTIONS,
    },
    PROFILE_PROPERTIES.name: {
        **{name: (f"properties_log.{name}",) for name in PROPERTIES_LOG.column_names},
        "text": ("properties_log.value",),
    },
    VISITS.name: _same_columns(VISITS, VISITS_LOG),
    ACTIONS.name: _same_columns(ACTIONS, ACTIONS_LOG),
    PROFILE_MERGES.name: {**DELETE_LINE, "canonical_pid": MERGE_PATH},
    RELOG_AUDIT.name: {
        **DELETE_LINE,
        "action_count": VOIDED_ACTIONS,
        "relogged_count": RELOGGED_ACTIONS,
        "missing_count": RELOGGED_ACTIONS,
    },
    PID_ALIASES.name: {
        "pid": ("visits_log.pid", "deletes_log.pid", "deletes_log.new_id"),
        "canonical_pid": ("visits_log.pid", *MERGE_PATH),
        "hops": ("visits_log.pid", *MERGE_PATH),
    },
    LOG_DAYS.name: {
        "log_day": tuple(
            f"{table.name}.log_day" for table in (VISITS_LOG, DELETES_LOG, REJECTED_LINES_LOG)
        ),
        "visit_count": ("visits_log.type",),
        "identify_count": ("visits_log.type",),
        "delete_count": ("deletes_log.log_line",),
        "rejected_count": ("rejected_lines_log.log_line",),
        "action_count": ("visits_log.action_count",),
    },
    REJECTED_LINES.name: _same_columns(REJECTED_LINES, REJECTED_LINES_LOG),
}
"""Of each table of the model. Columns that are not here come from the files, not from the log."""


def column_lineage(table: Table) -> TableColumnLineage:
    """Where the columns of a table of the model come from."""
    return TableColumnLineage(
        {
            column: [TableColumnDep(*source.split(".")) for source in sources]
            for column, sources in SOURCES[table.name].items()
        }
    )
