"""Hypothesis strategies for JSON texts and for lines of a day file, as odd as they may come."""

from collections.abc import Mapping
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from woopra_pipeline.parse.lines import ACTION_COLUMNS, REFERRER_COLUMNS, VISIT_COLUMNS
from woopra_pipeline.tables import FLAT_REFERRER_KEYS, Column, ColumnType

Texts = SearchStrategy[str]
Drawn = TypeVar("Drawn")

NUMBERS = """
    0 -0 1 -1 17 1.0 1.50 -0.0 1e3 1E+2 2e-5 1e400 -1e400 1e-400 0.1 123456789.123456789
    2147483648 9007199254740992 9007199254740993 -9007199254740993 9007199254740993.0
    9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809
    18446744073709551615 18446744073709551616 253402300799999 253402300800000
    -62135596800000 -62135596800001 100000000000000000000000
    3.14159265358979323846 0.1000000000000000055 12345678901234567.0 0.000e99999
    4.9e-324 5e-324 0.30000000000000004 151.495435000000000000 1.7976931348623157E308
"""
ESCAPES = r"""
    \" \\ \/ \b \f \n \r \t \u0000 \u001f \u0041 \u00e9 \uFFFD \ud83d\ude00 \ud800 \uDC00
"""
PLAIN_ODDITIES = [b"", b"\r", b" \t\r", b"\x00", b"\xef\xbb\xbf{}", b"{}", b'{"type":"visit"}']

_NUMBERS = (
    st.sampled_from(NUMBERS.split())
    | st.integers(-(10**25), 10**25).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.builds(
        "{}{}.{}{}".format,
        st.sampled_from(["", "-"]),
        st.integers(0, 10**20),
        st.integers(0, 10**20),
        st.sampled_from(["", "", "e5", "E-20", "e+300", "e-330"]),
    )
)
_CHARACTERS = st.sampled_from("{}[]:, /\x7f\ufeff") | st.characters(
    exclude_characters='"\\', exclude_categories=["Cs"], min_codepoint=0x20
)
_STRINGS = st.lists(_CHARACTERS | st.sampled_from(ESCAPES.split()), max_size=4).map(
    lambda parts: f'"{"".join(parts)}"'
)
_SCALARS = st.sampled_from(["null", "true", "false", '""', '"x"']) | _NUMBERS | _STRINGS
_KEYS = st.sampled_from(['"a"', '"b"', r'"\u0061"', '""', '"A b"', '"é"', '"time"']) | _STRINGS
_SPACES = st.sampled_from(["", "", "", "", " ", "\t", "\r", " \r "])


def _one_of(strategies: list[SearchStrategy[Drawn]]) -> SearchStrategy[Drawn]:
    """One of the strategies, each as likely as the next, however many branches it has itself."""
    return st.integers(0, len(strategies) - 1).flatmap(strategies.__getitem__)


def _member(keys: Texts, values: Texts) -> Texts:
    return st.tuples(keys, _SPACES, st.just(":"), _SPACES, values).map("".join)


def _joined(opening: str, items: Texts, closing: str) -> Texts:
    spaced = st.tuples(_SPACES, items, _SPACES).map("".join)
    return st.lists(spaced, max_size=4).map(lambda parts: opening + ",".join(parts) + closing)


def _containers(values: Texts) -> Texts:
    return _joined("[", values, "]") | _joined("{", _member(_KEYS, values), "}")


_VALUES = st.recursive(_SCALARS, _containers, max_leaves=6)
_OBJECTS = _joined("{", _member(_KEYS, _VALUES), "}")


def numbers() -> Texts:
    """JSON numbers of all sizes, those that a double can hold and those that it cannot."""
    return _NUMBERS


def json_texts() -> Texts:
    """Strict JSON of any shape, with halves of surrogate pairs, odd white space and odd numbers."""
    return st.tuples(_SPACES, _VALUES, _SPACES).map("".join)


