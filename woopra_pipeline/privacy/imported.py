"""Import lines of erased persons: overwritten in the batch files and in the ledger's rows.

An import line has no pid. The digests of its identifiers are compared with those in the register.
An overwritten line keeps its place and its length, and the ledger keeps its key, so that nothing is
sent twice. The keys of overwritten lines are also written to a file beside the batch, in case the
ledger must be made again.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.batch_files import note_erased_keys, overwrite_lines, read_lines
from woopra_pipeline.imports.ledger import Ledger
from woopra_pipeline.imports.ledger.lost import has_ledger
from woopra_pipeline.imports.lines import identifier_text
from woopra_pipeline.imports.publication import (
    forget_publication,
    publication_lock,
    publish_imports,
)
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.locks import held
from woopra_pipeline.model.database import connect
from woopra_pipeline.parse.lines import TOMBSTONE
from woopra_pipeline.parse.pseudonyms import pseudonyms_below
from woopra_pipeline.privacy.digests import Digests
from woopra_pipeline.privacy.plan import Plan
from woopra_pipeline.privacy.register import KEY_BYTES, Register, digests_in

PATIENCE_SECONDS = 600.0
LINES_AT_ONCE = 10_000
ERASED_ROW = TOMBSTONE.decode()
ERASED_REASON = "it belonged to a person who was erased"


@dataclass(frozen=True)
class ErasedImports:
    """How many lines of batches, and how many rows that were set aside, were overwritten."""

    line_count: int = 0
    row_count: int = 0


def erase_imported(
    directory: DataDirectory,
    register: Register,
    *,
    clock: Clock = system_clock,
    notify: Callable[[str], None] = lambda message: None,
) -> ErasedImports:
    """Overwrite import lines of erased persons from before their erasure, and publish again.

    Raises `LedgerError` if a source is being imported, or the ledger or a batch file is damaged;
    if called again, it goes on.
    """
    if not has_ledger(directory):
        return ErasedImports()
    owner = _Owner(directory, register)
    with Ledger(directory, clock) as ledger:
        ledger.overwrite_what_is_deleted()
        line_count = row_count = 0
        for source in ledger.source_names():
            with ledger.holding(source):
                line_count += _erase_lines(ledger, source, owner)
                row_count += _erase_rows(ledger, source, owner)
        if line_count or row_count:
            notify(f"{line_count:,} import lines and {row_count:,} rows set aside are gone")
        # Even if there was nothing to do: a process may have died before this step.
        ledger.leave_nothing_deleted()
        with held(publication_lock(directory), ledger.now(), patience_seconds=PATIENCE_SECONDS):
            forget_publication(directory)
        publish_imports(ledger)
    return ErasedImports(line_count, row_count)


def count_imported(directory: DataDirectory, plan: Plan) -> int:
    """How many import lines and rows set aside an erasure removes, by the published tables."""
    if not directory.published_imports.exists():
        return 0
    digests = Digests(
        secrets.token_bytes(KEY_BYTES), pseudonyms_below(directory.root, makes_key=False)
    )
    known_by = {text for one in plan.known_by for text in digests.of(one.key, one.value)}
    keys = {one.key for one in plan.known_by}
    count = 0
    with connect(directory.published_imports, read_only=True) as connection:
        rows = connection.execute(
            "select line from import_lines where ? or planned_at < ?",
            [plan.and_future, plan.moment],
        )
        while some := rows.fetchmany(LINES_AT_ONCE):
            for (line,) in some:
                found = _identifiers(_decoded(line.encode()), keys)
                count += any(not known_by.isdisjoint(digests.of(*one)) for one in found)
    return count


class _Owner:
    """Finds out whether a visitor is an erased person, by the digests of the register."""

    def __init__(self, directory: DataDirectory, register: Register) -> None:
        self._digests = digests_in(directory)
        self._erasures = register.erasures
        self._known = {one for erasure in register.erasures for one in erasure.identifiers}
        named = {key for erasure in register.erasures for key in erasure.keys}
        self._keys = {*ImportSettings().identifiers, "email", "id", *named}

    def is_erased(self, content: Any, planned_at: datetime) -> bool:
        """Whether `content` has an identifier of a person who was erased after `planned_at`."""
        identifiers = _identifiers(content, self._keys)
        found = (text for one in identifiers for text in self._digests.of(*one))
        named = self._known.intersection(found)
        return bool(named) and any(
            named & set(erasure.identifiers) and (erasure.and_future or planned_at < erasure.moment)
            for erasure in self._erasures
        )


def _identifiers(content: Any, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The identifiers anywhere in a JSON value."""
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
    for file_id, file, planned_at in ledger.planned_files(source):
        lines = read_lines(ledger.directory, file)
        numbers = [n for n, line in enumerate(lines) if owner.is_erased(_decoded(line), planned_at)]
        if numbers:
            # The keys first: without the lines they could not be computed any more.
            note_erased_keys(ledger.directory, file, ledger.keys_of_lines(file_id, numbers))
            overwrite_lines(ledger.directory, file, numbers)
            ledger.forget_answers(file_id, numbers, ERASED_REASON)
            count += len(numbers)
    return count


def _erase_rows(ledger: Ledger, source: str, owner: _Owner) -> int:
    erased = [
        kept
        for kept in ledger.rows_set_aside(source)
        if owner.is_erased(_decoded(kept.row.encode()), kept.planned_at)
    ]
    if erased:
        ledger.overwrite_set_aside(erased, ERASED_ROW, ERASED_REASON)
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
