"""An erasure from end to end: writes it into the register, then applies it to all files.

The entry in the register decides (R9). If a process dies before the entry, nothing has changed. If
it dies later, every update of the model, and the same command, go on where it ended. When
everything is done, a receipt is written.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import make_folder
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.lake.erasing import erase_in_lake, erase_in_tables
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.locks import alone
from woopra_pipeline.model.database import MEMORY_LIMIT
from woopra_pipeline.model.typed_settings import DEFAULT_SETTINGS, TypedSettings
from woopra_pipeline.model.update import update_model
from woopra_pipeline.privacy.imported import erase_imported
from woopra_pipeline.privacy.plan import PID, Identifier, Plan
from woopra_pipeline.privacy.register import (
    Counts,
    Erasure,
    digests_in,
    erased_persons,
    find_unfinished,
    read_register,
    receipt_path,
    write_register,
)
from woopra_pipeline.replacing import replace_json
from woopra_pipeline.report.page import write_report


@dataclass(frozen=True)
class Receipt:
    """What an erasure did, without personal data."""

    name: str
    moment: datetime
    and_future: bool
    log: Counts
    finished_at: datetime
    import_lines: int = 0
    set_aside_rows: int = 0
    lake_lines: int = 0


def enter(directory: DataDirectory, plan: Plan) -> Erasure:
    """Write an erasure into the register, durably. From then on it is done, or will be done."""
    folder = directory.erasures
    make_folder(folder)
    erasure = Erasure(
        name=f"{plan.moment:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
        moment=plan.moment,
        and_future=plan.and_future,
        lives=plan.lives,
        pids=plan.pids,
        counts=Counts(
            persons=len(plan.lives),
            pids=len(plan.pids),
            lines=plan.line_count,
            visits=plan.visit_count,
            identifies=plan.identify_count,
            actions=plan.action_count,
            log_days=len(plan.lines),
        ),
        identifiers=_digests(directory, plan.known_by),
        keys=tuple(sorted({*plan.identifier_keys, *(one.key for one in plan.known_by)})),
    )
    with needs_room(folder, "entering an erasure"), alone(folder / "lock"):
        register = read_register(folder)
        write_register(folder, replace(register, erasures=(*register.erasures, erasure)))
    return erasure


def is_erased(directory: DataDirectory, identifier: Identifier) -> bool:
    """Whether an earlier erasure named this identifier, or included this pid."""
    register = read_register(directory.erasures)
    if not register.erasures:
        return False
    if identifier.key == PID:
        return any(identifier.value in erasure.pids for erasure in register.erasures)
    wanted = set(_digests(directory, [identifier]))
    return any(wanted & set(erasure.identifiers) for erasure in register.erasures)


def _digests(directory: DataDirectory, identifiers: Iterable[Identifier]) -> tuple[str, ...]:
    digests = digests_in(directory)
    return tuple(sorted({text for one in identifiers for text in digests.of(one.key, one.value)}))


def finish(
    directory: DataDirectory,
    *,
    clock: Clock = system_clock,
    notify: Callable[[str], None] = lambda message: None,
    memory_limit: str = MEMORY_LIMIT,
    typed: TypedSettings = DEFAULT_SETTINGS,
    again: bool = False,
    lake: Lake | None = None,
    spark: str | None = None,
) -> list[Receipt]:
    """Apply the register to everything; returns the receipts of erasures that were unfinished.

    If nothing was unfinished, batches and the `lake` are skipped, unless `again` is true: they may
    have come back from a backup. `spark` is what `WOOPRA_SPARK` says.
    """
    update_model(directory, clock=clock, notify=notify, memory_limit=memory_limit, typed=typed)
    unfinished = find_unfinished(directory.erasures)
    if not unfinished and not again:
        return []
    register = read_register(directory.erasures)
    imports = erase_imported(directory, register, clock=clock, notify=notify)
    lake_lines = 0
    if lake is not None:
        lake_lines = erase_in_lake(lake, directory, erased_persons(directory), notify=notify)
        erase_in_tables(lake, directory, spark=spark, typed=typed, notify=notify)
    if directory.reports.is_dir():
        notify("making the reports again")
        write_report(directory)
    receipts = []
    for erasure in unfinished:
        receipt = Receipt(
            erasure.name,
            erasure.moment,
            erasure.and_future,
            erasure.counts,
            finished_at=clock(),
            import_lines=imports.line_count,
            set_aside_rows=imports.row_count,
            lake_lines=lake_lines,
        )
        replace_json(receipt_path(directory.erasures, erasure), msgspec.to_builtins(receipt))
        receipts.append(receipt)
    return receipts
