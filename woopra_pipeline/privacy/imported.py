"""Import lines of erased persons: overwritten in the batch files and in the ledger's rows.

An import line has no pid; whose it is, its identifiers say, by their digests in the register. A
line keeps its place and its length, and the ledger its keys, so that nothing is sent twice. The
keys of overwritten lines are noted beside the file, for a ledger that has to be made anew.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.batch_files import (
    BatchFile,
    ErasedKeys,
    note_erased_keys,
    overwrite_lines,
    read_lines,
)
from woopra_pipeline.imports.ledger import Ledger, has_ledger
from woopra_pipeline.imports.lines import KEY_BYTES, identifier_text
from woopra_pipeline.imports.publication import (
    forget_publication,
    publication_lock,
    publish_imports,
)
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.locks import held
from woopra_pipeline.model.database import connect
from woopra_pipeline.parse.lines import TOMBSTONE
from woopra_pipeline.privacy.plan import Plan
from woopra_pipeline.privacy.register import Register, digest, digest_key

PATIENCE_SECONDS = 600.0
LINES_AT_ONCE = 10_000
ERASED_ROW = TOMBSTONE.decode()
ERASED_REASON = "it was of a person who was erased"


@dataclass(frozen=True)
class ErasedImports:
    """How many lines of batches, and rows that were set aside, were overwritten."""

    line_count: int = 0
    row_count: int = 0


def erase_imported(
    directory: DataDirectory,
    register: Register,
    *,
    clock: Clock = system_clock,
    notify: Callable[[str], None] = lambda message: None,
) -> ErasedImports:
    """Overwrite what was to be imported of erased persons before their erasure, and publish anew.

    Raises `LedgerError` if a source is being imported, or the ledger or a batch file is damaged;
    called again, it goes on.
    """
    if not has_ledger(directory):
        return ErasedImports()
    owner = _Owner(directory, register)
    with Ledger(directory, clock) as ledger:
        ledger.connection.execute("pragma secure_delete = on")
        line_count = row_count = 0
        for source in ledger.source_names():
            with ledger.holding(source):
                line_count += _erase_lines(ledger, source, owner)
                row_count += _erase_rows(ledger, source, owner)
        if line_count or row_count:
            notify(f"{line_count:,} import lines and {row_count:,} rows set aside are gone")
        # Also if nothing was left to do: a process may have died before it did this.
        ledger.connection.execute("vacuum")
        ledger.connection.execute("pragma wal_checkpoint(truncate)")
        with held(publication_lock(directory), ledger.now(), patience_seconds=PATIENCE_SECONDS):
            forget_publication(directory)
        publish_imports(ledger)
    return ErasedImports(line_count, row_count)


def count_imported(directory: DataDirectory, plan: Plan) -> int:
    """How many import lines and rows set aside an erasure takes, by what is published of them."""
    if not directory.published_imports.exists():
        return 0
    known_by = {(one.key, one.value.strip().lower()) for one in plan.known_by}
    keys = {key for key, _ in known_by}
    count = 0
    with connect(directory.published_imports, read_only=True) as connection:
        rows = connection.execute(
            "select line from import_lines where ? or planned_at < ?",
            [plan.and_future, plan.moment],
        )
        while some := rows.fetchmany(LINES_AT_ONCE):
            for (line,) in some:
                found = _identifiers(_decoded(line.encode()), keys)
                count += any((key, text.lower()) in known_by for key, text in found)
    return count


class _Owner:
    """Tells whether a visitor is an erased person, by the digests of the register."""

    def __init__(self, directory: DataDirectory, register: Register) -> None:
        self._key = digest_key(directory.erasures)
        self._erasures = register.erasures
        self._known = {one for erasure in register.erasures for one in erasure.identifiers}
        self._keys = {*ImportSettings().identifiers, "email", "id"}

    def is_erased(self, content: Any, planned_at: datetime) -> bool:
        """Whether an identifier anywhere in `content` is of a person erased after `planned_at`."""
        found = (digest(self._key, *one) for one in _identifiers(content, self._keys))
        named = self._known.intersection(found)
        return bool(named) and any(
            named & set(erasure.identifiers) and (erasure.and_future or planned_at < erasure.moment)
            for erasure in self._erasures
        )


def _identifiers(content: Any, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The identifiers in a JSON value, wherever they stand."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            text = identifier_text(value)
            if key in keys and text:
                yield key, text
            yield from _identifiers(value, keys)
    elif isinstance(content, list):
        for value in content:
            yield from _identifiers(value, keys)


def _erase_lines(ledger: Ledger, source: str, owner: _Owner) -> int:
    count = 0
    rows = ledger.connection.execute(
        "select file_id, path, line_count, byte_count, planned_at "
        "from files join sources using (source_id) where name = ?",
        [source],
    ).fetchall()
    for file_id, path, line_count, byte_count, planned_at in rows:
        file = BatchFile(path, line_count, byte_count)
        lines = read_lines(ledger.directory, file)
        at = datetime.fromisoformat(planned_at)
        numbers = [n for n, line in enumerate(lines) if owner.is_erased(_decoded(line), at)]
        if numbers:
            # First the keys: without the lines nobody could tell them any more.
            note_erased_keys(ledger.directory, file, _keys(ledger, file_id, numbers))
            overwrite_lines(ledger.directory, file, numbers)
            _forget_answers(ledger, file_id, numbers)
            count += len(numbers)
    return count


def _forget_answers(ledger: Ledger, file_id: int, numbers: Iterable[int]) -> None:
    """What the service answered to batches with these lines may repeat what is on them."""
    with ledger.transaction():
        for number in numbers:
            ledger.connection.execute(
                "update batches set answer = null, reason = case "
                "when state = 'rejected' then ? else reason end "
                "where file_id = ? and first_line <= ? and first_line + line_count > ?",
                [ERASED_REASON, file_id, number, number],
            )
        ledger.count_change()


def _keys(ledger: Ledger, file_id: int, numbers: Iterable[int]) -> dict[int, ErasedKeys]:
    """What the ledger knows lines by; nothing of those that were planned to be looked at only."""
    wanted = {number: ErasedKeys([]) for number in numbers}
    for keys, lines, contents in ledger.connection.execute(
        "select keys, lines, contents from file_keys where file_id = ?", [file_id]
    ):
        for place in range(len(lines) // 4):
            number = int.from_bytes(lines[4 * place : 4 * place + 4], "little")
            if number in wanted:
                part = slice(KEY_BYTES * place, KEY_BYTES * (place + 1))
                wanted[number].keys.append(keys[part].hex())
                if contents:
                    wanted[number].content = contents[part].hex()
    return wanted


def _erase_rows(ledger: Ledger, source: str, owner: _Owner) -> int:
    rows = ledger.connection.execute(
        "select source_id, log_day, key, planned_at, row "
        "from set_aside join sources using (source_id) where name = ?",
        [source],
    ).fetchall()
    erased = [
        place
        for *place, planned_at, row in rows
        if owner.is_erased(_decoded(row.encode()), datetime.fromisoformat(planned_at))
    ]
    if erased:
        with ledger.transaction():
            ledger.connection.executemany(
                f"update set_aside set row = '{ERASED_ROW}', reason = '{ERASED_REASON}' "
                "where source_id = ? and log_day = ? and key = ?",
                erased,
            )
            ledger.count_change()
    return len(erased)


def _decoded(text: bytes) -> Any:
    """A line or row as a value; numbers that JSON does not have are allowed."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text)
        except ValueError:
            return None
