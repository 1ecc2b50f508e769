"""The reports in plain Python: each a few loops over a list of actions, with no SQL in them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from statistics import median
from zoneinfo import ZoneInfo

from woopra_pipeline.woopra.log_days import log_days_between
from woopra_pipeline_tests.model.interpreter import EPOCH, Interpretation

PACIFIC = "America/Los_Angeles"
LONG_AGO, FAR_OFF = date(1970, 1, 1), date(9999, 1, 1)


@dataclass(frozen=True, order=True)
class Action:
    """An action of a living visit; actions sort by time, and at the same time as in the log."""

    at: datetime
    log_day: date
    log_line: int
    action_index: int
    pid: str = field(compare=False)
    name: str | None = field(compare=False)
    properties: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Asked:
    """What all reports take: a range of days, both included, and whose days they are."""

    since: date | None = None
    until: date | None = None
    tz: str = PACIFIC
    grain: str = "day"

    def day(self, instant: datetime) -> date:
        return instant.astimezone(ZoneInfo(self.tz)).date()

    def starts(self, instant: datetime) -> bool:
        """Whether it is in the range, if all days are by default."""
        return (self.since or LONG_AGO) <= self.day(instant) <= (self.until or FAR_OFF)

    def days(self, log_days: Sequence[date]) -> list[date]:
        """The range, if the log days are by default."""
        if not log_days and not (self.since and self.until):
            return []
        return list(log_days_between(self.since or log_days[0], self.until or log_days[-1]))

    def period(self, day: date) -> date:
        match self.grain:
            case "week":
                return day - timedelta(days=day.weekday())
            case "month":
                return day.replace(day=1)
            case "quarter":
                return date(day.year, day.month - (day.month - 1) % 3, 1)
            case "year":
                return date(day.year, 1, 1)
        return day

    def next_period(self, period: date) -> date:
        day = period
        while self.period(day) == period:
            day += timedelta(days=1)
        return day

    def periods(self, log_days: Sequence[date]) -> list[date]:
        return sorted({self.period(day) for day in self.days(log_days)})


def living_actions(log: Interpretation) -> list[Action]:
    """The actions that have a time (R3), in time."""
    return sorted(
        Action(
            row["occurred_at"],
            *(row[name] for name in ("log_day", "log_line", "action_index", "pid", "name")),  # type: ignore[arg-type]
            properties=str(row["properties"]) if row["properties"] else None,
        )
        for profile in log.profiles.values()
        for row in profile.actions
        if isinstance(row["occurred_at"], datetime) and row["occurred_at"] > EPOCH
    )


def by_person(actions: Sequence[Action]) -> list[list[Action]]:
    ordered = sorted(actions, key=lambda action: (action.pid, action))
    return [list(own) for _, own in groupby(ordered, key=lambda action: action.pid)]


def counts(actions: Sequence[Action]) -> tuple[int, int, int]:
    """People, visits and actions."""
    visits = {(action.log_day, action.log_line) for action in actions}
    return len({action.pid for action in actions}), len(visits), len(actions)


def trend(
    actions: Sequence[Action], log_days: Sequence[date], event: str | None, asked: Asked
) -> list[tuple[object, ...]]:
    days = set(asked.days(log_days))
    done = [
        action
        for action in actions
        if (event is None or action.name == event) and asked.day(action.at) in days
    ]
    return [
        (
            period,
            *counts([action for action in done if asked.period(asked.day(action.at)) == period]),
        )
        for period in asked.periods(log_days)
    ]


def people(
    actions: Sequence[Action], log_days: Sequence[date], grain: str
) -> list[tuple[object, ...]]:
    """Period, people, new and returning ones, visits, actions, and whether it is whole."""
    asked = Asked(grain=grain)
    days = [asked.day(own[0].at) for own in by_person(actions)]
    firsts = [asked.period(day) for day in days if log_days[0] <= day <= log_days[-1]]
    return [
        (
            period,
            came,
            firsts.count(period),
            came - firsts.count(period),
            *others,
            log_days[0] <= period and asked.next_period(period) <= log_days[-1] + timedelta(days=1),
        )
        for period, came, *others in trend(actions, log_days, None, asked)
        if isinstance(period, date) and isinstance(came, int)
    ]


def people_lately(actions: Sequence[Action], log_days: Sequence[date]) -> list[tuple[object, ...]]:
    """For the last 1, 7 and 28 days: people, those in as many days before, new and returning."""
    day, last = Asked().day, log_days[-1]
    rows: list[tuple[object, ...]] = []
    for number in (1, 7, 28):
        first = last - timedelta(days=number - 1)
        first_before = first - timedelta(days=number)
        if first < log_days[0]:
            continue
        now = {action.pid for action in actions if first <= day(action.at) <= last}
        before = {action.pid for action in actions if first_before <= day(action.at) < first}
        new = {own[0].pid for own in by_person(actions) if first <= day(own[0].at) <= last}
        known = len(before) if first_before >= log_days[0] else None
        rows.append((number, first, last, len(now), known, len(new), len(now - new)))
    return rows


def property_of(action: Action, name: str) -> str | None:
    value = json.loads(action.properties or "{}").get(name)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def trend_by(
    actions: Sequence[Action],
    log_days: Sequence[date],
    event: str | None,
    name: str,
    *,
    top: int,
    asked: Asked,
) -> list[tuple[object, ...]]:
    days = set(asked.days(log_days))
    by_value: dict[str | None, list[Action]] = {}
    for action in actions:
        if (event is None or action.name == event) and asked.day(action.at) in days:
            by_value.setdefault(property_of(action, name), []).append(action)
    ranked = sorted(by_value, key=lambda value: (-len(by_value[value]), value is None, value or ""))
    groups: list[tuple[str | None, list[Action]]] = [
        (value, by_value[value]) for value in ranked[:top]
    ]
    if ranked[top:]:
        groups.append(("(other)", [action for value in ranked[top:] for action in by_value[value]]))
    return [
        (period, value, *counts([a for a in done if asked.period(asked.day(a.at)) == period]))
        for period in asked.periods(log_days)
        for value, done in groups
    ]


def funnel(
    actions: Sequence[Action], steps: Sequence[str], days: float, asked: Asked
) -> list[tuple[object, ...]]:
    """From every first step all ways on are tried."""
    window = timedelta(days=days)
    seconds: list[list[float]] = [[] for _ in steps]
    for own in by_person(actions):
        reached: list[set[Action]] = [set() for _ in steps]
        for start in own:
            if not steps or start.name != steps[0] or not asked.starts(start.at):
                continue
            here = {start}
            for number, step in enumerate(steps):
                if number:
                    here = {
                        action
                        for action in own
                        if action.name == step
                        and action.at <= start.at + window
                        and any(before < action for before in here)
                    }
                reached[number] |= here
        for number, ends in enumerate(reached):
            if ends and number:
                first = min(ends)
                before = max(action for action in reached[number - 1] if action < first)
                seconds[number].append((first.at - before.at).total_seconds())
            elif ends:
                seconds[number].append(0)
    return [
        (
            number + 1,
            step,
            len(seconds[number]),
            ratio(len(seconds[number]), len(seconds[0])),
            ratio(len(seconds[number]), len(seconds[number - 1])) if number else None,
            round(median(seconds[number]), 6) if number and seconds[number] else None,
        )
        for number, step in enumerate(steps)
    ]


def ratio(some: int, of: int) -> float | None:
    return some / of if of else None


def retention(
    actions: Sequence[Action],
    log_days: Sequence[date],
    first_event: str | None,
    again_event: str | None,
    *,
    periods: int,
    asked: Asked,
) -> list[tuple[object, ...]]:
    """All `log_days` are whole."""
    cohorts: dict[date, list[list[Action]]] = {cohort: [] for cohort in asked.periods(log_days)}
    days = asked.days(log_days)
    for own in by_person(actions):
        firsts = [action for action in own if first_event is None or action.name == first_event]
        if firsts and asked.day(firsts[0].at) in days:
            since = [action for action in own if action.at >= firsts[0].at]
            cohorts[asked.period(asked.day(firsts[0].at))].append(since)
    return [
        row
        for cohort, people in cohorts.items()
        for row in _rows_of_cohort(
            cohort, people, log_days, again_event, periods=periods, asked=asked
        )
    ]


def _rows_of_cohort(
    cohort: date,
    people: Sequence[Sequence[Action]],
    log_days: Sequence[date],
    again_event: str | None,
    *,
    periods: int,
    asked: Asked,
) -> Iterator[tuple[object, ...]]:
    period = cohort
    for number in range(periods):
        came: int | None = sum(
            any(
                (again_event is None or action.name == again_event)
                and asked.period(asked.day(action.at)) == period
                for action in own
            )
            for own in people
        )
        period = asked.next_period(period)
        if not log_days or midnight(period, asked.tz) > midnight(
            log_days[-1] + timedelta(days=1), PACIFIC
        ):
            came = None
        yield (
            cohort,
            len(people),
            number,
            came,
            None if came is None else ratio(came, len(people)),
        )


def midnight(day: date, tz: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(tz)).astimezone(UTC)


def journeys(
    actions: Sequence[Action], start: str, *, depth: int, top: int, repeats: bool, asked: Asked
) -> list[tuple[object, ...]]:
    ways: dict[tuple[str | None, ...], int] = {}
    for own in by_person(actions):
        starts = [a for a in own if a.name == start and asked.starts(a.at)]
        if starts:
            names = [action.name for action in own if action >= starts[0]]
            if not repeats:
                names = [name for name, _ in groupby(names)]
            way = tuple(names[: depth + 1])
            ways[way] = ways.get(way, 0) + 1
    ranked = sorted(
        ways, key=lambda way: (-ways[way], [(name is None, name or "") for name in way])
    )
    return [(list(way), ways[way], ways[way] / sum(ways.values())) for way in ranked[:top]]
