"""Rows that could not become lines, with the reasons."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from woopra_pipeline.imports.journals import PlanHeader
from woopra_pipeline.imports.ledger.files import Files
from woopra_pipeline.imports.lines import SetAside, digest


class SetAsideRows(Files):
    """The table `set_aside`, and a temporary table for a plan that is being made."""

    @contextmanager
    def collecting_set_aside(self) -> Iterator[None]:
        """Within the block `collect_set_aside` may be called."""
        self.connection.execute(
            "create temp table planned_set_aside (key blob unique, reason text, row text)"
        )
        try:
            yield
        finally:
            self.connection.execute("drop table temp.planned_set_aside")

    def collect_set_aside(self, rows: Iterable[SetAside]) -> None:
        """Collect rows for `enter_set_aside`."""
        with self.transaction("deferred"):
            self.connection.executemany(
                "insert or ignore into planned_set_aside values (?, ?, ?)",
                ((digest(bad.row.encode()), bad.reason, bad.row) for bad in rows),
            )

    def enter_set_aside(self, plan: PlanHeader, *, is_dry_run: bool) -> None:
        """Replace the rows of earlier plans by the collected ones, within a transaction.

        A dry run replaces only rows of dry runs.
        """
        source_id = self.source_id(plan.source)
        self.connection.execute(
            "delete from set_aside where source_id = ? and log_day = ? and (is_dry_run or not ?)",
            [source_id, plan.log_day.isoformat(), is_dry_run],
        )
        self.connection.execute(
            "insert or ignore into set_aside select ?, ?, key, ?, ?, ?, reason, row "
            "from planned_set_aside",
            [source_id, plan.log_day.isoformat(), plan.shape, is_dry_run, plan.planned_at],
        )
