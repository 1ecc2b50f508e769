"""What a server repeats of the credentials, in any notation, is found and taken out."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from woopra_pipeline.woopra.outside_text import OutsideText

APP = "APP17"
KEY = "q7/Zr+4w~Vb x%2f\"K\\nT9&m'E"
"""Every character in it stands otherwise in some notation."""

PAIR = f"{APP}:{KEY}"


def lower_escapes(text: str) -> str:
    first, *escaped = quote(text, safe="").split("%")
    return "".join([first, *(f"%{part[:2].lower()}{part[2:]}" for part in escaped)])


def in_lines(text: str) -> str:
    return "\r\n".join(text[start : start + 6] for start in range(0, len(text), 6))


NOTATIONS = {
    "plain": KEY,
    "pair": PAIR,
    "upper case": KEY.upper(),
    "base64 of the pair": b64encode(PAIR.encode()).decode(),
    "base64 of the pair without padding": b64encode(PAIR.encode()).decode().rstrip("="),
    "URL-safe base64 of the pair": urlsafe_b64encode(PAIR.encode()).decode(),
    "base64 of the key": b64encode(KEY.encode()).decode(),
    "URL-safe base64 of the key": urlsafe_b64encode(KEY.encode()).decode().rstrip("="),
    "base64 of a header": b64encode(f"Authorization: {PAIR}".encode()).decode()[20:],
    "base64 in lines": in_lines(b64encode(PAIR.encode()).decode()),
    "URL": quote(KEY, safe=""),
    "URL in lower case": lower_escapes(KEY),
    "form": quote_plus(KEY),
    "URL of base64": quote(b64encode(PAIR.encode()).decode(), safe=""),
    "URL twice": quote(quote(KEY, safe=""), safe=""),
    "JSON": json.dumps(KEY)[1:-1],
    "JSON with escaped slashes": json.dumps(KEY)[1:-1].replace("/", "\\/"),
    "JSON in JSON": json.dumps(json.dumps(KEY)),
    "JSON of escapes": "".join(f"\\u{ord(character):04x}" for character in KEY),
    "HTML": html.escape(KEY),
    "HTML of numbers": "".join(f"&#{ord(character)};" for character in KEY),
    "bytes as Python shows them": repr(KEY.encode())[2:-1],
    "bytes as numbers": "".join(f"\\x{ord(character):02x}" for character in KEY),
    "hexadecimal": KEY.encode().hex(),
    "in lines": in_lines(KEY),
    "with zeros": "\0".join(KEY),
    "the first half": KEY[: len(KEY) // 2],
    "the second half": KEY[len(KEY) // 2 :],
    "a part of base64": b64encode(PAIR.encode()).decode()[3:-5],
}


@pytest.mark.parametrize("notation", NOTATIONS.values(), ids=NOTATIONS)
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        pytest.param("", "", id="alone"),
        pytest.param("the key <", "> is not known", id="in a sentence"),
        pytest.param("xy" * 40, "zy" * 40, id="in a word"),
    ],
)
def test_credentials_are_found_in_any_notation(notation, before, behind):
    cleaned = OutsideText(APP, KEY).without_credentials(f"{before}{notation}{behind}")
    left = cleaned.removeprefix(before).removesuffix(behind)
    assert "…" in left
    # Where a part begins and ends is uncertain by a character or two in some notations.
    assert len(left.replace("…", "")) <= 6, left


@given(
    st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=10, max_size=64),
    st.text(max_size=40),
    st.text(max_size=40),
)
def test_no_key_is_left_whole(key, before, behind):
    outside_text = OutsideText(APP, key)
    for said in (outside_text.sentence, lambda text: outside_text.lines(text, 10_000)):
        cleaned = said(before + key + behind)
        assert key not in cleaned


@given(st.text(max_size=200), st.integers(0, 300))
@example("\x1b[2J\u202e\r\nError: all is well", 300)
def test_a_sentence_is_one_short_line_without_control_characters(text, longest):
    sentence = OutsideText(APP, KEY).sentence(text, longest)
    assert len(sentence) <= longest
    assert len(sentence.splitlines()) <= 1
    assert sentence.isprintable() or not text.isprintable()
    assert "\x1b" not in sentence


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "Z"]), max_size=200))
def test_other_texts_stay_as_they_are(text):
    outside_text = OutsideText("A5hfQ0l3XbzKpT", "vR8e2Nq71LwYc6Jd0UmS94tGzHxBfK3a")
    assert outside_text.without_credentials(text) == text


def test_lines_stay_and_become_those_of_unix():
    assert OutsideText(APP, KEY).lines('{\r\n\t"a": 1\r\n}', 100) == '{\n\t"a": 1\n}'


def test_without_a_key_nothing_is_taken_out():
    assert OutsideText("", "").without_credentials("a: b") == "a: b"


def test_at_most_a_few_characters_of_a_cut_key_are_left():
    key = "vR8e2Nq71LwYc6Jd0UmS94tGzHxBfK3avR8e2Nq71LwYc6Jd0UmS94tGzHxBfK3a"
    for cut in range(1, len(key)):
        cleaned = OutsideText(APP, key).without_credentials(f"bad key {key[:cut]}")
        assert len(cleaned.removeprefix("bad key ")) < 8
