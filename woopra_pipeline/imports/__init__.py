"""Imports that are never sent twice: SQL sources into batches, batches into Woopra, and a ledger.

What a source returns becomes canonical lines (`sources`, `lines`), those that are new become batch
files (`planning`, `batch_files`), `posting` sends them, and the `ledger` knows for every line
whether it is on the other side; where it cannot know, `verification` finds it in the log. If the
ledger is lost, `rebuilding` makes it anew from the `journals` beside the batch files. `runs` is one
import from end to end, `publication` the database in which users see all that.
"""
