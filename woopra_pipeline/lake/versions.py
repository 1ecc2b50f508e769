"""Two homes of one archived day, and which of its versions is current in both.

A day that is fetched again with other content keeps its earlier versions, so a home whose current
version is an earlier one of the other home is merely behind. Where each current version is unknown
to the other home, two fetches had different answers: that is for a fetch to judge, which counts the
lines, and not for a copy.
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
    """What the day becomes here, with all versions of both homes.

    None if neither current version came after the other.
    """
    if here.sha256 == there.sha256:
        return _with_versions_of(here, there)
    if _is_earlier(here, there) == _is_earlier(there, here):
        return None
    return taking_over(here, there) if _is_earlier(here, there) else _with_versions_of(here, there)


def taking_over(here: ArchivedDay, there: ArchivedDay) -> ArchivedDay:
    """The day as it is there, and what was here besides as earlier versions."""
    return _with_versions_of(there, here)


def _is_earlier(day: ArchivedDay, other: ArchivedDay) -> bool:
    """Whether the current version of `day` is one that `other` has left behind."""
    return day.sha256 in _contents(other.earlier)


def _with_versions_of(day: ArchivedDay, other: ArchivedDay) -> ArchivedDay:
    """`day` with the versions of `other` that it lacks."""
    current = {day.sha256}
    before = _new(current | _contents(day.earlier), (*other.earlier, alone(other)))
    earlier = (*before, *day.earlier)
    held_back = _new(current | _contents(earlier), (*day.held_back, *other.held_back))
    return replace(day, earlier=earlier, held_back=held_back)


def _contents(versions: Iterable[ArchivedDay]) -> set[str]:
    return {version.sha256 for version in versions}


def _new(known: set[str], versions: Iterable[ArchivedDay]) -> tuple[ArchivedDay, ...]:
    """The versions that are not known, each once."""
    return tuple({each.sha256: each for each in versions if each.sha256 not in known}.values())
