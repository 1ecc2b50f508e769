"""Makes a plan from a source's rows: writes new lines to batch files and to the ledger.

A plan appears in the ledger whole or not at all, in one transaction. It also withdraws batches that
were planned for the same source and day before and never sent, because a plan is made from what the
source returns now.

Lines are written in the order in which they come, as if all were new. At the end, known lines are
found, all at once, in a database of the plan that spills to disk (`staging`), so memory is bounded.
If there are known lines, the new lines are written again without them.

`planner` has the code for all shapes. `visits`, `events` and `profile_updates` have the code for
one shape each; `plan_day` lists them. A new shape needs a file here, its columns in `sources`, and
the rules for its rows in `lines`.
"""

from woopra_pipeline.imports.planning.plan_day import plan_day
from woopra_pipeline.imports.planning.planner import Plan

__all__ = ["Plan", "plan_day"]
