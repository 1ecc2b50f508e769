"""The current log day's file while it still grows: read step by step into a parsed day that grows.

How the growing file is read and kept lives here (`day_files`, `step`); what its lines mean is the
parser's business. The archive holds closed days only and knows nothing of this package: when the
day is over, fetching and parsing it as ever puts the closed day in its place.
"""

from woopra_pipeline.current_day.step import CurrentDay, follow_current_day

__all__ = ["CurrentDay", "follow_current_day"]
