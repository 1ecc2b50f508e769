"""From a source's rows to a plan: what of them is new, in batch files, and in the ledger.

A plan appears in the ledger whole or not at all, in one transaction that also withdraws what was
planned for the same source and day before and never sent: a plan is what the source says now.

Lines are written as they come, as if all were new. What is known is found out at last, for all of
them at once, in a database of the plan's own that spills to disk (`staging`), so that memory is
bounded; if anything was, the lines that are new are written again without the others.

`planner` does what is the same for all shapes. `visits`, `events` and `profile_updates` do the
rest, one file a shape; `plan_day` lists them. A further shape is a file here, its columns in
`sources`, and what its rows must be in `lines`.
"""

from woopra_pipeline.imports.planning.plan_day import plan_day
from woopra_pipeline.imports.planning.planner import Plan

__all__ = ["Plan", "plan_day"]
