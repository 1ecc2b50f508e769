"""Logs of merges by their shape, of any size: the ways in which merges can pile up."""

import json
from collections.abc import Iterator


def visit(pid: str, *times: int) -> str:
    """A visit line with an action at each of the times (UNIX milliseconds)."""
    actions = [{"name": "pv", "time": time} for time in times]
    return json.dumps({"type": "visit", "pid": pid, "time": 5, "actions": actions}) + "\n"


def delete(pid: str, new_id: str | None = None) -> str:
    """A delete line."""
    target = {} if new_id is None else {"new_id": new_id}
    return json.dumps({"type": "delete", "pid": pid, **target}) + "\n"


def chain(merges: int) -> Iterator[str]:
    """Each pid is merged into the next one, and all of them log the one visit again."""
    yield visit("P0", 1)
    for number in range(merges):
        yield delete(f"P{number}", f"P{number + 1}")
        yield visit(f"P{number + 1}", 1)


def chain_of_owners(merges: int) -> Iterator[str]:
    """Each pid on the chain has a visit of its own, which is logged again once and then lost."""
    for number in range(merges):
        yield visit(f"P{number}", number + 1)
        yield delete(f"P{number}", f"P{number + 1}")
        yield visit(f"P{number + 1}", number + 1)


def chain_after_visits(merges: int) -> Iterator[str]:
    """The pids of the chain all logged their visits before the first of them was merged."""
    for number in range(merges):
        yield visit(f"P{number}", 1)
    for number in range(merges):
        yield delete(f"P{number}", f"P{number + 1}")


def star(merges: int) -> Iterator[str]:
    """All pids are merged into one."""
    for number in range(merges):
        yield visit(f"P{number}", 1)
        yield delete(f"P{number}", "hub")
        yield visit("hub", 1)


def comb(merges: int) -> Iterator[str]:
    """A chain, of which each pid takes in another one before it is merged itself."""
    yield visit("P0", 1)
    for number in range(merges // 2):
        yield visit(f"tooth {number}", 1)
        yield delete(f"tooth {number}", f"P{number}")
        yield visit(f"P{number}", 1)
        yield delete(f"P{number}", f"P{number + 1}")
        yield visit(f"P{number + 1}", 1, 1)


def returns(merges: int) -> Iterator[str]:
    """A is merged into B, B into A, and so on."""
    yield visit("A", 1)
    for number in range(merges):
        pid, new_id = ("A", "B") if number % 2 == 0 else ("B", "A")
        yield delete(pid, new_id)
        yield visit(new_id, 1)


def merges_into_itself(merges: int) -> Iterator[str]:
    """A pid is merged into itself."""
    yield visit("A", 1)
    for _ in range(merges):
        yield delete("A", "A")
        yield visit("A", 1)


def lives(merges: int) -> Iterator[str]:
    """A pid takes in others and is deleted for good, many times, so its lives lie side by side."""
    for number in range(merges):
        yield visit(f"P{number}", 1)
        yield delete(f"P{number}", "hub")
        yield visit("hub", 1)
        yield delete("hub")


SHAPES = (
    chain,
    chain_of_owners,
    chain_after_visits,
    star,
    comb,
    returns,
    merges_into_itself,
    lives,
)
