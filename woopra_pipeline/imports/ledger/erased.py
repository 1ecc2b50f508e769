"""Finds data of erased persons in the tables, and overwrites it. Only keys stay."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from woopra_pipeline.imports.batch_files import BatchFile, ErasedKeys
from woopra_pipeline.imports.ledger.connected import Connected
from woopra_pipeline.imports.lines import KEY_BYTES

NUMBER_BYTES = 4


class PlannedFile(NamedTuple):
    """A batch file, with its number, and when it was planned."""

    file_id: int
    file: BatchFile
    planned_at: datetime


class KeptRow(NamedTuple):
    """A row that was set aside: its place in the table, and the time."""

    source_id: int
    log_day: str
    key: bytes
    planned_at: datetime
    row: str


class Erased(Connected):
    """Overwrites rows of `batches` and `set_aside`; their source must be held."""

    def planned_files(self, source: str) -> list[PlannedFile]:
        """All batch files of a source."""
        rows = self.connection.execute(
            "select file_id, path, line_count, byte_count, planned_at "
            "from files join sources using (source_id) where name = ?",
            [source],
        ).fetchall()
        return [
            PlannedFile(file_id, BatchFile(*file), datetime.fromisoformat(planned_at))
            for file_id, *file, planned_at in rows
        ]

    def keys_of_lines(self, file_id: int, numbers: Iterable[int]) -> dict[int, ErasedKeys]:
        """The keys of lines of a file (0-based); none for a file of a dry run."""
        wanted = {number: ErasedKeys([]) for number in numbers}
        for keys, lines, contents in self.connection.execute(
            "select keys, lines, contents from file_keys where file_id = ?", [file_id]
        ):
            for place in range(len(lines) // NUMBER_BYTES):
                first = NUMBER_BYTES * place
                number = int.from_bytes(lines[first : first + NUMBER_BYTES], "little")
                if number in wanted:
                    part = slice(KEY_BYTES * place, KEY_BYTES * (place + 1))
                    wanted[number].keys.append(keys[part].hex())
                    if contents:
                        wanted[number].content = contents[part].hex()
        return wanted

    def forget_answers(self, file_id: int, numbers: Iterable[int], reason: str) -> None:
        """Remove the service's answers to batches with these lines: an answer may repeat them."""
        with self.transaction():
            for number in numbers:
                self.connection.execute(
                    "update batches set answer = null, reason = case "
                    "when state = 'rejected' then ? else reason end "
                    "where file_id = ? and first_line <= ? and first_line + line_count > ?",
                    [reason, file_id, number, number],
                )
            self.count_change()

    def rows_set_aside(self, source: str) -> Iterator[KeptRow]:
        """All rows of a source that were set aside."""
        for source_id, log_day, key, planned_at, row in self.connection.execute(
            "select source_id, log_day, key, planned_at, row "
            "from set_aside join sources using (source_id) where name = ?",
            [source],
        ):
            yield KeptRow(source_id, log_day, key, datetime.fromisoformat(planned_at), row)

    def overwrite_set_aside(self, rows: Iterable[KeptRow], row: str, reason: str) -> None:
        """Replace the content and the reason of rows that were set aside by `row` and `reason`."""
        with self.transaction():
            self.connection.executemany(
                "update set_aside set row = ?, reason = ? "
                "where source_id = ? and log_day = ? and key = ?",
                [(row, reason, kept.source_id, kept.log_day, kept.key) for kept in rows],
            )
            self.count_change()

    def overwrite_what_is_deleted(self) -> None:
        """From now on, let SQLite overwrite the bytes of rows that it deletes or replaces."""
        self.connection.execute("pragma secure_delete = on")

    def leave_nothing_deleted(self) -> None:
        """Write the file again, without bytes of rows that were deleted or replaced before."""
        self.connection.execute("vacuum")
        self.connection.execute("pragma wal_checkpoint(truncate)")
