"""The ledger: the state of every line that was ever planned for an import.

    planned → sending → accepted | rejected | unknown

`sending` is on disk before the first byte is sent, so a batch in another state is not being sent.
The process that sends a source holds its lock. If a batch is `sending` and nobody holds the lock,
its process died, and the batch becomes `unknown`. The ledger is a SQLite file in WAL mode, and
every commit is flushed to disk.

A ledger that is missing, damaged or not the latest one must never look like a ledger in which
nothing was sent. The `journals` beside the batch files show what was sent (`agreement`).

Only this package has SQL on the ledger's tables, which `tables.sql` creates and whose version
`schema` knows. `ledger` opens the file and holds sources. The operations on the tables are in one
module for each subject, and `tables` joins them: `batches` and their states, `files` of plans,
`requests`, `keys` of the content of lines, `set_aside` rows, `content`, which reads the tables for
others, and `erased`, which removes data of erased persons. `reading` reads a ledger without writing
anything, and `lost` recognises one that is missing or damaged.
"""

from woopra_pipeline.imports.ledger.batches import Batch, State
from woopra_pipeline.imports.ledger.ledger import Ledger
from woopra_pipeline.imports.ledger.lost import LEDGER_NAME

__all__ = ["LEDGER_NAME", "Batch", "Ledger", "State"]
