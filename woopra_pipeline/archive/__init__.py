"""The day files as Woopra sent them, byte for byte, compressed, each day with its manifest (R9).

How a day is fetched into the archive and read out of it lives here; what its lines mean does not.
`archive.days` is what is there, `archive.staging` a download on its way in, `archive.fetch` the
way from the service into the archive.
"""

from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.archive.fetch import FetchedDay, fetch_log_day

__all__ = ["Archive", "ArchivedDay", "FetchedDay", "fetch_log_day"]
