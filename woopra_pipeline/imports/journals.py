"""Journals: what was sent of each plan, kept beside its batch files, in case the ledger is lost.

    imports/batches/SOURCE/YYYY-MM-DD/<plan>/sent.jsonl

Its first line describes the plan. Every other line is a request, or lines that were not accepted
and were withdrawn later. A request is written to the ledger first, then here, on disk. Only then
its first byte is sent. So lines that are in no journal were never sent, and a ledger that lacks a
request of a journal is not the latest one. imports/batches/format.json says that this is so: an
earlier version had no journals.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LedgerError
from woopra_pipeline.imports.sources import Shape
from woopra_pipeline.replacing import replace_json, replacing

JOURNAL_NAME = "sent.jsonl"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class PlanHeader:
    """The description of a plan.

    `identifiers` are those that its events were compared by, if any.
    """

    source: str
    shape: Shape
    log_day: date
    planned_at: str
    identifiers: tuple[str, ...] | None


@dataclass(frozen=True)
class Request:
    """Lines of a batch file that were about to be sent; `first_line` is 0-based.

    `file` is the file's name; `sent_at` is None if no line was accepted and they were withdrawn.
    """

    file: str
    first_line: int
    line_count: int
    sent_at: str | None


@dataclass(frozen=True)
class Stretch:
    """Lines of a file that were sent in one request, and perhaps in several."""

    first_line: int
    end_line: int
    first_sent_at: str
    last_sent_at: str
    attempts: int


@dataclass(frozen=True)
class Journal:
    """A journal as it is on disk. `header` is None if it is damaged, so that it may lack lines."""

    header: PlanHeader | None
    requests: list[Request] = field(default_factory=list)

    def stretches(self) -> dict[str, list[Stretch]]:
        """By file, the lines that may have been sent, in their order; each was in one request."""
        stretches: dict[str, list[Stretch]] = defaultdict(list)
        for request in self.requests:
            first, end = request.first_line, request.first_line + request.line_count
            before = stretches[request.file]
            same = [one for one in before if one.first_line < end and one.end_line > first]
            rest = [part for one in before for part in _outside(one, first, end)]
            if request.sent_at is not None:
                earliest = min([request.sent_at, *(one.first_sent_at for one in same)])
                attempts = max((one.attempts for one in same), default=0) + 1
                rest.append(Stretch(first, end, earliest, request.sent_at, attempts))
            stretches[request.file] = sorted(rest, key=lambda one: one.first_line)
        return {file: parts for file, parts in stretches.items() if parts}


def _outside(stretch: Stretch, first: int, end: int) -> Iterator[Stretch]:
    """The rest of a stretch without the lines from `first` to before `end`."""
    for start, stop in (
        (stretch.first_line, min(first, stretch.end_line)),
        (max(end, stretch.first_line), stretch.end_line),
    ):
        if start < stop:
            yield Stretch(
                start, stop, stretch.first_sent_at, stretch.last_sent_at, stretch.attempts
            )


def read_journal(folder: Path) -> Journal | None:
    """The journal of a plan's folder; None if there is none, so nothing of the plan was sent."""
    try:
        content = (folder / JOURNAL_NAME).read_bytes()
    except FileNotFoundError:
        return None
    # If the last line is not whole, its request was never sent.
    lines = content.split(b"\n")[:-1]
    try:
        return Journal(_header(orjson.loads(lines[0])), [_request(line) for line in lines[1:]])
    except (IndexError, KeyError, TypeError, ValueError):
        return Journal(None)


def _header(content: Any) -> PlanHeader:
    if content["version"] != FORMAT_VERSION:
        raise ValueError
    identifiers = content["identifiers"]
    return PlanHeader(
        content["source"],
        Shape(content["shape"]),
        date.fromisoformat(content["log_day"]),
        content["planned_at"],
        None if identifiers is None else tuple(identifiers),
    )


def _request(line: bytes) -> Request:
    content = orjson.loads(line)
    return Request(
        content["file"], int(content["first_line"]), int(content["line_count"]), content["sent_at"]
    )


def note(folder: Path, header: PlanHeader, requests: Iterable[Request]) -> None:
    """Add to a plan's journal, durably; raises `LedgerError` if that is not possible."""
    path = folder / JOURNAL_NAME
    try:
        if not path.exists():
            replace_journal(folder, header, requests)
            return
        with path.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
            file.seek(0, os.SEEK_END)
            file.write(_lines(requests))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be written ({error.strerror}), and nothing is sent before it is noted "
            "there: see that the disk has room and can be written, then try again"
        ) from error


def replace_journal(folder: Path, header: PlanHeader, requests: Iterable[Request]) -> None:
    """Write a plan's journal again, whole or not at all."""
    with replacing(folder / JOURNAL_NAME) as temporary:
        temporary.write_bytes(_text(header, requests))


def _text(header: PlanHeader, requests: Iterable[Request]) -> bytes:
    first = {
        "version": FORMAT_VERSION,
        "source": header.source,
        "shape": header.shape.value,
        "log_day": header.log_day,
        "planned_at": header.planned_at,
        "identifiers": header.identifiers,
    }
    return orjson.dumps(first, option=orjson.OPT_APPEND_NEWLINE) + _lines(requests)


def _lines(requests: Iterable[Request]) -> bytes:
    return b"".join(orjson.dumps(request, option=orjson.OPT_APPEND_NEWLINE) for request in requests)


def batches_folder(directory: DataDirectory) -> Path:
    """The folder of the batch files of all sources."""
    return directory.imports / "batches"


def plan_folders(directory: DataDirectory, source: str | None = None) -> Sequence[Path]:
    """The folders of all plans, or of the plans of a source."""
    if source is None:
        return sorted(batches_folder(directory).glob("*/*/*/"))
    return sorted((batches_folder(directory) / source).glob("*/*/"))


def has_format(directory: DataDirectory) -> bool:
    """Whether every request is in a journal, so that other lines were never sent."""
    return (batches_folder(directory) / "format.json").exists()


def note_format(directory: DataDirectory) -> None:
    """Write that down; to be called before the first plan, or when all journals are written."""
    if not has_format(directory):
        replace_json(batches_folder(directory) / "format.json", {"version": FORMAT_VERSION})


def was_anything_sent(directory: DataDirectory) -> bool:
    """Whether the batch files show that something was sent, or may have been."""
    folders = plan_folders(directory)
    if any((folder / JOURNAL_NAME).exists() for folder in folders):
        return True
    return not has_format(directory) and any(any(f.glob("*.jsonl.zst")) for f in folders)
