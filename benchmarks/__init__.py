"""Timed figures, beside those of others on the same files; `make bench` runs most of them.

`__main__` runs the stages one after another and `report` shows what came of it, in a terminal and
in the docs. The stages: `parse` with the `peers`, `days` (download to published model),
`questions` (ad-hoc SQL), `imports`, `orchestration` (what Dagster costs). `worlds` makes their
data, `measuring` says what work costs. Apart from that run stand `model_updates` and `current_day`,
on the made-up days of `synthetic_days`, `chains` of merges, and `sandbox_year`; each can be run by
itself and prints what it found. Nothing here decides whether something is right: that is for the
tests.
"""
