"""The queries of the app's pages on the published model.

Every query opens the model again. So a page that is open for days shows the newest model, and an
update never has to wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from woopra_pipeline.archive.project import read_owner
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ModelError
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.explain import PidHistory, explain_pid
from woopra_pipeline.report.figures import Row, figures, gaps
from woopra_pipeline.sql_text import literal, table_of

MOST_EVENTS = 500
MOST_PEOPLE = 50
MOST_ROWS = 1_000
MOST_REASONS = 10
MOST_PROFILES = 10
ANY = "(any action)"
"""The entry of lists that means any event."""

EVENTS = """
    select name, count(*) as actions, count(distinct pid) as people
    from actions
    where name is not null
    group by name
    order by actions desc, name
    limit $rows
"""
PROPERTY_NAMES = """
    select distinct unnest(json_keys(properties)) as key
    from (
        select properties
        from actions
        where $event is null or name = $event
        limit 10_000
    )
    order by key
"""
PEOPLE = """
    select pid, email, name, {seen} as last_seen, visit_count as visits, action_count as actions
    from profiles
    where pid in (
        select canonical_pid from pid_aliases where pid = $text
        union all
        select pid from profiles where contains(lower(email), lower($text))
        union all
        select pid from profiles where contains(lower(name), lower($text))
        union all
        select pid from profile_properties where contains(lower(text), lower($text))
    )
    order by last_seen_at desc nulls last, pid
    limit $rows
"""
LAST_SEEN = """
    select pid, email, name, {seen} as last_seen, visit_count as visits, action_count as actions
    from profiles
    order by last_seen_at desc nulls last, pid
    limit $rows
"""
SEEN = "strftime(last_seen_at at time zone 'UTC', '%Y-%m-%d %H:%M')"
PROPERTIES = """
    select key as property, text as value, log_day::varchar || ' line ' || log_line as set_on
    from profile_properties
    where pid = $pid
    order by key
"""
IS_WHOLE = """
    coalesce(
        period >= (select min(log_day) from log_days)
        and period_after(period, 1, $grain)
            <= (select max(log_day) + 1 from log_days where not is_open),
        false
    ) as is_whole
"""
MERGES_A_DAY = """
    select log_day as period, count(*) as merges
    from profile_merges
    where to_pid is not null
    group by log_day
    order by log_day
"""


@dataclass(frozen=True)
class Model:
    """The published model of a data directory."""

    directory: DataDirectory

    @classmethod
    def from_environment(cls) -> "Model":
        """The model of the data directory in the environment."""
        return cls(DataDirectory.from_environment())

    @property
    def project(self) -> str:
        """The name of the project whose log it is."""
        return read_owner(self.directory.raw) or "Woopra"

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """The rows of a query as mappings; raises `ModelError` if there is no model yet."""
        with connect_published(self.directory) as connection:
            connection.execute("set TimeZone = 'UTC'")
            rows: list[Row] = connection.execute(sql, parameters).to_arrow_table().to_pylist()
            return rows

    def figures(self, name: str, **parameters: object) -> list[Row]:
        """The rows of a query of the report."""
        with connect_published(self.directory) as connection:
            return figures(connection, name, **parameters)

    def log_days(self) -> tuple[date, date] | None:
        """The first and the last log day; None if there are none."""
        (days,) = self.figures("period")
        return (days["first"], days["last"]) if days["first"] else None

    def people_a_day(self) -> list[Row]:
        """People on each log day that is over, new and returning ones, as in the report."""
        days = self.log_days()
        if days is None:
            return []
        first, last = days
        return self.figures("people", grain="day", first=first, last=last)

    def events(self) -> list[Row]:
        """The names of actions with their numbers of people and actions, most frequent first."""
        return self.rows(EVENTS, rows=MOST_EVENTS)

    def property_names(self, event: str) -> list[str]:
        """The properties of an event's actions, found in ten thousand of them."""
        return [row["key"] for row in self.rows(PROPERTY_NAMES, event=_event(event))]

    def trend(self, event: str, grain: str) -> list[Row]:
        """How often an event was done; `is_whole`: the period is over, and all of it is logged."""
        report = table_of("trend", _event(event), grain=grain)
        return self.rows(f"select *, {IS_WHOLE} from {report}", grain=grain)

    def trend_by(self, event: str, name: str, grain: str) -> list[Row]:
        """The same, split by a property."""
        report = table_of("trend_by", _event(event), name, grain=grain)
        return self.rows(
            f"select * replace (coalesce(value, '(none)') as value), {IS_WHOLE} from {report}",
            grain=grain,
        )

    def funnel(self, steps: Sequence[str], days: float) -> list[Row]:
        """How many people get from one step to the next."""
        return self.rows(
            "select step, event, people, round(100 * of_first, 1) as percent_of_first, "
            "round(100 * of_previous, 1) as percent_of_previous, "
            "to_seconds(round(median_seconds)::bigint)::varchar as median_time "
            f"from {table_of('funnel', list(steps), days=days)}"
        )

    def retention(self, first_event: str, again_event: str, grain: str) -> list[Row]:
        """Who comes back, in the periods that are over."""
        report = table_of("retention", _event(first_event), _event(again_event), grain=grain)
        return self.rows(
            "select cohort, size, period, people, round(100 * share, 1) as percent "
            f"from {report} where share is not null"
        )

    def journeys(self, start: str, depth: int) -> list[Row]:
        """The most frequent journeys from an event."""
        report = table_of("journeys", start, depth=depth)
        return self.rows(
            "select list_aggregate(journey, 'string_agg', ' → ') as journey, people, "
            f"round(100 * share, 1) as percent from {report}"
        )

    def people(self, text: str) -> list[Row]:
        """The people found by a pid that they ever had, or by a text in their properties."""
        if text := text.strip():
            return self.rows(PEOPLE.format(seen=SEEN), text=text, rows=MOST_PEOPLE)
        return self.rows(LAST_SEEN.format(seen=SEEN), rows=MOST_PEOPLE)

    def properties(self, pid: str) -> list[Row]:
        """The properties of a living profile."""
        return self.rows(PROPERTIES, pid=pid)

    def timeline(self, pid: str) -> list[Row]:
        """The last rows of a person's timeline, the latest first."""
        return self.rows(
            "select strftime(occurred_at at time zone 'UTC', '%Y-%m-%d %H:%M:%S') as time, kind, "
            "name, log_day::varchar || ' line ' || log_line as logged, "
            f"properties::varchar as properties from timeline({literal(pid)}) "
            "order by place desc limit $rows",
            rows=MOST_ROWS,
        )

    def history(self, pid: str) -> PidHistory | None:
        """The merges that made a profile; None if the pid is no longer in the model."""
        with connect_published(self.directory) as connection:
            try:
                return explain_pid(connection, pid)
            except ModelError:
                return None

    def gaps(self) -> list[date]:
        """The log days that are missing between the first and the last one."""
        with connect_published(self.directory) as connection:
            return gaps(connection)

    def quality(self) -> dict[str, list[Row]]:
        """Figures on how complete the model is, and signs that too many people were merged."""
        return {
            "quality": self.figures("quality"),
            "reasons": self.figures("rejection_reasons", rows=MOST_REASONS),
            "merges": self.rows(MERGES_A_DAY),
            "largest": self.figures("largest_profiles", rows=MOST_PROFILES),
            "shared": self.figures("shared_identifiers"),
        }


def _event(name: str) -> str | None:
    return None if name == ANY else name
