"""Whether the ledger and the journals beside the batch files say the same, and seeing that they do.

The ledger is written first, so a journal may lack the last request. If it is the ledger that lacks
one, it is not the latest: it comes from a backup, or has lost its end.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import orjson

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import UnusableLedgerError
from woopra_pipeline.imports.journals import (
    Journal,
    PlanHeader,
    Request,
    note,
    plan_folders,
    read_journal,
    replace_journal,
)
from woopra_pipeline.imports.published_requests import published_requests
from woopra_pipeline.imports.sources import Shape


def unusable(path: Path, why: str) -> UnusableLedgerError:
    """The error for a ledger that does not say what was sent."""
    return UnusableLedgerError(
        f"The import ledger {path} {why}: put it back from a backup, or make it anew from the "
        "batch files with `woopra-pipeline import --rebuild-ledger`; until then nothing is "
        "imported, for it could be sent twice"
    )


def lacking(connection: sqlite3.Connection, directory: DataDirectory, source: str) -> list[Request]:
    """Requests that the journals of a source have and the ledger lacks, by paths below the root.

    Of a journal that is damaged, if the ledger does not know its plan, every file is one.
    """
    known = _requests(connection, source)
    named = _named_files(connection, source)
    named_folders = {Path(path).parent.as_posix() for path in named}
    unknown = []
    for folder in plan_folders(directory, source):
        journal = read_journal(folder)
        if journal is None:
            continue
        place = folder.relative_to(directory.root).as_posix()
        if journal.header is None and place not in named_folders:
            files = sorted(folder.glob("*.jsonl.zst"))
            unknown += [Request(f"{place}/{file.name}", 0, 0, None) for file in files]
        stretches = journal.stretches()
        for file, requests in _by_file(journal).items():
            path = f"{place}/{file}"
            if path in named:
                unknown += _at(path, Counter(requests) - Counter(known.get(path, ())))
            elif file in stretches:
                unknown += _at(path, requests)
    return unknown


def _at(path: str, requests: Iterable[Request]) -> list[Request]:
    return [replace(request, file=path) for request in requests]


def bring_in_line(
    connection: sqlite3.Connection, directory: DataDirectory, source: str, ledger: Path
) -> None:
    """See that the journals of a source, which must be held, have all that the ledger has of it.

    Raises `UnusableLedgerError` if the ledger is not the latest one.
    """
    note_withdrawn(connection, directory, source)
    if unknown := lacking(connection, directory, source):
        first = unknown[0]
        raise unusable(
            ledger,
            f"is older than the batches it is about, for it lacks {len(unknown):,} of the "
            f"requests with lines of {source}, such as that of {first.file}"
            + (f" at {first.sent_at}" if first.sent_at else ""),
        )
    _require_published(connection, directory, source, ledger)
    folders: dict[Path, list[Request]] = defaultdict(list)
    for path, requests in _requests(connection, source).items():
        file = directory.root / path
        folders[file.parent] += requests
    for folder, requests in folders.items():
        if not folder.exists():
            continue
        journal = read_journal(folder)
        if journal is None or journal.header is None:
            place = folder.relative_to(directory.root).as_posix()
            header = plan_header(connection, f"{place}/{requests[0].file}")
            gaps = _gaps(connection, place)
            replace_journal(folder, header, [*requests, *gaps])
        elif missing := Counter(requests) - Counter(journal.requests):
            note(folder, journal.header, missing.elements())


def _require_published(
    connection: sqlite3.Connection, directory: DataDirectory, source: str, ledger: Path
) -> None:
    """Raise `UnusableLedgerError` if `imports.duckdb` shows a request that the ledger lacks."""
    known = {
        (path, request.sent_at)
        for path, requests in _requests(connection, source).items()
        for request in requests
    }
    for one in published_requests(directory, source):
        if (one.path, one.request.sent_at) not in known:
            raise unusable(
                ledger,
                f"is older than {directory.published_imports}, for it lacks the request with "
                f"lines of {source} at {one.request.sent_at}",
            )


def note_withdrawn(connection: sqlite3.Connection, directory: DataDirectory, source: str) -> None:
    """Note in the journals of a source, which must be held, what was sent in vain and withdrawn."""
    for path, first, count in connection.execute(
        "select path, first_line, line_count from withdrawn where source = ?", [source]
    ).fetchall():
        folder, file = (directory.root / path).parent, Path(path).name
        journal = read_journal(folder)
        withdrawn = Request(file, first, count, None)
        if journal is not None and journal.header is not None:
            note(folder, journal.header, [withdrawn])
        connection.execute("delete from withdrawn where path = ? and first_line = ?", [path, first])


def plan_header(connection: sqlite3.Connection, path: str) -> PlanHeader:
    """What the journal beside a batch file of the ledger begins with."""
    ((source, shape, log_day, planned_at, identifiers),) = connection.execute(
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


def _requests(connection: sqlite3.Connection, source: str) -> dict[str, list[Request]]:
    """By the path of their file, the requests of a source that are in the ledger, in order."""
    requests: dict[str, list[Request]] = defaultdict(list)
    for path, first, count, sent_at in connection.execute(
        "select path, requests.first_line, requests.line_count, sent_at "
        "from requests join files using (file_id) join sources using (source_id) "
        "where name = ? order by request_id",
        [source],
    ):
        requests[path].append(Request(Path(path).name, first, count, sent_at))
    return requests


def _by_file(journal: Journal) -> dict[str, list[Request]]:
    requests: dict[str, list[Request]] = defaultdict(list)
    for request in journal.requests:
        if request.sent_at is not None:
            requests[request.file].append(request)
    return requests


def _named_files(connection: sqlite3.Connection, source: str) -> set[str]:
    return {
        path
        for (path,) in connection.execute(
            "select path from files join sources using (source_id) where name = ?", [source]
        )
    }


def _gaps(connection: sqlite3.Connection, place: str) -> list[Request]:
    """The lines in the files of a plan's folder that are in no batch any more: withdrawn."""
    gaps = []
    ends: dict[str, int] = {}
    for path, first, count in connection.execute(
        "select path, first_line, batches.line_count from batches join files using (file_id) "
        "where path like ? || '/%' union all "
        "select path, line_count, 0 from files where path like ? || '/%' order by 1, 2",
        [place, place],
    ):
        end = ends.get(path, 0)
        if first > end:
            gaps.append(Request(Path(path).name, end, first - end, None))
        ends[path] = first + count
    return gaps
