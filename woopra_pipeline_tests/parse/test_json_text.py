"""Strict JSON is told from everything else, and compacted without a change to any value."""

import json
import sys

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from woopra_pipeline.parse.json_text import (
    NotStrictJSONError,
    array_elements,
    compact,
    object_members,
    replace_lone_surrogates,
)
from woopra_pipeline_tests.parse.odd_lines import json_texts, mutated

COMPACTED = [
    pytest.param("null", "null", id="null"),
    pytest.param(" \t\r\n true \t\r\n ", "true", id="white space around a value"),
    pytest.param(
        '{ "a" : [ 1 , 2 ] , "b" : { } , "c" : [ ] }',
        '{"a":[1,2],"b":{},"c":[]}',
        id="in containers",
    ),
    pytest.param('" { a : 1 } "', '" { a : 1 } "', id="not in strings"),
    pytest.param("[1.50,1E+2,-0,0.0,1e400]", "[1.50,1E+2,-0,0.0,1e400]", id="number literals"),
    pytest.param("9" * 5000, "9" * 5000, id="an integer of 5,000 digits"),
    pytest.param(r'"\u00e9\/\"\\"', r'"\u00e9\/\"\\"', id="escapes"),
    pytest.param('{"a":1,"a":2}', '{"a":1,"a":2}', id="a key twice"),
    pytest.param("[" * 50_000 + "]" * 50_000, "[" * 50_000 + "]" * 50_000, id="50,000 levels deep"),
]

REFUSED = [
    pytest.param(text, id=id_)
    for id_, text in {
        "nothing": "",
        "white space only": " \t",
        "NaN": "[NaN]",
        "Infinity": "[-Infinity]",
        "trailing comma in an array": "[1,]",
        "trailing comma in an object": '{"a":1,}',
        "leading comma": "[,1]",
        "comma alone in an object": "{,}",
        "no comma": "[1 2]",
        "no colon": '{"a" 1}',
        "a key without a value": '{"a":}',
        "a value without a key": '{"a":1,2}',
        "a bare key": "{a:1}",
        "a number as key": "{1:1}",
        "single quotes": "['a']",
        "a comment": "[1/**/]",
        "closed by the wrong bracket": '{"a":[1}',
        "an array closed as an object": "[1}",
        "never closed": '{"a":[1,{"b":2}',
        "closed twice": "[1]]",
        "two values": "{}{}",
        "text after the value": "{} x",
        "leading zero": "[01]",
        "negative leading zero": "[-01]",
        "no digit after the point": "[1.]",
        "no digit before the point": "[.5]",
        "no digit in the exponent": "[1e]",
        "plus sign": "[+1]",
        "minus alone": "[-]",
        "hexadecimal": "[0x1]",
        "literal in capitals": "[True]",
        "literal cut short": "[tru]",
        "literal too long": "[nullx]",
        "raw tab in a string": '["\t"]',
        "raw NUL in a string": '["\x00"]',
        "raw control character in a key": '{"\x1f":1}',
        "unknown escape": r'["\x41"]',
        "short unicode escape": r'["\u12"]',
        "unicode escape of no digits": r'["\u12g4"]',
        "string never closed": '["a',
        "string closed by an escaped quote": r'["a\"]',
        "form feed as white space": "[\x0c1]",
        "no-break space as white space": "[\u00a01]",
        "NUL after the value": "{}\x00",
        "byte order mark": "\ufeff{}",
        "digits of another script": "[\u0661]",
    }.items()
]


@pytest.mark.parametrize(("text", "expected"), COMPACTED)
def test_white_space_goes_and_nothing_else(text: str, expected: str) -> None:
    assert compact(text) == expected


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_strict_json_is_refused(text: str) -> None:
    with pytest.raises(NotStrictJSONError):
        compact(text)


def _python_reads(text: str) -> object:
    """What Python's parser makes of the text, numbers as their literals and members as pairs."""

    def refuse(constant: str) -> object:
        raise ValueError(constant)

    return json.loads(
        text, parse_int=str, parse_float=str, parse_constant=refuse, object_pairs_hook=list
    )


@given(json_texts() | mutated(json_texts()))
def test_python_agrees_on_what_is_strict_and_what_it_means(text: str) -> None:
    try:
        expected = _python_reads(text)
    except ValueError:
        with pytest.raises(NotStrictJSONError):
            compact(text)
    else:
        assert _python_reads(compact(text)) == expected


@given(json_texts())
def test_msgspec_compacts_to_the_same_text(text: str) -> None:
    text = replace_lone_surrogates(text)
    assert compact(text) == msgspec.json.format(text, indent=-1)


def test_members_keep_their_texts_and_the_last_of_a_key_wins_in_the_first_place() -> None:
    text = r'{"a":1.50,"b,]":"x,}\"","\u0061":[1,{"c":2}],"":{"a":1,"a":2}}'
    assert object_members(text) == {
        "a": '[1,{"c":2}]',
        "b,]": r'"x,}\""',
        "": '{"a":1,"a":2}',
    }
    assert list(object_members(text)) == ["a", "b,]", ""]


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        pytest.param("[]", [], id="none"),
        pytest.param("[1]", ["1"], id="one"),
        pytest.param('[[1,2],{"a":[3,4]},"],["]', ["[1,2]", '{"a":[3,4]}', '"],["'], id="nested"),
    ],
)
def test_elements_keep_their_texts(text: str, elements: list[str]) -> None:
    assert array_elements(text) == elements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(r"\ud83d\ude00", r"\ud83d\ude00", id="a pair stays"),
        pytest.param(r"\uD83D\uDE00", r"\uD83D\uDE00", id="a pair in capitals stays"),
        pytest.param(r"\ud83d", "\ufffd", id="a high half alone"),
        pytest.param(r"\ude00", "\ufffd", id="a low half alone"),
        pytest.param(r"\ude00\ud83d", "\ufffd\ufffd", id="a pair the wrong way round"),
        pytest.param(r"\ud83d\ud83d\ude00", "\ufffd" + r"\ud83d\ude00", id="a half before a pair"),
        pytest.param(r"\ud83d\u0041", "\ufffd" + r"\u0041", id="a half before another escape"),
        pytest.param(r"\\ud83d", r"\\ud83d", id="an escaped backslash before ud83d"),
        pytest.param(r"\\\ud83d", r"\\" + "\ufffd", id="a half after an escaped backslash"),
        pytest.param(
            r"\ud83d\\ude00", "\ufffd" + r"\\ude00", id="a half before an escaped backslash"
        ),
        pytest.param(r"\u00e9\ufffd", r"\u00e9\ufffd", id="other escapes stay"),
    ],
)
def test_halves_of_surrogate_pairs_read_as_the_replacement_character(
    text: str, expected: str
) -> None:
    assert replace_lone_surrogates(f'"{text}"') == f'"{expected}"'


@given(st.text(st.sampled_from('\\u dD8cCfF09aA"'), max_size=30))
@example(r"\ud800\udc00")
def test_python_finds_the_same_lone_surrogates(characters: str) -> None:
    text = f'"{characters}"'
    try:
        string = json.loads(text)
    except ValueError:
        return
    without_halves = string.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert json.loads(replace_lone_surrogates(text)) == without_halves


def test_nesting_does_not_depend_on_the_call_stack() -> None:
    text = '{"a":' * 2000 + "1" + "}" * 2000

    def compact_below(frames: int) -> str:
        return compact_below(frames - 1) if frames else compact(text)

    assert compact_below(sys.getrecursionlimit() - 200) == text
