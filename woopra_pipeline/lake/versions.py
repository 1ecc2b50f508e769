"""Two homes of one archived day, and which of its versions is current in both.

A day that is fetched again with other content keeps its earlier versions, so a home whose current
version is an earlier one of the other home is merely behind. Where each current version is unknown
to the other home, two fetches had different answers: that is for a fetch to judge, which counts the
lines, and not for a copy.

Two files are one version if the same was delivered. Where more lines of it are overwritten in one
home, because persons were erased (R10), its file is the one of both.
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
    if here.delivered == there.delivered:
        return _with_versions_of(here, there)
    if _is_earlier(here, there) == _is_earlier(there, here):
        return None
    return taking_over(here, there) if _is_earlier(here, there) else _with_versions_of(here, there)


def taking_over(here: ArchivedDay, there: ArchivedDay) -> ArchivedDay:
    """The day as it is there, and what was here besides as earlier versions."""
    return _with_versions_of(there, here)


def _is_earlier(day: ArchivedDay, other: ArchivedDay) -> bool:
    """Whether the current version of `day` is one that `other` has left behind."""
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
