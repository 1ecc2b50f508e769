"""Follows the file of the current log day, step by step, into a parsed day that grows.

This package reads and keeps the growing file (`day_files`, `step`). The meaning of its lines
belongs to `parse`. The archive has only days that are over, and does not know this package. When
the day is over, it is fetched and parsed like any other day, and the whole day replaces the lines
so far.
"""

from woopra_pipeline.current_day.step import CurrentDay, follow_current_day

__all__ = ["CurrentDay", "follow_current_day"]
