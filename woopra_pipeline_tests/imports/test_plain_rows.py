"""Plain rows: what DuckDB writes of them is what the reader of rows would make, to the byte."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.lines import Reader, read_chunk
from woopra_pipeline.imports.planning.events import read_plain_events
from woopra_pipeline.imports.planning.profile_updates import read_plain_profile_updates
from woopra_pipeline.imports.planning.visits import read_plain_visits
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import Shape, get_source, read_source
from woopra_pipeline_tests.examples import few_or_many
from woopra_pipeline_tests.imports.conftest import DAY, NOON, write_source

SETTINGS = ImportSettings(memory_limit="200MB", largest_line=400)
READER = Reader(SETTINGS)
READING = {
    Shape.VISITS: (READER.visit, read_plain_visits),
    Shape.EVENTS: (READER.event, read_plain_events),
    Shape.PROFILES: (READER.profile_update, read_plain_profile_updates),
}


def read(directory, sql):
    """What comes of a source's rows, and which of them are plain."""
    write_source(directory, "it", sql)
    columns, set_aside, plain = [], [], []
    with read_source(directory, get_source(directory, "it"), DAY, SETTINGS) as rows:
        for chunk in rows.chunks:
            things = read_chunk(chunk, *READING[rows.shape])
            columns += map(list, things.columns)
            set_aside += things.set_aside
            plain += chunk.column("is_plain").to_pylist()
    return columns, set_aside, plain


def as_reference(sql):
    """The same rows, none of them plain: they come as JSON."""
    return f"select * replace (to_json(visitor) as visitor) from ({sql})"


def text(value):
    return "'" + value.replace("'", "''") + "'"


def typed(kind, values):
    return kind, values.map(lambda value: f"'{value}'::{kind}")


def decimals(digits, places):
    largest = 10 ** (digits - places) - 1 or 0.5
    values = st.decimals(-largest, largest, places=places)
    return typed(f"decimal({digits},{places})", values.map(lambda value: format(value, "f")))


# JSON and MAP are never plain, and are left to the examples below.
SCALARS = [
    typed("bigint", st.integers(-(2**63), 2**63 - 1)),
    typed("ubigint", st.integers(0, 2**64 - 1)),
    typed("hugeint", st.integers(-(2**64), 2**65)),
    typed("double", st.floats() | st.floats(1e-5, 1e-3) | st.floats(1e14, 1e17)),
    typed("double", st.integers(-(10**16), 10**16)),
    typed("float", st.floats(width=32)),
    decimals(10, 2),
    decimals(18, 3),
    decimals(38, 10),
    decimals(9, 9),
    typed("boolean", st.booleans()),
    typed("date", st.dates()),
    typed("timestamptz", st.datetimes()),
    typed("uuid", st.uuids()),
    ("varchar", st.text(st.characters(codec="utf-8", exclude_characters="\0")).map(text)),
    ("varchar", st.sampled_from(["", " ", "a ", "\u00a0b", "\x1f", "/\\\"'", "é\u2028"]).map(text)),
    ("blob", st.just("'\\x00\\xFF'::blob")),
]
KEYS = st.sampled_from(["a", "Z", "b b", "a'", 'q"', "é", "\n", "𝄞", "\uffff", "plan", "_"])


@st.composite
def structs(draw, kinds):
    members = draw(
        st.lists(st.tuples(KEYS, kinds), min_size=1, max_size=3, unique_by=lambda m: m[0])
    )
    return struct_of(dict(members))


def struct_of(members):
    kind = ", ".join(
        f'"{name.replace(chr(34), chr(34) * 2)}" {k}' for name, (k, _) in members.items()
    )
    values = st.tuples(*(value for _, value in members.values())).map(
        lambda found: (
            "{"
            + ", ".join(
                f"{text(name)}: {value}" for name, value in zip(members, found, strict=True)
            )
            + "}"
        )
    )
    kind = f"struct({kind})"
    values = values.map(lambda value: f"{value}::{kind}")
    return nullable((kind, values))


def lists(element):
    kind = f"{element[0]}[]"
    return kind, st.lists(element[1], max_size=3).map(lambda some: f"[{', '.join(some)}]::{kind}")


def nullable(kind):
    return kind[0], st.one_of(*[kind[1]] * 9, st.just(f"null::{kind[0]}"))


