"""Control characters of texts from outside are shown as escapes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from woopra_pipeline.control_characters import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Zoë O'Neil, 東京", "Zoë O'Neil, 東京", id="ordinary text stays"),
        pytest.param("\x1b]0;owned\x07", r"\x1b]0;owned\x07", id="terminal title"),
        pytest.param("\x9b31m", r"\x9b31m", id="C1 control"),
        pytest.param("a\r\nb", r"a\x0d\x0ab", id="line break"),
        pytest.param("\u202egnp.exe", r"\u202egnp.exe", id="right-to-left override"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_lines_can_be_kept() -> None:
    assert visible("a\tb\nc\x1b", keep_lines=True) == "a\tb\nc\\x1b"


@given(st.text())
def test_what_is_shown_has_no_control_character_left(text: str) -> None:
    assert not any(ord(character) < 0x20 for character in visible(text))
    assert visible(visible(text)) == visible(text)
