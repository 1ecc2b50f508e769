"""The default tests draw the same examples whatever else a change brings."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

REPEATABLE = settings.get_profile("repeatable")


def drawn() -> list[list[str]]:
    examples = []

    @settings(REPEATABLE)
    @given(st.lists(st.text(), min_size=10))
    def draw(texts: list[str]) -> None:
        examples.append(texts)

    draw()
    return examples


def test_examples_are_the_same_with_other_modules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = drawn()
    file = tmp_path / "other.py"
    file.write_text(f"WORDS = {[f'word {number}' for number in range(200)]}", encoding="utf-8")
    module = ModuleType("other")
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "other", module)
    assert drawn() == before
