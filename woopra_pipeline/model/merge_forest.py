"""The paths of all merges at once (R4), as a forest that is numbered so that paths are intervals.

Each delete line is a node; its parent is the next delete line on its path. Parents stand later in
the log, so there are no cycles. Numbering the nodes parents first, each subtree in one run, turns
"does the path of a pass through b?" into a comparison of integers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class MergeForest:
    """One entry a node, in the order of the nodes."""

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

    Takes the logarithm of the longest path in rounds over all nodes, and one step a level.
    """
    nodes = np.arange(len(parent), dtype=np.int64)
    root = np.where(parent < 0, nodes, parent)
    depth = (parent >= 0).astype(np.int64)
    while np.any(root[root] != root):
        depth += depth[root]
        root = root[root]

    by_level = np.argsort(depth, kind="stable")
    levels = np.split(by_level, np.flatnonzero(np.diff(depth[by_level])) + 1)
    size = np.ones(len(parent), dtype=np.int64)
    for level in levels[:0:-1]:
        np.add.at(size, parent[level], size[level])

    first = np.zeros(len(parent), dtype=np.int64)
    for number, level in enumerate(levels):
        if number == 0:
            first[level] = np.cumsum(size[level]) - size[level]
            continue
        siblings = level[np.argsort(parent[level], kind="stable")]
        before = np.cumsum(size[siblings]) - size[siblings]
        starts = np.diff(parent[siblings], prepend=-1) != 0
        before -= np.maximum.accumulate(np.where(starts, before, 0))
        first[siblings] = first[parent[siblings]] + 1 + before
    return MergeForest(root, depth, first, first + size - 1)
