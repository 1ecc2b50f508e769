"""Sources, the batch files of their plans, and withdrawn lines."""

from datetime import date
from pathlib import Path

import orjson

from woopra_pipeline.imports.batch_files import BatchFile
from woopra_pipeline.imports.journals import PlanHeader, Request, note, read_journal
from woopra_pipeline.imports.ledger.connected import Connected
from woopra_pipeline.imports.sources import Shape


class Files(Connected):
    """The tables `sources`, `files` and `withdrawn`."""

    def source_id(self, source: str) -> int:
        """The number of a source; a new source gets one."""
        self.connection.execute("insert or ignore into sources (name) values (?)", [source])
        ((number,),) = self.connection.execute(
            "select source_id from sources where name = ?", [source]
        ).fetchall()
        return int(number)

    def source_names(self) -> list[str]:
        """The names of all sources that have a number."""
        rows = self.connection.execute("select name from sources order by name")
        return [str(name) for (name,) in rows]

    def event_identifiers(self, source: str) -> list[str]:
        """The identifiers by which the events of a source are known; none if it has no events."""
        rows = self.connection.execute(
            "select identifiers from sources where name = ? and identifiers is not null and exists "
            "(select 1 from files where files.source_id = sources.source_id "
            "and shape = 'events' and not is_dry_run)",
            [source],
        )
        return [str(key) for (text,) in rows for key in orjson.loads(text)]

    def note_identifiers(self, source: str, identifiers: tuple[str, ...]) -> None:
        """Set the identifiers by which the events of a source are known from now on."""
        self.connection.execute(
            "update sources set identifiers = ? where name = ?",
            [orjson.dumps(identifiers).decode(), source],
        )

    def enter_file(self, plan: PlanHeader, file: BatchFile, *, is_dry_run: bool) -> int:
        """Add a batch file of a plan; returns its number."""
        number = self.connection.execute(
            "insert into files (source_id, shape, log_day, path, line_count, byte_count, "
            "is_dry_run, planned_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                self.source_id(plan.source),
                plan.shape,
                plan.log_day.isoformat(),
                file.path,
                file.line_count,
                file.byte_count,
                is_dry_run,
                plan.planned_at,
            ],
        ).lastrowid
        assert number is not None
        return number

    def empty_file(self, path: str) -> int | None:
        """Remove the batches and requests of a file; returns its number, None if it has none."""
        for (number,) in self.connection.execute(
            "select file_id from files where path = ?", [path]
        ).fetchall():
            self.connection.execute("delete from batches where file_id = ?", [number])
            self.connection.execute("delete from requests where file_id = ?", [number])
            return int(number)
        return None

    def named_files(self, source: str) -> set[str]:
        """The paths of all batch files of a source."""
        rows = self.connection.execute(
            "select path from files join sources using (source_id) where name = ?", [source]
        )
        return {str(path) for (path,) in rows}

    def plan_header(self, path: str) -> PlanHeader:
        """The first line of the journal beside a batch file."""
        ((source, shape, log_day, planned_at, identifiers),) = self.connection.execute(
            "select name, shape, log_day, planned_at, identifiers "
            "from files join sources using (source_id) where path = ?",
            [path],
        ).fetchall()
        is_known_by = shape == Shape.EVENTS and identifiers is not None
        return PlanHeader(
            source,
            Shape(shape),
            date.fromisoformat(log_day),
            planned_at,
            tuple(orjson.loads(identifiers)) if is_known_by else None,
        )

    def note_withdrawn(self, source: str) -> None:
        """Write into the journals of a source, which must be held, what was sent and withdrawn."""
        for path, first, count in self.connection.execute(
            "select path, first_line, line_count from withdrawn where source = ?", [source]
        ).fetchall():
            folder, file = (self.directory.root / path).parent, Path(path).name
            journal = read_journal(folder)
            withdrawn = Request(file, first, count, None)
            if journal is not None and journal.header is not None:
                note(folder, journal.header, [withdrawn])
            self.connection.execute(
                "delete from withdrawn where path = ? and first_line = ?", [path, first]
            )

    def lines_in_no_batch(self, folder: str) -> list[Request]:
        """The lines in the files of a plan's folder that were withdrawn."""
        gaps = []
        ends: dict[str, int] = {}
        for path, first, count in self.connection.execute(
            "select path, first_line, batches.line_count from batches join files using (file_id) "
            "where path like ? || '/%' union all "
            "select path, line_count, 0 from files where path like ? || '/%' order by 1, 2",
            [folder, folder],
        ):
            end = ends.get(path, 0)
            if first > end:
                gaps.append(Request(Path(path).name, end, first - end, None))
            ends[path] = first + count
        return gaps
