"""The tables of a lake computed anew: alone here, since it loads what other work does not need."""

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline.lake.publication import PUBLISHED
from woopra_pipeline.lake.updating import update_tables


def compute_tables_anew(directory: DataDirectory, spark: str | None) -> None:
    """Compute the tables of the lake; the data directory is the lake as well."""
    lake = open_lake(str(directory.root))
    lake.remove([PUBLISHED])
    update_tables(lake, directory, spark=spark)
