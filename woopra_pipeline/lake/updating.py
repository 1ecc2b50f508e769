"""Updates the tables of the lake to its days.

All tables are computed again, or none. All are published in one step (R9). The steps:

1. Every table is computed from the days in the lake, into Parquet files of a new revision.
2. The tables are committed one after another, each only if nobody has committed it in the meantime.
3. One small file is replaced by one that names the new versions, if nobody else has replaced it.
4. Files that belong to no version any more are removed, when nobody can be reading them.

If a process is killed at any point, the published versions stay as they were. If two processes do
this at once, the slower one fails with the message that the other was first.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import duckdb

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LakeError
from woopra_pipeline.files import make_folder, remove
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.lake.computing import compute_tables
from woopra_pipeline.lake.days import KEPT_FOR, parsed_days_in
from woopra_pipeline.lake.delta_tables import (
    commit,
    data_files,
    open_table,
    remove_table,
    vacuum,
)
from woopra_pipeline.lake.duckdb_engine import MEMORY_LIMIT
from woopra_pipeline.lake.engine import SCRATCH
from woopra_pipeline.lake.engines import open_engine
from woopra_pipeline.lake.lake_tables import EVENTS, LakeTable, folder_of
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.publication import (
    Found,
    Publication,
    TableVersion,
    digest,
    publish,
    read_publication,
)
from woopra_pipeline.lake.script import script_text
from woopra_pipeline.locks import HeldElsewhereError, held
from woopra_pipeline.model.typed_settings import (
    DEFAULT_SETTINGS,
    TypedSettings,
    read_pinned_types,
)
from woopra_pipeline.model.typed_tables import TypedChoice

PATIENCE_SECONDS = 600.0
"""How long an update waits for another one on this machine."""
TABLES_AT_ONCE = 8

Item = TypeVar("Item")
Done = TypeVar("Done")


@dataclass(frozen=True)
class TablesUpdate:
    """The result of an update: the publication that is current now, and whether it is new."""

    publication: Publication
    is_new: bool
    day_count: int
    seconds: float

    @property
    def row_counts(self) -> Mapping[str, int]:
        """The number of rows of each table."""
        return {name: table.row_count for name, table in self.publication.tables.items()}


def update_tables(
    lake: Lake,
    directory: DataDirectory,
    *,
    spark: str | None = None,
    typed: TypedSettings = DEFAULT_SETTINGS,
    clock: Clock = system_clock,
    notify: Callable[[str], None] = lambda message: None,
    memory_limit: str = MEMORY_LIMIT,
    kept_for: timedelta = KEPT_FOR,
    patience_seconds: float = PATIENCE_SECONDS,
) -> TablesUpdate:
    """Compute the public tables from the parsed days in the lake, and publish them.

    Does nothing if the published tables were made from these days with the same settings of typed
    tables: `typed`, and the `types.yml` of `directory`. `spark` is what `WOOPRA_SPARK` says. DuckDB
    takes up to `memory_limit`. If it needs more, it uses the disk, below `directory.lake_scratch`.
    Files of earlier versions are removed after `kept_for`.

    Raises `LakeError` if another update was first or the lake cannot be reached, `DiskFullError` if
    there is no room on this disk, and `ConfigurationError` if something needed is not installed or
    `types.yml` is not what it should be.
    """
    started = time.monotonic()
    choice = TypedChoice(typed, read_pinned_types(directory.types))
    found = read_publication(lake)
    days = list(parsed_days_in(lake).values())
    of_days = digest(days, script_text(), choice)
    if found.publication is not None and found.publication.days == of_days:
        return TablesUpdate(found.publication, False, len(days), time.monotonic() - started)
    revision = f"{clock():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    with _alone(directory.lake_scratch, clock, patience_seconds, notify) as scratch:
        with open_engine(spark, lake, scratch=scratch, memory_limit=memory_limit) as engine:
            notify(f"computing the tables from {len(days)} log days on {engine.name}")
            try:
                tables = compute_tables(
                    engine,
                    lake,
                    days,
                    lambda table: table.data_folder(revision),
                    applied_at=clock(),
                    choice=choice,
                )
            except engine.errors as error:
                raise LakeError(
                    f"{engine.name} could not compute the tables of the lake: "
                    f"{str(error).partition(chr(10))[0]}; the earlier tables are still there, and "
                    "`woopra-pipeline lake update` tries again"
                ) from error
            engine_name = engine.name
        notify("publishing the tables")
        versions = _commit_all(lake, tables, revision, found)
    publication = Publication(
        revision,
        of_days,
        engine_name,
        clock(),
        versions,
        _retired(found.publication, versions, clock(), kept_for),
    )
    if not publish(lake, publication, found.version):
        raise _other_was_first(lake)
    remove_earlier(lake, publication, kept_for, clock=clock)
    _remove_scratch(lake, clock, kept_for)
    return TablesUpdate(publication, True, len(days), time.monotonic() - started)


def _commit_all(
    lake: Lake, tables: Sequence[LakeTable], revision: str, found: Found
) -> dict[str, TableVersion]:
    """Commit the files of a revision to every table, if nobody else has published since."""
    with duckdb.connect() as connection:
        lake.let_duckdb_reach(connection)
        files = _of_each(
            tables, lambda table: data_files(lake, connection.cursor(), table, revision)
        )
    opened = _of_each(tables, lambda table: open_table(lake, table.folder))
    if read_publication(lake).version != found.version:
        raise _other_was_first(lake)
    # One after another: so the first table says which of two updates at once goes on.
    versions = {}
    for table in tables:
        version = commit(lake, table, opened[table], files[table], revision)
        if version is None:
            raise _other_was_first(lake)
        row_count = sum(file.row_count for file in files[table])
        versions[table.name] = TableVersion(version, row_count)
    return versions


def _retired(
    before: Publication | None,
    versions: Mapping[str, TableVersion],
    now: datetime,
    kept_for: timedelta,
) -> dict[str, datetime]:
    """The tables that are no longer published, and are still kept."""
    if before is None:
        return {}
    retired = {**dict.fromkeys(before.tables, now), **before.retired}
    return {
        name: since
        for name, since in retired.items()
        if name not in versions and now - since < kept_for
    }


def remove_earlier(
    lake: Lake, publication: Publication, kept_for: timedelta, *, clock: Clock = system_clock
) -> None:
    """Remove the files of versions that have not been published for longer than `kept_for`.

    This also removes tables of events that no longer exist.
    """
    _of_each(
        publication.tables,
        lambda name: vacuum(lake, folder_of(name), publication.tables[name].version, kept_for),
    )
    kept = {folder_of(name) for name in (*publication.tables, *publication.retired)}
    for name in lake.folders(EVENTS):
        if (folder := f"{EVENTS}/{name}") not in kept:
            entries = list(lake.entries(folder))
            if all(clock() - entry.modified_at >= kept_for for entry in entries):
                remove_table(lake, entries)


def _of_each(items: Iterable[Item], work: Callable[[Item], Done]) -> dict[Item, Done]:
    """What `work` returns for each; some at once, because a store answers slowly."""
    items = list(items)
    with ThreadPoolExecutor(TABLES_AT_ONCE) as pool:
        return dict(zip(items, pool.map(work, items), strict=True))


def _other_was_first(lake: Lake) -> LakeError:
    return LakeError(
        f"Another update of the tables in the lake {lake.location} ran at the same time and "
        "finished first. The lake has its tables; `woopra-pipeline lake update` computes them "
        "again if days came since then"
    )


def _remove_scratch(lake: Lake, clock: Clock, kept_for: timedelta) -> None:
    """Remove intermediate results of killed engines from the lake."""
    before = clock() - kept_for
    lake.remove([entry.name for entry in lake.entries(SCRATCH) if entry.modified_at < before])


@contextmanager
def _alone(
    folder: Path, clock: Clock, patience_seconds: float, notify: Callable[[str], None]
) -> Iterator[Path]:
    """An empty folder that no other process of this data directory uses at the same time."""

    def say_for_whom(holder: str) -> None:
        notify(f"waiting for the tables of the lake, which are computed by {holder}")

    make_folder(folder)
    try:
        with (
            needs_room(folder, "computing the tables of the lake"),
            held(folder / "lock", clock(), patience_seconds=patience_seconds, on_wait=say_for_whom),
        ):
            scratch = folder / "work"
            remove(scratch)
            make_folder(scratch)
            yield scratch
            remove(scratch)
    except HeldElsewhereError as holder:
        raise LakeError(
            f"The tables of the lake are computed by {holder}, for longer than "
            f"{patience_seconds:.0f} seconds: wait for it or end it, then try again"
        ) from None
