"""The demo's import: sends some orders to the sandbox, and finds them in its log."""

from datetime import date, timedelta

from woopra_pipeline.cli.terminal import show
from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.ledger import Ledger, State
from woopra_pipeline.imports.runs import Importer, ImportRun
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import sources_folder
from woopra_pipeline.imports.verification import Verdict, prove_imports
from woopra_pipeline.replacing import replacing
from woopra_pipeline.sandbox import Sandbox, SandboxClock, serve
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.log_days import start_of_log_day
from woopra_pipeline.wording import count

NAME = "demo_orders"
SQL = """\
-- Some orders for the sandbox, as events; made by the demo.
select
    {'email': email} as visitor,
    'order' as name,
    epoch_ms(ordered_at) as time,
    {'amount': amount, 'currency': 'EUR'} as properties
from (
    values
        ('ada@example.com', timestamptz '2025-12-24 17:30:00+00', 49.90),
        ('ada@example.com', timestamptz '2025-12-24 17:40:00+00', 12.50),
        ('grace@example.com', timestamptz '2026-01-07 09:00:00+00', 120.00)
) as orders (email, ordered_at, amount)
"""


def import_orders(directory: DataDirectory, log_day: date) -> list[ImportRun]:
    """Import them at noon of `log_day`; does nothing if the sandbox's clock is past that."""
    clock = SandboxClock(start_of_log_day(log_day) + timedelta(hours=12))
    sandbox = Sandbox(directory.sandbox, clock=clock)
    if sandbox.today != log_day:
        return []
    with replacing(sources_folder(directory) / f"{NAME}.sql") as temporary:
        temporary.write_text(SQL, encoding="utf-8")
    with serve(sandbox) as running, WoopraClient(running.settings, clock=clock) as client:
        return [Importer(directory, client, clock=clock).run(NAME, log_day)]


def print_proof(directory: DataDirectory) -> list[Verdict]:
    """Print what the log shows of the orders, and return it."""
    with Ledger(directory, system_clock) as ledger:
        batches = [batch.batch_id for batch in ledger.batches(NAME, State.ACCEPTED)]
    verdicts = prove_imports(directory, batches, settings=ImportSettings())
    for verdict in verdicts:
        lines = count(verdict.batch.line_count, "line")
        show(
            f"Before the last day ended, {lines} of {NAME} were imported. The log then shows:\n"
            f"{verdict.reason}."
        )
    return verdicts
