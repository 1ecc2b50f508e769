"""The current log day's file while it still grows: read step by step into a parsed day that grows.

This package reads and keeps the growing file (`day_files`, `step`). What its lines mean belongs to
`parse`. The archive has closed days only and does not know this package. When the day is over, it
is fetched and parsed like any other day, and the closed day replaces the lines so far.
"""

from woopra_pipeline.current_day.step import CurrentDay, follow_current_day

__all__ = ["CurrentDay", "follow_current_day"]
