"""Compares an archived day here and in the lake, and decides which version is current.

A day that is fetched again with other content keeps its earlier versions. So if the current version
of one place is an earlier version of the other place, the first place is only behind. If neither
place knows the current version of the other, two fetches had different answers. Then a new fetch
must decide, because it counts the lines; a copy cannot.

Two files are the same version if Woopra delivered the same. If one of them has more overwritten
lines, because persons were erased (R10), that one is used in both places.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from woopra_pipeline.archive.days import ArchivedDay


def every_version(day: ArchivedDay) -> Iterator[ArchivedDay]:
    """The current version and all others of a day, each by itself."""
    for version in (day, *day.earlier, *day.held_back):
        yield alone(version)


def alone(version: ArchivedDay) -> ArchivedDay:
    """A version without the others of its day."""
    return replace(version, earlier=(), held_back=())


def merged(here: ArchivedDay, there: ArchivedDay) -> ArchivedDay | None:
    """The day as it must be here, with all versions of both places.

    None if neither current version came after the other.
    """
    if here.delivered == there.delivered:
        return _with_versions_of(here, there)
    if _is_earlier(here, there) == _is_earlier(there, here):
        return None
    return taking_over(here, there) if _is_earlier(here, there) else _with_versions_of(here, there)


def taking_over(here: ArchivedDay, there: ArchivedDay) -> ArchivedDay:
    """The day as it is there; other versions that were here become earlier versions."""
    return _with_versions_of(there, here)


def _is_earlier(day: ArchivedDay, other: ArchivedDay) -> bool:
    """Whether the current version of `day` is an earlier version of `other`."""
    return day.delivered in _contents(other.earlier)


def _with_versions_of(day: ArchivedDay, other: ArchivedDay) -> ArchivedDay:
    """`day` with the versions of `other` that it lacks."""
    most_erased: dict[str, ArchivedDay] = {}
    for version in (*every_version(day), *every_version(other)):
        known = most_erased.setdefault(version.delivered, version)
        if version.erased_line_count > known.erased_line_count:
            most_erased[version.delivered] = version
    current = {day.delivered}
    before = _new(current | _contents(day.earlier), (*other.earlier, alone(other)))
    earlier = (*before, *day.earlier)
    held_back = _new(current | _contents(earlier), (*day.held_back, *other.held_back))
    return replace(
        most_erased[day.delivered],
        earlier=tuple(most_erased[version.delivered] for version in earlier),
        held_back=tuple(most_erased[version.delivered] for version in held_back),
    )


def _contents(versions: Iterable[ArchivedDay]) -> set[str]:
    return {version.delivered for version in versions}


def _new(known: set[str], versions: Iterable[ArchivedDay]) -> tuple[ArchivedDay, ...]:
    """The versions that are not known, each once."""
    return tuple(
        {each.delivered: each for each in versions if each.delivered not in known}.values()
    )
