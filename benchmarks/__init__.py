"""Timed figures, beside those of others on the same files; `make bench` runs most of them.

`__main__` runs the parts one after another and `report` puts what came of it into the docs. The
parts: `parse` with the `peers`, `days` (download to published model), `questions` (ad-hoc SQL),
`typed_tables`, `imports`, `startup` and `orchestration` (what Dagster costs), `lake` and
`lake_upload`. `stages` and `lake_tables` are work that is measured. Apart from that run stand
`model_updates` and `current_day`, on the made-up days of `synthetic_days`, `chains` of merges,
`erasure`, and `sandbox_year`. Each can be run by itself.

`measuring` says what work costs and how busy the machine was, `records` keeps and judges figures,
`tables` shows them, `comparing` sets two commits side by side, `single` is what each benchmark has
that is run by itself. `worlds` and `synthetic_days` make the data. Nothing here decides whether
something is right: that is for the tests.
"""
