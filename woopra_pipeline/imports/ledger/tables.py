"""All that can be read from the ledger's tables and written to them, by subject."""

from woopra_pipeline.imports.ledger.batches import Batches
from woopra_pipeline.imports.ledger.content import Content
from woopra_pipeline.imports.ledger.erased import Erased
from woopra_pipeline.imports.ledger.keys import Keys
from woopra_pipeline.imports.ledger.set_aside import SetAsideRows


class LedgerTables(Batches, Keys, SetAsideRows, Content, Erased):
    """The tables of a ledger that somebody else has opened."""
