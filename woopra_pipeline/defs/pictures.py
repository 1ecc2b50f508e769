"""Pictures in Dagster: what changes in a table day by day, small enough to be seen without a click.

Dagster shows Markdown in place if it has less than 1,000 characters, and behind a link otherwise.
So a picture is one line without labels, and the words beside it say what it is.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence

import duckdb
from dagster import MarkdownMetadataValue, MetadataValue

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.woopra.log_days import LOG_TIME_ZONE

DAYS = 28
WIDTH, HEIGHT = 280, 48
COLOR = "#4f43dd"

SERIES = {
    "profiles": (
        "people known so far",
        "select coalesce(sum(people), 0)::bigint from newcomers where day <= log_days.log_day",
    ),
    "visits": ("visits a log day", "visit_count"),
    "actions": ("actions a log day", "action_count"),
    "profile_merges": ("delete lines a log day", "delete_count"),
    "rejected_lines": ("rejected lines a log day", "rejected_count"),
}
"""What is drawn of a table: in words, and as SQL beside a row of `log_days`."""


def charts_of(
    directory: DataDirectory, tables: Iterable[str]
) -> Mapping[str, MarkdownMetadataValue]:
    """The last weeks of the published model, for those of `tables` that have a picture."""
    charts = {}
    with connect_published(directory) as connection:
        for table in tables:
            if table in SERIES:
                words, sql = SERIES[table]
                numbers = _numbers(connection, sql)
                if numbers:
                    charts[table] = chart(words, numbers)
    return charts


def _numbers(connection: duckdb.DuckDBPyConnection, sql: str) -> Sequence[int]:
    rows = connection.execute(
        f"""
        with newcomers as (
            select timezone($time_zone, first_seen_at)::date as day, count(*) as people
            from profiles
            group by day
        )
        select log_day, ({sql}) from log_days where not is_open order by log_day desc limit {DAYS}
        """,
        {"time_zone": LOG_TIME_ZONE.key},
    ).fetchall()
    return [number for _, number in reversed(rows)]


def chart(words: str, numbers: Sequence[int]) -> MarkdownMetadataValue:
    """A line through the numbers, and in words what they are."""
    encoded = b64encode(draw(numbers).encode()).decode()
    text = f"{words}: {min(numbers):,} to {max(numbers):,}, last {numbers[-1]:,}"
    return MetadataValue.md(f"![{words}](data:image/svg+xml;base64,{encoded})\n\n{text}")


def draw(numbers: Sequence[int]) -> str:
    """An SVG with one line through the numbers, of which the highest is at the top."""
    highest = max(*numbers, 1)
    step = WIDTH / max(len(numbers) - 1, 1)
    points = " ".join(
        f"{round(index * step)},{round(HEIGHT - 3 - number / highest * (HEIGHT - 6))}"
        for index, number in enumerate(numbers)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">'
        f'<polyline points="{points}" fill="none" stroke="{COLOR}" stroke-width="2"/></svg>'
    )
