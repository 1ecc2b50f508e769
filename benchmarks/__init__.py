"""Benchmarks, with other tools on the same files; `make bench` runs most of them.

`__main__` runs the parts one after another, and `report` writes the results into the docs. The
parts: `parse` with the `peers`, `days` (download to published model), `questions` (ad-hoc SQL),
`typed_tables`, `imports`, `startup` and `orchestration` (what Dagster costs), `lake` and
`lake_upload`. `stages` and `lake_tables` are measured work. `make bench` does not run
`model_updates` and `current_day`, which use the invented days of `synthetic_days`, `chains` of
merges, `erasure`, and `sandbox_year`. Each can be run by itself.

`measuring` measures time, memory and how busy the machine was; `records` keeps figures and compares
them with their bars; `tables` shows them; `comparing` compares two commits; `single` has the code
of benchmarks that run by themselves. `worlds` and `synthetic_days` make the data. Tests, not
benchmarks, decide whether results are right.
"""
