"""Compares the ledger with the journals beside the batch files, and keeps them equal.

The ledger is written first, so a journal may lack the last request. If the ledger lacks one, it is
not the latest: it comes from a backup, or has lost its end.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from woopra_pipeline.imports.journals import (
    Journal,
    Request,
    note,
    plan_folders,
    read_journal,
    replace_journal,
)
from woopra_pipeline.imports.ledger.lost import unusable
from woopra_pipeline.imports.ledger.tables import LedgerTables
from woopra_pipeline.imports.published_requests import published_requests


def lacking(ledger: LedgerTables, source: str) -> list[Request]:
    """Requests that the journals of a source have and the ledger lacks, by paths below the root.

    If a journal is damaged and the ledger does not know its plan, every file of it counts as one.
    """
    root = ledger.directory.root
    known = ledger.requests(source)
    named = ledger.named_files(source)
    named_folders = {Path(path).parent.as_posix() for path in named}
    unknown = []
    for folder in plan_folders(ledger.directory, source):
        journal = read_journal(folder)
        if journal is None:
            continue
        path_of_folder = folder.relative_to(root).as_posix()
        if journal.header is None and path_of_folder not in named_folders:
            files = sorted(folder.glob("*.jsonl.zst"))
            unknown += [Request(f"{path_of_folder}/{file.name}", 0, 0, None) for file in files]
        stretches = journal.stretches()
        for file, requests in _by_file(journal).items():
            path = f"{path_of_folder}/{file}"
            if path in named:
                unknown += _at(path, Counter(requests) - Counter(known.get(path, ())))
            elif file in stretches:
                unknown += _at(path, requests)
    return unknown


def _at(path: str, requests: Iterable[Request]) -> list[Request]:
    return [replace(request, file=path) for request in requests]


def bring_in_line(ledger: LedgerTables, source: str) -> None:
    """Complete the journals of a source, which must be held, from the ledger.

    Raises `UnusableLedgerError` if the ledger is not the latest one.
    """
    ledger.note_withdrawn(source)
    if unknown := lacking(ledger, source):
        first = unknown[0]
        raise unusable(
            ledger.path,
            f"is older than its batches: it lacks {len(unknown):,} of the "
            f"requests with lines of {source}, such as that of {first.file}"
            + (f" at {first.sent_at}" if first.sent_at else ""),
        )
    _require_published(ledger, source)
    folders: dict[Path, list[Request]] = defaultdict(list)
    for path, requests in ledger.requests(source).items():
        file = ledger.directory.root / path
        folders[file.parent] += requests
    for folder, requests in folders.items():
        if not folder.exists():
            continue
        journal = read_journal(folder)
        if journal is None or journal.header is None:
            path = folder.relative_to(ledger.directory.root).as_posix()
            header = ledger.plan_header(f"{path}/{requests[0].file}")
            gaps = ledger.lines_in_no_batch(path)
            replace_journal(folder, header, [*requests, *gaps])
        elif missing := Counter(requests) - Counter(journal.requests):
            note(folder, journal.header, missing.elements())


def _require_published(ledger: LedgerTables, source: str) -> None:
    """Raise `UnusableLedgerError` if `imports.duckdb` shows a request that the ledger lacks."""
    known = {
        (path, request.sent_at)
        for path, requests in ledger.requests(source).items()
        for request in requests
    }
    for one in published_requests(ledger.directory, source):
        if (one.path, one.request.sent_at) not in known:
            raise unusable(
                ledger.path,
                f"is older than {ledger.directory.published_imports}, because it lacks the "
                f"request with lines of {source} at {one.request.sent_at}",
            )


def _by_file(journal: Journal) -> dict[str, list[Request]]:
    requests: dict[str, list[Request]] = defaultdict(list)
    for request in journal.requests:
        if request.sent_at is not None:
            requests[request.file].append(request)
    return requests
