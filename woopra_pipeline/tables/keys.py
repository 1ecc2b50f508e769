"""Which columns tell the rows of a public table apart, and which rows of other tables they name.

No database enforces these keys: the log decides which rows there are. The tests look at them.
"""

from dataclasses import dataclass

KEYS: dict[str, tuple[str, ...]] = {
    "profiles": ("pid",),
    "profile_properties": ("pid", "key"),
    "people": ("pid",),
    "identifiers": ("pid", "key"),
    "property_types": ("event", "key"),
    "visits": ("log_day", "log_line"),
    "actions": ("log_day", "log_line", "action_index"),
    "profile_merges": ("log_day", "log_line"),
    "relog_audit": ("log_day", "log_line"),
    "pid_aliases": ("pid",),
    "log_days": ("log_day",),
    "rejected_lines": ("log_day", "log_line"),
    "imports": ("batch",),
    "import_lines": ("batch", "line_number"),
}
"""By table, the columns that no two rows have the same values of.

The `event` of a property of profiles is NULL, and so are both of a row of `import_lines` that was
set aside before it came into a batch.
"""


@dataclass(frozen=True)
class Reference:
    """Columns of a table that name a row of another one, by that one's key; NULL names none."""

    table: str
    columns: tuple[str, ...]
    target: str


REFERENCES = (
    Reference("profile_properties", ("pid",), "profiles"),
    Reference("people", ("pid",), "profiles"),
    Reference("identifiers", ("pid",), "profiles"),
    Reference("visits", ("pid",), "profiles"),
    Reference("actions", ("log_day", "log_line"), "visits"),
    Reference("actions", ("pid",), "profiles"),
    Reference("pid_aliases", ("canonical_pid",), "profiles"),
    Reference("profile_merges", ("from_pid",), "pid_aliases"),
    Reference("profile_merges", ("canonical_pid",), "profiles"),
    Reference("relog_audit", ("log_day", "log_line"), "profile_merges"),
    Reference("visits", ("log_day",), "log_days"),
    Reference("profile_merges", ("log_day",), "log_days"),
    Reference("rejected_lines", ("log_day",), "log_days"),
    Reference("import_lines", ("batch",), "imports"),
)
