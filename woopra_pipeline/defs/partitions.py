"""The partitions of everything that is done day by day: log days, in Woopra's own calendar."""

import os
from datetime import date

from dagster import DailyPartitionsDefinition

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.woopra.log_days import LOG_TIME_ZONE, log_day_from_text

START_DATE = "2026-01-01"
START_DATE_VARIABLE = "WOOPRA_START_DATE"


def start_date() -> date:
    """The first log day: `WOOPRA_START_DATE`, or else the built-in one.

    Raises `ConfigurationError` if the variable is set to something that is not a log day.
    """
    text = os.environ.get(START_DATE_VARIABLE) or START_DATE
    try:
        return log_day_from_text(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{START_DATE_VARIABLE}: {error}") from None


log_days = DailyPartitionsDefinition(
    start_date=start_date().isoformat(), timezone=LOG_TIME_ZONE.key
)
"""One partition a log day, up to the last one that is closed."""