@st.composite
def mutated(draw: DrawFn, texts: Texts) -> str:
    """A text that was JSON before a piece of it was replaced by something else."""
    text = draw(texts)
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(start + 3, len(text))))
    junk = ["", *'{}[],:"\\ \t\x00\x0b-+.eEnu0\ufeff\u00a0', "NaN", r"\u12", r"\ud800"]
    return text[:start] + draw(st.sampled_from(junk)) + text[end:]


@st.composite
def not_utf8(draw: DrawFn, texts: Texts) -> bytes:
    """A text with bytes in it that are not UTF-8."""
    text = draw(texts).encode()
    place = draw(st.integers(0, len(text)))
    junk = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf0\x9f\x98"]
    return text[:place] + draw(st.sampled_from(junk)) + text[place:]


_FITTING = {
    ColumnType.BIGINT: st.integers(-5, 10**6).map(str),
    ColumnType.BOOLEAN: st.sampled_from(["true", "false"]),
    ColumnType.DOUBLE: st.integers(-900, 900).map(lambda tenths: str(tenths / 10)),
    ColumnType.TIMESTAMPTZ: st.integers(-(10**13), 10**13).map(str),
    ColumnType.VARCHAR: _STRINGS,
}


def _record(required: list[Texts], often: list[Texts], fields: Mapping[str, Texts]) -> Texts:
    """An object with the required members and some of the others, in any order and number."""
    seldom = st.one_of([_member(st.just(f'"{key}"'), fields[key]) for key in fields])
    others = _one_of([*often, seldom, seldom])
    members = st.tuples(st.tuples(*required), st.lists(others, max_size=6))
    return members.flatmap(lambda drawn: st.permutations([*drawn[0], *drawn[1]])).map(
        lambda drawn: "{" + ",".join(drawn) + "}"
    )


def _line(oddities: Texts) -> Texts:
    """A visit, identify or delete line; what is not as it should be is drawn from `oddities`."""

    def mostly(values: Texts) -> Texts:
        return _one_of([values] * 9 + [oddities])

    def field(key: str, values: Texts) -> Texts:
        return _member(st.just(f'"{key}"'), mostly(values))

    def fields(columns: Mapping[str, Column]) -> dict[str, Texts]:
        return {key: mostly(_FITTING[column.type]) for key, column in columns.items()}

    unknown = _member(st.sampled_from(['"new"', '"A b"', '"referrer.url"']), mostly(_STRINGS))
    referrer = _record([], [unknown], fields(REFERRER_COLUMNS))
    properties = field("properties", _OBJECTS)
    action = _record([], [unknown, properties, properties], fields(ACTION_COLUMNS))
    often = [
        field("visitor", _OBJECTS),
        field("actions", _joined("[", mostly(action), "]")),
        field("actions", _joined("[", action, "]")),
        field("referrer", referrer),
        field("new_id", _STRINGS),
        unknown,
    ]
    flat = dict.fromkeys(FLAT_REFERRER_KEYS, mostly(_STRINGS))
    types = st.sampled_from(['"visit"'] * 6 + ['"identify"', '"delete"'] * 2 + ['"system"'])
    required = [field("type", types), field("pid", st.sampled_from(['"p"', r'"\u00e9"']))]
    methods = st.sampled_from(['"delete"', '""'])
    return _record(required, often, {**fields(VISIT_COLUMNS), **flat, "method": methods})


def lines() -> SearchStrategy[bytes]:
    """Lines of a day file without their newline: ordinary, odd, broken, blank."""
    ordinary, odd = _line(st.just("null")), _line(_VALUES)
    texts = _one_of([ordinary, ordinary, odd, odd, odd, odd, mutated(odd), _VALUES])
    return _one_of([*[texts.map(str.encode)] * 10, not_utf8(odd), st.sampled_from(PLAIN_ODDITIES)])
