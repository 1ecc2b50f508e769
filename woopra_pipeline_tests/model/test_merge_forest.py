"""R4: the numbered forest says of every pair of nodes whether one's path passes the other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from woopra_pipeline.model.merge_forest import number_forest


def path(parents, node):
    steps = [node]
    while parents[steps[-1]] >= 0:
        steps.append(parents[steps[-1]])
    return steps


@given(st.lists(st.none() | st.integers(1, 5), max_size=14))
def test_intervals_are_paths(jumps):
    """Each node's parent stands some places later, or nowhere."""
    parents = [
        node + jump if jump is not None and node + jump < len(jumps) else -1
        for node, jump in enumerate(jumps)
    ]
    forest = number_forest(np.array(parents, dtype=np.int64))
    assert sorted(forest.first) == list(range(len(parents)))
    for node in range(len(parents)):
        steps = path(parents, node)
        passed = [
            other
            for other in range(len(parents))
            if forest.first[other] <= forest.first[node] <= forest.last[other]
        ]
        assert sorted(steps) == passed
        assert (forest.root[node], forest.depth[node]) == (steps[-1], len(steps) - 1)


@pytest.mark.parametrize("length", [0, 1, 9_300])
def test_a_chain_of_any_length(length):
    parents = np.arange(1, length + 1)
    parents[-1:] = -1
    forest = number_forest(parents)
    assert list(forest.depth) == list(range(length - 1, -1, -1))
    assert list(forest.first) == list(range(length - 1, -1, -1))
