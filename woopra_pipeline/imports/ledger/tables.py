"""All operations on the ledger's tables, joined from the modules of the subjects."""

from woopra_pipeline.imports.ledger.batches import Batches
from woopra_pipeline.imports.ledger.content import Content
from woopra_pipeline.imports.ledger.erased import Erased
from woopra_pipeline.imports.ledger.keys import Keys
from woopra_pipeline.imports.ledger.set_aside import SetAsideRows


class LedgerTables(Batches, Keys, SetAsideRows, Content, Erased):
    """The tables of a ledger that another module has opened."""
