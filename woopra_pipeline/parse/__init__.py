"""A log day's file into tables: every line is counted exactly once, and no value is lost (R8).

`lines` says what one line means and is the reference; `chunks` says the same of many lines at
once, fast. `parse_day` turns an archived day into Parquet files, `parsed_days` finds them again.
What the lines mean together (voiding, merges, profiles) belongs to `model`.
"""
