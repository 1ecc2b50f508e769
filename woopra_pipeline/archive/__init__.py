"""The files of the days as Woopra sent them, byte for byte, compressed, with manifests (R9).

This package fetches days into the archive and reads them. The meaning of their lines belongs to
`parse`. `archive.days` reads the archive, `archive.staging` has downloads that are not complete
yet, and `archive.fetch` brings a day from the service into the archive.
"""

from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.archive.fetch import FetchedDay, fetch_log_day

__all__ = ["Archive", "ArchivedDay", "FetchedDay", "fetch_log_day"]
