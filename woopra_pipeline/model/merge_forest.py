"""The paths of all merges at once (R4), as a forest that is numbered so that paths are intervals.

Each delete line is a node; its parent is the next delete line on its path. A parent is later in the
log, so there are no cycles. The nodes are numbered so that parents come first, and each subtree has
consecutive numbers. Then "does the path of a pass through b?" is a comparison of integers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class MergeForest:
    """One entry for each node, in the order of the nodes."""

    root: Integers
    """The node at which its path ends, itself if it has no parent."""
    depth: Integers
    """The number of steps to the root."""
    first: Integers
    """Its number: the path of a passes through b if first[b] <= first[a] <= last[b]."""
    last: Integers
    """The highest number among the nodes whose paths pass through it."""


def number_forest(parent: Integers) -> MergeForest:
    """Number the forest in which node i has the parent `parent[i]`, or none where that is -1.

    The number of passes over all nodes is the logarithm of the largest tree, however long its paths
    are.
    """
    count = len(parent)
    nodes = np.arange(count, dtype=np.int64)
    root = np.where(parent < 0, nodes, parent)
    depth = (parent >= 0).astype(np.int64)
    while np.any(root[root] != root):
        depth += depth[root]
        root = root[root]

    # A walk around each tree enters each node (i) and leaves it (count + i) once. For each place,
    # the code counts how many nodes the walk will still enter, in steps that double.
    onward = _walks(parent)
    entered = np.repeat(np.array([1, 0], dtype=np.int64), count)
    while np.any(onward[onward] != onward):
        entered += entered[onward]
        onward = onward[onward]
    size = entered[:count] - entered[count:]
    is_root = parent < 0
    start = np.zeros(count, dtype=np.int64)
    start[is_root] = np.cumsum(size[is_root]) - size[is_root]
    first = start[root] + size[root] - entered[:count]
    return MergeForest(root, depth, first, first + size - 1)


def _walks(parent: Integers) -> Integers:
    """What follows on entering node i (at i) and on leaving it (at `len(parent)` + i)."""
    count = len(parent)
    by_parent = np.argsort(parent, kind="stable")
    is_eldest = np.diff(parent[by_parent], prepend=-1) != 0
    eldest = by_parent[is_eldest]
    has_elder = np.flatnonzero(~is_eldest & (parent[by_parent] >= 0))

    enter = np.arange(count, dtype=np.int64)
    leave = enter + count
    onward = np.concatenate([leave, np.where(parent < 0, leave, count + parent)])
    onward[parent[eldest]] = eldest
    onward[leave[by_parent[has_elder - 1]]] = by_parent[has_elder]
    return onward
