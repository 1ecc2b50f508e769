"""The day files as Woopra sent them, byte for byte, compressed, each day with its manifest (R9).

This package fetches days into the archive and reads them. What their lines mean belongs to `parse`.
`archive.days` is what is there, `archive.staging` a download that is not complete yet, and
`archive.fetch` brings a day from the service into the archive.
"""

from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.archive.fetch import FetchedDay, fetch_log_day

__all__ = ["Archive", "ArchivedDay", "FetchedDay", "fetch_log_day"]
