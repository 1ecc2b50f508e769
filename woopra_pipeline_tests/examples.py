"""How many examples a test draws: few whenever tests are run, many in the long tests."""

import pytest


def few_or_many(few: int, many: int) -> pytest.MarkDecorator:
    """Gives a test its number of `examples`; what draws them is a function within it."""
    return pytest.mark.parametrize(
        "examples",
        [pytest.param(few, id="short"), pytest.param(many, id="long", marks=pytest.mark.long)],
    )
