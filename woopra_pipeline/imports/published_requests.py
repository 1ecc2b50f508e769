"""Requests that only `imports.duckdb` knows, because `imports/` was lost or is too old.

It is outside of that folder. So if the whole folder comes back from a backup, or is lost, only
`imports.duckdb` knows what was sent since then, and it has the lines.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path

import duckdb

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LedgerError, ModelError
from woopra_pipeline.files import make_folder
from woopra_pipeline.imports.batch_files import write_lines
from woopra_pipeline.imports.journals import (
    PlanHeader,
    Request,
    batches_folder,
    note,
    read_journal,
)
from woopra_pipeline.imports.sources import Shape
from woopra_pipeline.model.database import connect


@dataclass(frozen=True)
class PublishedRequest:
    """A request that may have been accepted, in whole or in part, and the path of its file."""

    path: str
    request: Request


def published_requests(
    directory: DataDirectory, source: str | None = None
) -> list[PublishedRequest]:
    """The last request of each batch in `imports.duckdb` that may have been accepted.

    Of one source, or of all. None if there is no such file, or it cannot be read.
    """
    try:
        with _connected(directory) as connection:
            rows = connection.execute(
                "select path, first_line, line_count, sent_at from ledger.batches "
                "join ledger.files using (file_id) "
                "where not is_dry_run and sent_at is not null and state <> 'planned' "
                "and (? is null or source = ?) order by sent_at, batch",
                [source, source],
            ).fetchall()
    except (FileNotFoundError, ModelError, duckdb.Error):
        return []
    return [
        PublishedRequest(
            path, Request(Path(path).name, first, count, sent_at.astimezone(UTC).isoformat())
        )
        for path, first, count, sent_at in rows
    ]


def recover_batch_files(directory: DataDirectory) -> None:
    """Write missing batch files, and missing entries of the journals beside them.

    Raises `LedgerError` if a file is not one of a plan.
    """
    requests: dict[str, list[Request]] = defaultdict(list)
    for one in published_requests(directory):
        requests[one.path].append(one.request)
    if not requests:
        return
    with _connected(directory) as connection:
        for path, some in requests.items():
            _recover(connection, directory, path, some)


def _recover(
    connection: duckdb.DuckDBPyConnection,
    directory: DataDirectory,
    path: str,
    requests: list[Request],
) -> None:
    file = directory.root / path
    if ".." in file.parts or file.parents[3] != batches_folder(directory):
        raise LedgerError(
            f"{directory.published_imports} names {path}, which is not the path of a batch file: "
            "put the file back from a backup, or remove it"
        )
    journal = read_journal(file.parent)
    if journal is not None and journal.header is None:
        return
    [(source, shape, log_day, planned_at)] = connection.execute(
        "select source, shape, log_day, planned_at from ledger.files where path = ?", [path]
    ).fetchall()
    if not file.exists():
        rows = connection.execute(
            "select content from ledger.lines join ledger.files using (file_id) "
            "where path = ? order by line",
            [path],
        ).fetchall()
        make_folder(file.parent)
        write_lines(file, [content.encode() for (content,) in rows])
    known = {_when(request) for request in journal.requests} if journal is not None else set()
    missing = [request for request in requests if _when(request) not in known]
    if missing:
        assert isinstance(log_day, date)
        planned = planned_at.astimezone(UTC).isoformat()
        note(file.parent, PlanHeader(source, Shape(shape), log_day, planned, None), missing)


def _when(request: Request) -> tuple[str, str | None]:
    return request.file, request.sent_at


@contextmanager
def _connected(directory: DataDirectory) -> Iterator[duckdb.DuckDBPyConnection]:
    if not directory.published_imports.exists():
        raise FileNotFoundError
    with connect(directory.published_imports, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
