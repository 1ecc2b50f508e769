"""Imports that are never sent twice: makes batches from SQL sources, sends them, keeps a ledger.

The rows of a source become canonical lines (`sources`, `lines`). New lines become batch files
(`planning`, `batch_files`), and `posting` sends them. The `ledger` knows for every line whether
Woopra has it. If it cannot know, `verification` looks in the log. If the ledger is lost,
`rebuilding` makes it again from the `journals` beside the batch files. `runs` is one import from
end to end. `publication` makes the database in which users see all of this.
"""
