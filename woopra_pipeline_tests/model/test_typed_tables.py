"""R11: what type a column has, what it is called, and what a setting or types.yml makes of it."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.typed_settings import TypedSettings, read_pinned_types
from woopra_pipeline.model.typed_tables import distinct_names
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.model.parsed_files import put_day, remove_day
from woopra_pipeline_tests.model.plain_types import typed_tables
from woopra_pipeline_tests.model.published_tables import in_order, published_tables, read_table

DAY = date(2026, 3, 6)
TIME = 1767225600000


def visit(pid, *actions, visitor="{}"):
    """A visit line with these actions, each a name and its properties as JSON text."""
    texts = [
        f'{{"name":{json.dumps(name)},"time":{TIME + number},"properties":{properties}}}'
        for number, (name, properties) in enumerate(actions)
    ]
    return (
        f'{{"type":"visit","pid":"{pid}","time":{TIME},"visitor":{visitor},'
        f'"actions":[{",".join(texts)}]}}'
    ).encode()


def merge(pid, target):
    return f'{{"type":"delete","pid":"{pid}","new_id":"{target}"}}'.encode()


class Model:
    """A data directory, its model, and what it says."""

    def __init__(self, folder):
        self.directory = DataDirectory(folder)
        self.notices = []

    def put(self, offset, *lines):
        put_day(self.directory, DAY + timedelta(offset), b"\n".join(lines))

    def update(self, *lines, offset=0, **settings):
        if lines:
            self.put(offset, *lines)
        return update_model(
            self.directory,
            rebuild_share=2,
            typed=TypedSettings(**settings),
            notify=self.notices.append,
        )

    def ask(self, sql):
        with connect_published(self.directory) as connection:
            return connection.execute(sql).fetchall()

    def types(self, event):
        return dict(self.ask(f"select key, type from property_types where event = '{event}'"))


@pytest.fixture
def model(tmp_path):
    return Model(tmp_path)


def at(*parts, **more):
    return datetime(*parts, **more, tzinfo=UTC)


CASES = {
    "booleans": ("BOOLEAN", ["true", '"false"', "null"], [True, False, None]),
    "nothing but nulls": ("BOOLEAN", ["null"], [None]),
    "other spellings of booleans": ("VARCHAR", ['"True"', '"no"'], ["True", "no"]),
    "integers": ("BIGINT", ["1", '"-17"', '"0"', "-0"], [1, -17, 0, 0]),
    "the largest integers": (
        "BIGINT",
        [str(2**63 - 1), f'"{-(2**63)}"'],
        [2**63 - 1, -(2**63)],
    ),
    "an integer of more than 64 bits": ("DOUBLE", ["1", str(2**63)], [1.0, 2.0**63]),
    "its text": ("DOUBLE", [f'"{-(2**63) - 1}"'], [-(2.0**63)]),
    "an integer of any length": ("DOUBLE", ["9" * 30], [1e30]),
    "leading zeros": ("VARCHAR", ['"007"', "1"], ["007", "1"]),
    "a plus sign": ("VARCHAR", ['"+1"'], ["+1"]),
    "a space": ("VARCHAR", ['" 1"'], [" 1"]),
    "a line feed behind": ("VARCHAR", ['"1\\n"'], ["1\n"]),
    "digits that are not ASCII": ("VARCHAR", ['"\\u0661"'], ["\u0661"]),
    "an escaped digit": ("BIGINT", ['"\\u0031"'], [1]),
    "decimals": ("DOUBLE", ["1.50", '"2.5"', "3", '"4"'], [1.5, 2.5, 3.0, 4.0]),
    "a decimal with the value of an integer": ("DOUBLE", ["1.0"], [1.0]),
    "exponents": ("DOUBLE", ["1e2", '"1E-2"'], [100.0, 0.01]),
    "beyond a double": ("DOUBLE", ["1e400", "-1e400"], [float("inf"), float("-inf")]),
    "numbers that JSON does not write": ("VARCHAR", ['"1."', '".5"', '"NaN"'], ["1.", ".5", "NaN"]),
    "booleans and integers": ("VARCHAR", ["true", "1"], ["true", "1"]),
    "times": (
        "TIMESTAMPTZ",
        [
            '"2026-01-05T10:00:00Z"',
            '"2026-01-05T10:00+02:00"',
            '"2026-01-05T10:00:00.1234567-0130"',
            '"2026-01-05T10:00:00+02"',
        ],
        [
            at(2026, 1, 5, 10),
            at(2026, 1, 5, 8),
            at(2026, 1, 5, 11, 30, microsecond=123456),
            at(2026, 1, 5, 8),
        ],
    ),
    "a leap day": ("TIMESTAMPTZ", ['"2024-02-29T00:00:00Z"'], [at(2024, 2, 29)]),
    "a day that is none": ("VARCHAR", ['"2026-02-30T10:00:00Z"'], ["2026-02-30T10:00:00Z"]),
    "an hour that is none": ("VARCHAR", ['"2026-02-20T24:00:00Z"'], ["2026-02-20T24:00:00Z"]),
    "a year before 1": ("VARCHAR", ['"0001-01-01T00:00:00+01:00"'], ["0001-01-01T00:00:00+01:00"]),
    "a time without offset": ("VARCHAR", ['"2026-01-05T10:00:00"'], ["2026-01-05T10:00:00"]),
    "a date": ("VARCHAR", ['"2026-01-05"'], ["2026-01-05"]),
    "a space between": ("VARCHAR", ['"2026-01-05 10:00:00Z"'], ["2026-01-05 10:00:00Z"]),
    "a time and a number": ("VARCHAR", ['"2026-01-05T10:00:00Z"', "1"], [..., "1"]),
    "objects": ("JSON", ['{"a": 1}', "[1]", "2", "true"], ['{"a":1}', "[1]", "2", "true"]),
    "objects and a text": ("VARCHAR", ['{"a": 1}', '"1"'], ['{"a":1}', "1"]),
    "texts": ("VARCHAR", ['"a"', '""', '"a\\u0000b"'], ["a", "", "a\0b"]),
}


@pytest.fixture(scope="module")
def typed_cases(tmp_path_factory):
    model = Model(tmp_path_factory.mktemp("cases"))
    model.update(
        *(
            visit("A", *((name, f'{{"key":{value}}}') for value in values))
            for name, (_, values, _) in CASES.items()
        ),
        *(
            visit(f"{name} {number}", visitor=f'{{"{name}":{value}}}')
            for name, (_, values, _) in CASES.items()
            for number, value in enumerate(values)
        ),
    )
    return model


@pytest.mark.parametrize("name", CASES)
def test_the_type_is_the_first_that_holds_for_all(typed_cases, name):
    expected, _, values = CASES[name]
    rows = typed_cases.ask(f'select key from events."{name}" order by log_line, action_index')
    assert typed_cases.types(name) == {"key": expected}
    assert [row for (row,) in rows] == [
        found if value is ... else value for value, (found,) in zip(values, rows, strict=True)
    ]


@pytest.mark.parametrize("name", CASES)
def test_properties_of_people_are_typed_alike(typed_cases, name):
    expected, _, values = CASES[name]
    type_of = f"select type from property_types where event is null and key = '{name}'"
    assert typed_cases.ask(type_of) == [(expected,)]
    rows = typed_cases.ask(
        f"""select "{name}" from people where pid like '{name} _' order by pid"""
    )
    assert [row for (row,) in rows] == [
        found if value is ... else value for value, (found,) in zip(values, rows, strict=True)
    ]


@pytest.mark.parametrize(
    ("wanted", "reserved", "names"),
    [
        (["plan", "Plan", "PLAN"], [], ["plan", "Plan_2", "PLAN_3"]),
        (["é", "É"], [], ["é", "É_2"]),
        (["pid", "Pid", "x"], ["pid"], ["pid_2", "Pid_3", "x"]),
        (["a", "A", "a_2"], [], ["a", "A_3", "a_2"]),
        (["", "_"], [], ["_", "__2"]),
        (["n\0", 'q"', "x" * 3000], [], ["n\ufffd", 'q"', "x" * 3000]),
        (["straße", "strasse"], [], ["straße", "strasse"]),
    ],
)
def test_no_two_names_differ_only_in_case(wanted, reserved, names):
    assert list(map(distinct_names(wanted, reserved).get, wanted)) == names


ODD_NAMES = ["", "pid", "PID", 'q"t', "it's", "a\nb", "n\0l", "a/b~c", "$.x", "x" * 3000, "é", "É"]


def test_names_of_any_kind(model):
    properties = json.dumps({name: number for number, name in enumerate(ODD_NAMES)})
    model.update(visit("A", *((name, properties) for name in ODD_NAMES), visitor=properties))
    told = model.ask(
        "select event, key, relation_name, column_name from property_types where event is not null"
    )
    assert {(event, key) for event, key, _, _ in told} == {
        (a, b) for a in ODD_NAMES for b in ODD_NAMES
    }
    for _, key, relation, column in told:
        quoted = [name.replace('"', '""') for name in (column, relation)]
        assert model.ask('select "{}" from events."{}"'.format(*quoted)) == [
            (ODD_NAMES.index(key),)
        ]


def test_the_name_goes_to_what_has_more_values(model):
    model.update(visit("A", ("Buy", '{"Plan":1,"plan":null}'), ("buy", "{}"), ("buy", '{"a":1}')))
    assert sorted(
        model.ask("select relation_name, column_name, event, key from property_types")
    ) == [
        ("Buy_2", "Plan", "Buy", "Plan"),
        ("Buy_2", "plan_2", "Buy", "plan"),
        ("buy", "a", "buy", "a"),
    ]
    comments = "select view_name, comment from duckdb_views() where schema_name = 'events'"
    assert dict(model.ask(comments)) == {
        "Buy_2": "Living actions with the name Buy",
        "buy": "Living actions with the name buy",
    }


def test_an_action_without_a_name_is_no_event(model):
    model.update(b'{"type":"visit","pid":"A","actions":[{"name":null,"properties":{"a":1}}]}')
    assert model.ask("from property_types") == []


def test_people_come_into_a_model_without_any(model):
    model.update(b"")
    model.update(visit("A", ("buy", "{}"), visitor='{"age":1}'), offset=1)
    assert model.ask("select age from people") == [(1,)]
    model.update(b"", offset=1)
    assert model.ask("from property_types") == []
    model.update(visit("B", visitor='{"age":2}'), offset=2)
    assert model.ask("select age from people") == [(2,)]


def test_what_is_voided_counts_no_more(model):
    line = visit("A", ("buy", '{"amount":"x"}'), visitor='{"age":"x"}')
    model.update(line, visit("B", ("buy", '{"amount":"1"}'), visitor='{"age":1}'))
    assert model.types("buy") == {"amount": "VARCHAR"}
    model.update(merge("A", "B"), offset=1)
    assert model.types("buy") == {"amount": "BIGINT"}
    assert model.ask("select amount from events.buy") == [(1,)]
    assert model.ask("select age from people") == [(1,)]
    assert model.ask("from log.type_changes order by event nulls first") == [
        (None, "age", "VARCHAR", "BIGINT", None, None),
        ("buy", "amount", "VARCHAR", "BIGINT", None, None),
    ]
    remove_day(model.directory, DAY + timedelta(1))
    model.update()
    assert model.types("buy") == {"amount": "VARCHAR"}
    assert model.ask("select amount from events.buy order by 1") == [("1",), ("x",)]
    # The days tell in which line it stands, and not which day has changed.
    assert model.ask("from log.type_changes order by event nulls first") == [
        (None, "age", "BIGINT", "VARCHAR", DAY, 1),
        ("buy", "amount", "BIGINT", "VARCHAR", DAY, 1),
    ]


def test_the_first_line_at_fault_is_named(model):
    model.update(visit("A", ("buy", '{"amount":1}')))
    bad = [visit("A", ("buy", f'{{"amount":{value}}}')) for value in ("2", '"a"', '"b"')]
    model.update(*bad, offset=1)
    fault = ("buy", "amount", "BIGINT", "VARCHAR", DAY + timedelta(1), 2)
    assert model.ask("from log.type_changes") == [fault]
    model.update(visit("A", ("buy", '{"amount":2}')), offset=2)
    assert model.ask("from log.type_changes") == []


def test_changes_of_a_day_that_is_followed_are_told_until_it_is_over(model):
    model.update(visit("A", ("buy", '{"amount":1}')))
    lines = [visit("A", ("buy", '{"amount":"a"}')), visit("A", ("buy", '{"amount":2}'))]
    fault = [("buy", "amount", "BIGINT", "VARCHAR", DAY + timedelta(1), 1)]
    for so_far in (1, 2):
        file = b"\n".join(lines[:so_far])
        put_day(model.directory, DAY + timedelta(1), file, is_open=True)
        model.update()
        assert model.ask("from log.type_changes") == fault
    model.update(*lines, offset=1)
    assert model.ask("from log.type_changes") == fault
    model.update(visit("A"), offset=2)
    assert model.ask("from log.type_changes") == []


def test_a_model_that_is_built_again_knows_the_types_of_before(model):
    model.update(visit("A", ("buy", '{"amount":1}')))
    model.put(1, visit("A", ("buy", '{"amount":"a"}')))
    assert update_model(model.directory, rebuild_share=0).method == "rebuild"
    assert model.ask("select earlier_type, type, log_day, log_line from log.type_changes") == [
        ("BIGINT", "VARCHAR", DAY + timedelta(1), 1)
    ]


def test_an_update_without_a_difference_does_nothing(model):
    model.update(visit("A", ("buy", '{"amount":1}')))
    assert model.update().method == "none"


def pin(model, text):
    model.directory.types.write_text(text)


def test_a_pinned_type_holds_whatever_comes(model):
    pin(model, "events:\n  buy:\n    amount: double\npeople:\n  age: BIGINT\n")
    values = ("1", '"2.5"', '"x"', "true", "null", "[1]")
    lines = [
        visit(f"P{n}", ("buy", f'{{"amount":{v}}}'), visitor=f'{{"age":{v}}}')
        for n, v in enumerate(values)
    ]
    model.update(*lines)
    assert model.ask("select amount from events.buy order by log_line") == [
        (1.0,), (2.5,), (None,), (None,), (None,), (None,)
    ]  # fmt: skip
    assert model.ask("select age from people order by pid") == [(1,), *[(None,)] * 5]
    told = "select type, is_pinned, value_count, misfit_count from property_types order by event"
    assert model.ask(told) == [("DOUBLE", True, 5, 3), ("BIGINT", True, 5, 4)]


@pytest.mark.parametrize("kind", ["BOOLEAN", "BIGINT", "DOUBLE", "TIMESTAMPTZ", "JSON", "VARCHAR"])
def test_pinned_types_take_what_is_written_so(model, kind):
    values = [value for _, values, _ in CASES.values() for value in values]
    pin(model, f"events: {{buy: {{amount: {kind}}}}}")
    model.update(*(visit("A", ("buy", f'{{"amount":{value}}}')) for value in values))
    expected = typed_tables(
        [
            {
                **{"pid": "A", "log_day": DAY, "log_line": number, "action_index": 0},
                **{"occurred_at": at(2026, 1, 1), "name": "buy"},
                "properties": f'{{"amount":{value}}}',
            }
            for number, value in enumerate(values, 1)
        ],
        [],
        {("buy", "amount"): kind},
    )
    with connect_published(model.directory) as connection:
        rows = read_table(connection, "events.buy")
    assert in_order({"": rows}) == in_order({"": expected["events.buy"]})
    (told,) = [row for row in expected["property_types"] if row["event"] == "buy"]
    misfits = model.ask("select misfit_count from property_types where event = 'buy'")
    assert misfits == [(told["misfit_count"],)]


def test_a_change_of_the_pinned_types_is_a_difference(model):
    model.update(visit("A", ("buy", '{"amount":1}')))
    pin(model, "events: {buy: {amount: VARCHAR}}")
    assert model.update().method == "types"
    assert model.ask("select amount from events.buy") == [("1",)]
    assert model.update().method == "none"
    model.directory.types.unlink()
    assert model.update(visit("A", ("buy", '{"amount":2}')), offset=1).method == "days"
    assert model.ask("select amount from events.buy order by 1") == [(1,), (2,)]
    assert model.ask("from log.type_changes") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("events: [", "is not YAML: correct it or move it away"),
        ("events: [a]", "events must have names, each with a value"),
        ("events: {buy: BIGINT}", "buy must have names, each with a value"),
        ("- a", "the file must have names"),
        ("event: {}", "has a section 'event': the sections are events and people"),
        (
            "people: {age: INT}",
            "pins 'age' of 'people' to 'INT', which is not a type: the types are",
        ),
        ("people: {age: [BIGINT]}", "pins 'age' of 'people' to"),
    ],
)
def test_a_bad_file_of_types_is_told_in_one_sentence(model, text, message):
    pin(model, text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        model.update(visit("A"))
    assert "\n" not in str(caught.value)
    assert str(model.directory.types) in str(caught.value)
    assert not model.directory.published_model.exists()


def test_an_empty_file_of_types_pins_nothing(tmp_path):
    (tmp_path / "types.yml").write_text("# nothing yet\nevents:\n")
    assert read_pinned_types(tmp_path / "types.yml") == {}


def test_names_in_the_file_of_types_need_no_quotes(tmp_path):
    (tmp_path / "types.yml").write_text("events: {7: {yes: BIGINT}}\npeople: {null: JSON}")
    pinned = {("7", "yes"): "BIGINT", (None, "null"): "JSON"}
    assert read_pinned_types(tmp_path / "types.yml") == pinned


def test_limits_leave_out_what_is_rarest_and_say_so(model):
    names = [f"order {number}" for number in range(12)]
    common = [("pv", '{"url":"a","title":"b"}'), ("pv", '{"url":"a"}')]
    model.update(
        visit("A", *common, *((name, '{"a":1}') for name in names)), most_names=3, most_keys=1
    )
    relations = "select view_name from duckdb_views() where schema_name = 'events' order by 1"
    assert model.ask(relations) == [("order 0",), ("order 1",), ("pv",)]
    assert model.ask("select key, column_name from property_types where event = 'pv'") == [
        ("url", "url"),
        ("title", None),
    ]
    assert len(model.ask("from property_types where relation_name is null and event <> 'pv'")) == 10
    assert any("10 action names have no relation in `events`" in said for said in model.notices)
    assert any("1 properties have no typed column" in said for said in model.notices)


def test_what_was_left_out_comes_in_when_it_is_common(model):
    model.update(visit("A", ("a", '{"x":1}'), ("a", '{"x":2}'), ("b", '{"y":1}')), most_names=1)
    model.update(visit("A", *[("b", '{"y":1,"z":2}')] * 3), offset=1, most_names=1)
    relations = "select view_name from duckdb_views() where schema_name = 'events'"
    assert model.ask(relations) == [("b",)]
    assert model.ask("select y, z from events.b order by all") == [(1, 2)] * 3 + [(1, None)]
    seen = "select key, first_seen_at, distinct_count from property_types where column_name = 'y'"
    assert model.ask(seen) == [("y", at(2026, 1, 1), 1)]


def test_names_may_be_left_out(model):
    lines = visit("A", ("order 1", '{"a":1}'), ("order 2", "{}"), ("pv?", "{}"), ("pv!", "{}"))
    model.update(lines, names_left_out=("order *", "pv?"))
    relations = "select view_name from duckdb_views() where schema_name = 'events'"
    assert model.ask(relations) == [("pv!",)]
    assert model.ask("from property_types") == []
    assert model.update().method == "types"
    assert len(model.ask(relations)) == 4


def test_identifiers_say_where_they_live_now(model):
    model.update(
        visit("A", visitor='{"email":"a@example.com","id":7,"phone":""}'),
        visit("B", visitor='{"email":"a@example.com","member":"m1","cookie":null}'),
    )
    known = "select key, value, pid from identifiers order by all"
    assert model.ask(known) == [
        ("email", "a@example.com", "A"),
        ("email", "a@example.com", "B"),
        ("id", "7", "A"),
    ]
    model.update(merge("A", "B"), offset=1, identifiers=("email", "member"))
    assert model.ask(known) == [("email", "a@example.com", "B"), ("member", "m1", "B")]


@pytest.mark.parametrize("count", [99, 100, 101, 900])
def test_different_values_are_counted_up_to_a_hundred(model, count):
    model.update(*(visit(f"P{number}", ("buy", f'{{"n":{number}}}')) for number in range(count)))
    told = "select distinct_count from property_types"
    assert model.ask(told) == [(min(count, 100),)]
    # All but some profiles go, so that it takes another look to know how many values are left.
    model.update(*(merge(f"P{number}", "X") for number in range(60, count)), offset=1)
    assert model.ask(told) == [(60,)]
    remove_day(model.directory, DAY + timedelta(1))
    model.update()
    assert model.ask(told) == [(min(count, 100),)]


def test_very_many_different_values_are_counted_by_a_part_of_them(model):
    model.update(visit("A", *(("buy", f'{{"n":{number}}}') for number in range(6_400))))
    told = "select value_count, distinct_count from property_types"
    kept = "select level > 0, count(*) between 100 and 400 from log.typed_values "
    kept += "join log.typed_properties using (relation, key) group by level"
    assert model.ask(told) == [(6_400, 100)]
    assert model.ask(kept) == [(True, True)]
    few = visit("B", *(("buy", f'{{"n":{number}}}') for number in range(60)))
    model.update(few, merge("A", "B"), offset=1)
    assert model.ask(told) == [(60, 60)]


def test_decimals_may_be_added_up(model):
    model.update(*(visit("A", ("buy", f'{{"amount":"{n}.5"}}')) for n in range(4)))
    assert model.ask("select sum(amount) from events.buy") == [(float(Decimal("8")),)]


def test_what_was_published_is_what_is_there(model):
    model.update(visit("A", ("buy", '{"amount":1}')))
    assert set(published_tables(model.directory)) >= {"people", "property_types", "events.buy"}


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("WOOPRA_TYPED_NAMES", "7", TypedSettings(most_names=7)),
        ("WOOPRA_TYPED_KEYS", "0", TypedSettings(most_keys=0)),
        (
            "WOOPRA_TYPED_LEAVE_OUT",
            "a b, order *,",
            TypedSettings(names_left_out=("a b", "order *")),
        ),
        ("WOOPRA_IDENTIFIER_KEYS", "email,member", TypedSettings(identifiers=("email", "member"))),
    ],
)
def test_settings_come_from_the_environment(monkeypatch, variable, value, expected):
    monkeypatch.setenv(variable, value)
    assert TypedSettings.from_environment() == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [("many", "is 'many', which is not a number: write one like 200"), ("-1", "is -1: write 0 or")],
)
def test_a_limit_is_a_number(monkeypatch, value, message):
    monkeypatch.setenv("WOOPRA_TYPED_NAMES", value)
    with pytest.raises(ConfigurationError, match=f"WOOPRA_TYPED_NAMES {message}"):
        TypedSettings.from_environment()
