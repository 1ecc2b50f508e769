"""The tags of runs that Dagster reads and shows, by the names its documentation gives them."""

PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
SENSOR_NAME = "dagster/sensor_name"
LAUNCHED_BY = "user"
"""Who launched a run, as the list of runs shows it."""

COMMAND_LINE = "command line"


def of_days(first: object, last: object) -> dict[str, str]:
    """The tags of a run of the log days from `first` to `last`."""
    return {RANGE_START: str(first), RANGE_END: str(last)}