scalars = st.sampled_from(SCALARS).map(nullable)
kinds = st.recursive(
    scalars, lambda inner: structs(inner) | inner.map(lists).map(nullable), max_leaves=4
)
properties = structs(kinds)
names = ("varchar", st.sampled_from(["'pv'", "'pv'", "' x'", "''", "'Öl'", "null"]))
times = (
    "bigint",
    st.sampled_from([NOON, NOON, NOON + 1, NOON // 1000, 0]).map(str) | st.just("null"),
)
identifiers = st.sampled_from(
    [
        ("varchar", st.sampled_from(["'a@x.com'", "'a@x.com'", "' a'", "''", "'é'", "null"])),
        ("integer", st.sampled_from(["7", "7", "null"])),
        ("boolean", st.just("true")),
        ("uuid", st.just("'0194d1a0-0000-7000-8000-000000000000'")),
    ]
)


@st.composite
def visitors(draw):
    members = draw(
        st.dictionaries(st.sampled_from(["email", "id", "phone"]), identifiers, max_size=2)
    )
    others = draw(st.dictionaries(KEYS, kinds, max_size=2))
    members = {**others, **members} or {"email": draw(identifiers)}
    return struct_of(members)


@st.composite
def sources(draw, shape):
    """A query of some rows, whose columns have all kinds of types and values."""
    columns = {"visitor": draw(visitors())}
    action = {"time": times, "name": names, "properties": draw(properties)}
    if not draw(st.booleans()):
        del action["properties"]
    if shape is Shape.VISITS:
        columns["actions"] = nullable(lists(struct_of(action)))
        columns |= draw(
            st.dictionaries(st.sampled_from(["Ü", "city", 'q"', "a"]), kinds, max_size=2)
        )
        if draw(st.booleans()):
            columns["time"] = times
    elif shape is Shape.EVENTS:
        columns |= action
    columns = dict(draw(st.permutations(list(columns.items()))))
    rows = draw(st.lists(st.tuples(*(v for _, v in columns.values())), min_size=1, max_size=4))
    return " union all ".join(
        "select "
        + ", ".join(
            f'{value} as "{name.replace(chr(34), chr(34) * 2)}"'
            for name, value in zip(columns, row, strict=True)
        )
        for row in rows
    )


@pytest.mark.parametrize("shape", Shape)
@few_or_many(25, 60)
def test_what_is_made_of_a_plain_row_is_what_the_reader_makes_of_it(shape, examples):
    @settings(max_examples=examples)
    @given(sources(shape))
    def is_the_same(sql):
        with TemporaryDirectory() as folder:
            directory = DataDirectory(Path(folder))
            columns, set_aside, _ = read(directory, sql)
            wanted, wanted_set_aside, plain = read(directory, as_reference(sql))
        assert not any(plain)
        assert columns == wanted
        # The text of a row that is set aside has the order of its columns and keys.
        assert [row.reason for row in set_aside] == [row.reason for row in wanted_set_aside]

    is_the_same()


VISITOR = "{'plan': 'pro', 'email': 'ada@example.com'}"
LISTED = f"[{{'time': {NOON}, 'name': 'pv', 'properties': {{'url': '/', 'amount': 49.90}}}}]"


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(f"select {LISTED} as actions, {VISITOR} as visitor, 'AU' as c", id="visits"),
        pytest.param(
            f"select {VISITOR} as visitor, null::struct(name text, time int)[] as actions",
            id="no actions",
        ),
        pytest.param(
            f"select {VISITOR} as visitor, 'order' as name, {NOON} as time, {{'n': 0.1}} as "
            "properties",
            id="events",
        ),
        pytest.param(
            f"select {VISITOR} as visitor, 'Übergabe' as name, {NOON} as time",
            id="events without properties",
        ),
        pytest.param(f"select {VISITOR} as visitor", id="profiles"),
        pytest.param("select {'id': 7, 'email': ''} as visitor", id="number and empty text"),
    ],
)
def test_ordinary_rows_are_plain(directory, sql):
    columns, _, plain = read(directory, sql)
    assert plain == [True]
    assert columns == read(directory, as_reference(sql))[0]


@pytest.mark.parametrize(
    ("value", "is_plain"),
    [
        ("0::double", True),
        ("'-0.0'::double", True),
        ("1e-4::double", True),
        ("1e-6::double", False),
        ("1e15::double", True),
        ("1e17::double", False),
        ("'nan'::double", False),
        ("'-infinity'::double", False),
        ("0.1::float", True),
        ("99999999.99::decimal(10, 2)", True),
        ("999999999999.999::decimal(18, 3)", True),
        ("1234567890123.456::decimal(18, 3)", False),
        ("0.0000001::decimal(10, 7)", False),
        ("0::decimal(18, 3)", True),
        ("2.5::decimal(18, 3)", True),
        ("[{'sum': sum(2.5::decimal(10, 2))}]", True),
        ("7::decimal(15, 0)", True),
        ("7::decimal(18, 0)", True),
        ("sum(7)", True),
        ("18446744073709551615::hugeint", True),
        ("18446744073709551616::hugeint", False),
        ("'/ \\ \" é \t'", True),
        ("chr(31)", False),
        ("null::varchar", True),
        ("null::struct(b int, a int)", True),
        ("[{'b': 1, 'a': 2}, null]", True),
        ("{'b': null::struct(d int, c int), 'a': enum_range(null::enum('y', 'x'))}", True),
        ("{'B': 1, 'a \"quoted\" name': [[1.5::decimal(4, 2)]], 'é': null::uuid, '''': 'x'}", True),
        ("{'b': [{'d': 1, 'c': null}], 'a': timestamp '2026-01-01'}", True),
        ("""'{"b": 1}'::json""", False),
        ("map {'b': 1}", False),
        ("row(1, 2)", False),
        ("repeat('x', 400)", False),
    ],
)
def test_values_in_a_plain_row_look_the_same_to_duckdb_and_to_the_reader(
    directory, value, is_plain
):
    sql = f"select {{'id': 7, 'value': {value}}} as visitor"
    columns, set_aside, plain = read(directory, sql)
    assert plain == [is_plain]
    wanted, wanted_set_aside, _ = read(directory, as_reference(sql))
    assert (columns, len(set_aside)) == (wanted, len(wanted_set_aside))


def test_rows_keep_their_order_whether_plain_or_not(directory):
    sql = "select {'id': i, 'n': case when i % 7 = 0 then 1e20 else i end} as visitor "
    sql += "from range(50_000) r(i)"
    [*chunks], set_aside, plain = read(directory, sql)
    assert plain.count(False) == 7_143
    assert not set_aside
    lines = [line for place in range(2, len(chunks), 3) for line in chunks[place]]
    assert [line.partition(b'"id":')[2].partition(b",")[0] for line in lines] == [
        b"%d" % number for number in range(50_000)
    ]
