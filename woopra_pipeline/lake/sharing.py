"""Log days that several machines share: each takes days from the lake that another has put there.

So a machine needs only scratch space. A day counts as done when it is in the lake. A day that is in
the lake is neither fetched nor parsed again.
"""

from datetime import date

from woopra_pipeline.archive import Archive, FetchedDay, fetch_log_day
from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LakeError, LakeUnreachableError, LinesLostError
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.putting import put_archived, put_parsed
from woopra_pipeline.lake.taking import take_archived, take_parsed
from woopra_pipeline.parse.parse_day import PARSER_VERSION, parse_log_day
from woopra_pipeline.parse.parsed_days import ParsedDay
from woopra_pipeline.parse.workers import Workers
from woopra_pipeline.privacy.persons import NOBODY, ErasedPersons
from woopra_pipeline.woopra.client import WoopraClient


def take_or_fetch(
    lake: Lake,
    client: WoopraClient,
    archive: Archive,
    log_day: date,
    *,
    fetches: bool = False,
    accept_shorter: bool = False,
    persons: ErasedPersons = NOBODY,
    clock: Clock = system_clock,
) -> FetchedDay:
    """Take a day that is not on this disk from the lake; fetch any other, and put it there.

    With `fetches` or `accept_shorter`, a day that was taken from the lake is fetched as well.
    Lines of `persons`, who were erased, are overwritten in what is fetched (R10).
    Raises what `fetch_log_day`, `take_archived` and `put_archived` raise.
    """
    if not archive.holds(log_day):
        taken, _ = take_archived(lake, archive, log_day)
        if taken is not None and not fetches and not accept_shorter:
            return FetchedDay(taken, "from the lake", None)
    try:
        fetched = fetch_log_day(
            client, archive, log_day, accept_shorter=accept_shorter, persons=persons, clock=clock
        )
    except LinesLostError:
        # The new file is held back here, and in the lake too.
        put_archived(lake, archive, log_day, clock=clock)
        raise
    put_archived(lake, archive, log_day, clock=clock)
    return fetched


def take_or_parse(
    lake: Lake,
    directory: DataDirectory,
    log_day: date,
    *,
    workers: Workers | None = None,
    clock: Clock = system_clock,
) -> ParsedDay:
    """Take a day that was parsed elsewhere from the lake; parse any other, and put it there.

    Damaged files in the lake are replaced. Raises what `parse_log_day`, `take_archived` and
    `put_parsed` raise.
    """
    archive = Archive(directory.raw)
    parsed, is_damaged = None, False
    try:
        parsed, _ = take_parsed(lake, directory, log_day)
    except LakeUnreachableError:
        raise
    except LakeError:
        is_damaged = True
    if not archive.holds(log_day):
        if parsed is not None and not parsed.is_open and parsed.parser_version == PARSER_VERSION:
            return parsed
        take_archived(lake, archive, log_day)
    parsed = parse_log_day(archive, log_day, directory.parsed, workers=workers)
    put_parsed(lake, directory.parsed, log_day, replaces=is_damaged, clock=clock)
    return parsed
