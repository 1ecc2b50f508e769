"""Reads the ledger for display: counts, and rows in the form in which they are published."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from woopra_pipeline.imports.batch_files import BatchFile
from woopra_pipeline.imports.ledger.connected import Connected


class Content(Connected):
    """Reads all tables, and writes none."""

    def line_counts(self, source: str | None = None, log_day: date | None = None) -> dict[str, int]:
        """Lines by state, without dry runs, and the number that was set aside.

        Of one source or day, if they are given.
        """
        wanted = [source, source, log_day and log_day.isoformat(), log_day and log_day.isoformat()]
        counts = {
            str(state): int(lines)
            for state, lines in self.connection.execute(
                "select state, sum(batches.line_count) from batches join files using (file_id) "
                "join sources using (source_id) where not is_dry_run "
                "and (? is null or name = ?) and (? is null or log_day = ?) group by state",
                wanted,
            )
        }
        ((set_aside,),) = self.connection.execute(
            "select count(*) from set_aside join sources using (source_id) where not is_dry_run "
            "and (? is null or name = ?) and (? is null or log_day = ?)",
            wanted,
        ).fetchall()
        return counts | ({"set aside": int(set_aside)} if set_aside else {})

    def lost_counts(self) -> tuple[int, int]:
        """Batches, and lines, that are unknown because the ledger was lost."""
        ((batches, lines),) = self.connection.execute(
            "select count(*), coalesce(sum(line_count), 0) from batches "
            "where state = 'unknown' and sent_until is not null"
        ).fetchall()
        return int(batches), int(lines)

    def last_days(self) -> dict[str, date]:
        """For each source, the last day on which it had lines to send or rows to set aside."""
        rows = self.connection.execute(
            "select name, max(log_day) from sources join ("
            "select source_id, log_day from files where not is_dry_run "
            "union all select source_id, log_day from set_aside where not is_dry_run"
            ") using (source_id) group by name order by name"
        )
        return {str(name): date.fromisoformat(log_day) for name, log_day in rows}

    def shown_tables(self) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
        """The rows of each table of `publication.sql` that comes from the ledger."""
        for table, sql in _SHOWN.items():
            yield table, self.connection.execute(sql).fetchall()

    def files(self) -> list[tuple[int, BatchFile]]:
        """All batch files, with their numbers."""
        rows = self.connection.execute(
            "select file_id, path, line_count, byte_count from files order by file_id"
        ).fetchall()
        return [(file_id, BatchFile(*rest)) for file_id, *rest in rows]


_SHOWN = {
    "files": """
        select file_id, name as source, shape, log_day, path, is_dry_run, planned_at
        from files
        join sources using (source_id)
    """,
    "batches": """
        select batch_id, file_id, first_line, line_count, byte_count, state, attempts, status,
            reason, answer, sent_at, settled_at
        from batches
    """,
    "set_aside": """
        select lower(hex(key)), name, shape, log_day, is_dry_run, reason, planned_at, row
        from set_aside
        join sources using (source_id)
    """,
}
