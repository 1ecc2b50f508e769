"""The ledger: what is known of every line that was ever to be imported.

    planned → sending → accepted | rejected | unknown

`sending` is on disk before the first byte leaves, so a batch that is not `sending` is not under
way. What sends a source holds its lock; a batch found `sending` under a lock that nobody holds is
one of a process that died, and becomes `unknown`. The ledger is a SQLite file in WAL mode, and
every commit is flushed to disk.

A ledger that is missing, damaged or not the latest one must never pass for one in which nothing was
sent: the `journals` beside the batch files tell (`agreement`).

Only this package has SQL on the ledger's tables, which `tables.sql` creates and whose version
`schema` knows. `ledger` opens the file and holds sources. What can be done with the tables stands
by subject, and `tables` joins it: `batches` and their states, `files` of plans, `requests`, `keys`
of what is on the lines, `set_aside` rows, `content`, what others show of all that, and `erased`,
what goes with a person who is erased. `reading` looks at a ledger without writing anything, and
`lost` tells one that is missing or damaged.
"""

from woopra_pipeline.imports.ledger.batches import Batch, State
from woopra_pipeline.imports.ledger.ledger import Ledger
from woopra_pipeline.imports.ledger.lost import LEDGER_NAME

__all__ = ["LEDGER_NAME", "Batch", "Ledger", "State"]
