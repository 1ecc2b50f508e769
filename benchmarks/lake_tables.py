"""Computes the tables of a lake again. It is alone here, because others do not need its imports."""

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline.lake.publication import PUBLISHED
from woopra_pipeline.lake.updating import update_tables


def recompute_tables(directory: DataDirectory, spark: str | None) -> None:
    """Compute the tables of the lake; the data directory is the lake as well."""
    lake = open_lake(str(directory.root))
    lake.remove([PUBLISHED])
    update_tables(lake, directory, spark=spark)
