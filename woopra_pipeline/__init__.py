"""Woopra's raw daily export as a DuckDB model people can trust, and imports sent exactly once.

The packages, from the ground up; each imports only from what stands above it in this list:

- `errors`, `clock`, `data_directory`, `files`, `full_disk`, `garbage_collection`, `locks`,
  `tables`, `webhook`: what all packages share
- `woopra`: the service: its HTTP API, its rate budget, its calendar of log days
- `archive`: the day files as they were downloaded, byte for byte
- `parse`: a day file into Arrow tables and Parquet
- `current_day`: the current day's file while it grows, step by step into a parsed day that grows
- `model`: the parsed days into `woopra.duckdb`
- `imports`: import sources into batches, batches into Woopra, each line exactly once
- `privacy`: persons erased from all of that; the rule and the register stand below `archive`
- `report`: the model as charts, and as a page for readers without SQL
- `sandbox`: an embedded Woopra to develop and demonstrate against
- `defs`: all of Dagster, thin
- `definitions`, `cli`: what Dagster loads and what is typed in a terminal
"""
