"""What one line means, clause by clause of R8."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from woopra_pipeline.parse.lines import (
    BlankLine,
    DeleteLine,
    RejectedLine,
    VisitLine,
    parse_line,
    split_lines,
)
from woopra_pipeline.tables import ACTION_FIELDS, VISIT_FIELDS


def visit(members: str = "", line_type: str = "visit") -> VisitLine:
    """The visit or identify line with these members besides its type and pid."""
    line = parse_line(f'{{"type":"{line_type}","pid":"P"{members and ","}{members}}}'.encode())
    assert isinstance(line, VisitLine)
    return line


def action(members: str) -> dict[str, object]:
    """The only action, with these members, of a visit line."""
    [only] = visit(f'"actions":[{{{members}}}]').actions
    return only


def cases(table: dict[str, tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*values, id=name) for name, values in table.items()]


@pytest.mark.parametrize(
    ("file", "lines"),
    cases(
        {
            "no bytes, no line": (b"", []),
            "a last line without newline counts": (b"a\nb", [b"a", b"b"]),
            "nothing after the last newline is no line": (b"a\nb\n", [b"a", b"b"]),
            "empty lines count": (b"\n\na\n", [b"", b"", b"a"]),
            "carriage returns, line separators and the like do not end a line": (
                b"a\rb\x0bc\x0c\x1c\x85\xe2\x80\xa8d\r\ne",
                [b"a\rb\x0bc\x0c\x1c\x85\xe2\x80\xa8d\r", b"e"],
            ),
            "a byte order mark is skipped": (b"\xef\xbb\xbfa\nb", [b"a", b"b"]),
            "only one byte order mark is skipped": (b"\xef\xbb\xbf" * 2, [b"\xef\xbb\xbf"]),
            "a byte order mark alone is no line": (b"\xef\xbb\xbf", []),
            "a byte order mark later in the file stays": (
                b"a\n\xef\xbb\xbfb",
                [b"a", b"\xef\xbb\xbfb"],
            ),
        }
    ),
)
def test_a_file_is_cut_at_newlines_only(file: bytes, lines: list[bytes]) -> None:
    assert split_lines(file) == lines


@pytest.mark.parametrize("line", [b"", b" ", b"\t", b"\r", b" \t\r \r"])
def test_a_line_of_white_space_is_blank(line: bytes) -> None:
    assert parse_line(line) == BlankLine()


NOT_JSON = "not strict JSON"
NO_OBJECT = "not a JSON object"
NO_TYPE = "type is missing or not one of visit, identify and delete"
NO_PID = "pid is missing, empty or not a string"
NO_TIME = "time is not an integer"
NO_ACTION_TIME = "time of an action is not an integer"
NO_ARRAY = "actions is not an array"
NO_ACTION = "an action is not an object"
NO_VISITOR = "visitor is not an object"
NO_PROPERTIES = "properties of an action is not an object"


def _rejected(prefix: str, reason: str, members: dict[str, str]) -> dict[str, tuple[str, str]]:
    return {name: (prefix % member, reason) for name, member in members.items()}


@pytest.mark.parametrize(
    ("line", "reason"),
    cases(
        {
            "text": ("visit", NOT_JSON),
            "cut short": ('{"type":"visit","pid":"P"', NOT_JSON),
            "trailing comma": ('{"type":"visit","pid":"P",}', NOT_JSON),
            "NaN": ('{"type":"visit","pid":"P","lat":NaN}', NOT_JSON),
            "raw control character": ('{"type":"visit","pid":"P\x01"}', NOT_JSON),
            "raw control character deep in the visitor": (
                '{"type":"visit","pid":"P","visitor":{"a":["\t"]}}',
                NOT_JSON,
            ),
            "form feed alone": ("\x0c", NOT_JSON),
            "vertical tab alone": ("\x0b", NOT_JSON),
            "NUL alone": ("\x00", NOT_JSON),
            "no-break space alone": ("\u00a0", NOT_JSON),
            "a byte order mark before the object": ('\ufeff{"type":"visit","pid":"P"}', NOT_JSON),
            "two objects": ('{"type":"visit","pid":"P"} {}', NOT_JSON),
            "an array": ('[{"type":"visit","pid":"P"}]', NO_OBJECT),
            "a string": ('"visit"', NO_OBJECT),
            "null": ("null", NO_OBJECT),
            "type missing": ('{"pid":"P"}', NO_TYPE),
            "type null": ('{"type":null,"pid":"P"}', NO_TYPE),
            "type no string": ('{"type":["visit"],"pid":"P"}', NO_TYPE),
            "type unknown": ('{"type":"export","pid":"P"}', NO_TYPE),
            "type in capitals": ('{"type":"Visit","pid":"P"}', NO_TYPE),
            "type with a space": ('{"type":"visit ","pid":"P"}', NO_TYPE),
            "key of another case": ('{"Type":"visit","pid":"P"}', NO_TYPE),
            "system without a method": ('{"type":"system","pid":"P"}', NO_TYPE),
            "system with another method": ('{"type":"system","method":"x","pid":"P"}', NO_TYPE),
            "last type unknown": ('{"type":"visit","pid":"P","type":"x"}', NO_TYPE),
            "last method another": (
                '{"type":"system","method":"delete","method":"x","pid":"P"}',
                NO_TYPE,
            ),
            "pid missing": ('{"type":"visit"}', NO_PID),
            "pid null": ('{"type":"visit","pid":null}', NO_PID),
            "pid empty": ('{"type":"visit","pid":""}', NO_PID),
            "pid a number": ('{"type":"visit","pid":17}', NO_PID),
            "pid of a delete missing": ('{"type":"delete","new_id":"N"}', NO_PID),
            "pid of a delete empty": ('{"type":"delete","pid":"","new_id":"N"}', NO_PID),
            "last pid empty": ('{"type":"visit","pid":"P","pid":""}', NO_PID),
            **_rejected(
                '{"type":"visit","pid":"P","time":%s}',
                NO_TIME,
                {
                    "time with a point": "1.0",
                    "time with an exponent": "1e3",
                    "time true": "true",
                    "time a string": '"17"',
                    "time an object": "{}",
                    "last time a string": '1,"time":"17"',
                },
            ),
            "time of an identify a string": (
                '{"type":"identify","pid":"P","time":"0"}',
                NO_TIME,
            ),
            **_rejected(
                '{"type":"visit","pid":"P","actions":[{"time":1},{"time":%s}]}',
                NO_ACTION_TIME,
                {"time of an action with a point": "1.0", "time of an action a string": '"17"'},
            ),
            **_rejected(
                '{"type":"visit","pid":"P","actions":%s}',
                NO_ARRAY,
                {
                    "actions an object": "{}",
                    "actions a string": '""',
                    "actions false": "false",
                    "actions zero": "0",
                },
            ),
            **_rejected(
                '{"type":"visit","pid":"P","actions":[{},%s]}',
                NO_ACTION,
                {"an action null": "null", "an action an array": "[]", "an action a string": '"a"'},
            ),
            "an action of an identify null": (
                '{"type":"identify","pid":"P","actions":[null]}',
                NO_ACTION,
            ),
            **_rejected(
                '{"type":"visit","pid":"P","visitor":%s}',
                NO_VISITOR,
                {
                    "visitor an array": "[]",
                    "visitor a string": '"me"',
                    "visitor empty text": '""',
                    "visitor false": "false",
                },
            ),
            **_rejected(
                '{"type":"visit","pid":"P","actions":[{"properties":%s}]}',
                NO_PROPERTIES,
                {"properties an array": "[]", "properties a string": '""', "properties 0": "0"},
            ),
        }
    ),
)
def test_a_line_that_cannot_be_read_is_rejected_with_its_reason(line: str, reason: str) -> None:
    assert parse_line(line.encode()) == RejectedLine(reason, line)


@pytest.mark.parametrize(
    ("line", "raw"),
    cases(
        {
            "bytes that are not UTF-8": (b"a\xffb\xed\xa0\x80c", "a\ufffdb\ufffd\ufffd\ufffdc"),
            "a character cut short": (b"a\xf0\x9f\x98", "a\ufffd"),
            "a carriage return at the end": (b"a\r", "a\r"),
            "a lone surrogate escape": (rb'{"a":"\ud800"}', r'{"a":"\ud800"}'),
            "NUL": (b"a\x00b", "a\x00b"),
        }
    ),
)
def test_a_rejected_line_keeps_its_text(line: bytes, raw: str) -> None:
    rejected = parse_line(line)
    assert isinstance(rejected, RejectedLine)
    assert rejected.raw == raw


@pytest.mark.parametrize("line_type", ["visit", "identify"])
def test_type_and_pid_are_enough(line_type: str) -> None:
    line = visit(line_type=line_type)
    assert line.type == line_type
    assert line.columns == {
        **dict.fromkeys((column.name for column in VISIT_FIELDS), None),
        "visitor": None,
        "action_count": 0,
        "extra": None,
    }
    assert (line.properties, line.actions) == ({}, ())


def test_null_counts_as_absent_in_every_field_that_has_a_column() -> None:
    keys = [column.key.partition(".")[0] for column in VISIT_FIELDS if column.key]
    keys += ["visitor", "actions", "referrertype", "referrerquery", "referrerurl"]
    assert visit(",".join(f'"{key}":null' for key in keys)) == visit()


def test_null_counts_as_absent_in_every_field_of_an_action() -> None:
    members = ",".join(f'"{column.key}":null' for column in ACTION_FIELDS)
    assert action(members) == action("")
    assert set(action("").values()) == {None}


def test_white_space_around_and_within_a_line_means_nothing() -> None:
    line = b' \t{ "type" : "visit" ,\t"pid" : "P" , "time" : 0 , "visitor" : { "a" : [ 1 ] } } \r'
    assert parse_line(line) == visit('"time":0,"visitor":{"a":[1]}')


TIMES = cases(
    {
        "zero": ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        "negative zero": ("-0", datetime(1970, 1, 1, tzinfo=UTC)),
        "milliseconds": ("1447663108163", datetime(2015, 11, 16, 8, 38, 28, 163000, UTC)),
        "before 1970": ("-1", datetime(1969, 12, 31, 23, 59, 59, 999000, UTC)),
        "the first of the year 1": ("-62135596800000", datetime(1, 1, 1, tzinfo=UTC)),
        "the last of the year 9999": (
            "253402300799999",
            datetime(9999, 12, 31, 23, 59, 59, 999000, UTC),
        ),
    }
)
TIMES_OUT_OF_RANGE = [
    "-62135596800001",
    "253402300800000",
    "9223372036854775808",
    "-" + "9" * 5000,
]


@pytest.mark.parametrize(("text", "instant"), TIMES)
def test_times_are_unix_milliseconds(text: str, instant: datetime) -> None:
    assert visit(f'"time":{text}').columns["started_at"] == instant
    assert action(f'"time":{text}')["occurred_at"] == instant


@pytest.mark.parametrize("text", TIMES_OUT_OF_RANGE, ids=lambda text: text[:20])
def test_a_time_outside_the_years_1_to_9999_stands_in_extra(text: str) -> None:
    for columns in (visit(f'"time":{text}').columns, action(f'"time":{text}')):
        assert columns.get("started_at", columns.get("occurred_at")) is None
        assert columns["extra"] == f'{{"time":{text}}}'


@pytest.mark.parametrize(
    ("key", "name", "text", "value"),
    cases(
        {
            "text": ("city", "city", '"Zürich"', "Zürich"),
            "text with escapes": (
                "city",
                "city",
                r'"a\u0000\n\"\ud83d\ude00"',
                'a\x00\n"\U0001f600',
            ),
            "empty text": ("city", "city", '""', ""),
            "text null in quotes": ("city", "city", '"null"', "null"),
            "number as text": ("post", "post", "1.50", "1.50"),
            "long number as text": ("post", "post", "1" * 5000, "1" * 5000),
            "boolean as text": ("method", "method", "true", "true"),
            "object as text": ("org", "org", '{ "a" : [ 1 , "x y" ] }', '{"a":[1,"x y"]}'),
            "a key that is not the column's name": ("offset", "utc_offset", '"+10:00"', "+10:00"),
            "lone surrogate in text": ("city", "city", r'"a\ud800b"', "a\ufffdb"),
            "escaped backslash before ud800": ("city", "city", r'"\\ud800"', r"\ud800"),
            "integer": ("duration", "duration", "133", 133),
            "negative zero": ("duration", "duration", "-0", 0),
            "largest BIGINT": ("number", "number", "9223372036854775807", 2**63 - 1),
            "smallest BIGINT": ("number", "number", "-9223372036854775808", -(2**63)),
            "double": ("lat", "lat", "-33.8615", -33.8615),
            "double with exponent": ("lat", "lat", "1E+2", 100.0),
            "integer as double": ("lng", "lng", "151", 151.0),
            "integer that a double holds exactly": ("lng", "lng", "9007199254740994", 2.0**53 + 2),
            "large power of ten that a double holds": ("lng", "lng", "1" + "0" * 22, 1e22),
            "double with zeros at the end": ("lat", "lat", "1.50", 1.5),
            "double with zeros without number": ("lat", "lat", "1.5" + "0" * 5000, 1.5),
            "double of seventeen digits": ("lat", "lat", "0.30000000000000004", 0.1 + 0.2),
            "double written with an exponent": ("lat", "lat", "15.0e-1", 1.5),
            "double with an endless exponent": ("lat", "lat", "1.5e" + "0" * 5000 + "1", 15.0),
            "zero": ("lat", "lat", "0.000", 0.0),
            "zero with a huge exponent": ("lat", "lat", "0.0e99999999999999999999", 0.0),
            "smallest double": ("lat", "lat", "5e-324", 5e-324),
            "largest double": ("lat", "lat", "1.7976931348623157e308", sys.float_info.max),
        }
    ),
)
def test_a_column_takes_what_it_can_hold(key: str, name: str, text: str, value: object) -> None:
    columns = visit(f'"{key}":{text}').columns
    assert (columns[name], type(columns[name]), columns["extra"]) == (value, type(value), None)


@pytest.mark.parametrize(
    ("key", "text"),
    cases(
        {
            "BIGINT with a point": ("duration", "1.0"),
            "BIGINT with an exponent": ("duration", "1e3"),
            "BIGINT a string": ("duration", '"133"'),
            "BIGINT true": ("duration", "true"),
            "BIGINT one too large": ("number", "9223372036854775808"),
            "BIGINT one too small": ("number", "-9223372036854775809"),
            "BIGINT of 5,000 digits": ("number", "1" * 5000),
            "BIGINT an object": ("number", '{"a":1}'),
            "DOUBLE an integer it cannot hold": ("lat", "9007199254740993"),
            "DOUBLE a huge integer it cannot hold": ("lat", "1" * 30),
            "DOUBLE with more digits than it holds": ("lat", "3.14159265358979323846"),
            "DOUBLE the exact value of another decimal's": ("lat", "0.1000000000000000055"),
            "DOUBLE a decimal without fraction": ("lat", "12345678901234567.0"),
            "DOUBLE too small to tell from 0": ("lat", "1e-400"),
            "DOUBLE with digits too small to tell": ("lat", "1.0" + "0" * 5000 + "1"),
            "DOUBLE near the smallest": ("lat", "4.9e-324"),
            "DOUBLE beyond its range": ("lat", "1e400"),
            "DOUBLE an integer beyond its range": ("lat", "1" * 5000),
            "DOUBLE a string": ("lat", '"1.5"'),
            "DOUBLE a string that looks like infinity": ("lat", '"inf"'),
            "DOUBLE false": ("lat", "false"),
            "DOUBLE an array": ("lat", "[1]"),
        }
    ),
)
def test_what_a_column_cannot_hold_stands_in_extra(key: str, text: str) -> None:
    columns = visit(f'"{key}":{text}').columns
    assert (columns[key], columns["extra"]) == (None, f'{{"{key}":{text}}}')


def test_action_columns_take_what_they_can_hold() -> None:
    columns = action(
        '"name":"pv","duration":311,"date":"11:50:04 PM","domain":5,"landing":true,"exit":false'
    )
    assert columns == {
        "occurred_at": None,
        "name": "pv",
        "duration": 311,
        "date": "11:50:04 PM",
        "domain": "5",
        "landing": True,
        "exit": False,
        "properties": None,
        "extra": None,
    }


def test_what_action_columns_cannot_hold_stands_in_the_extra_of_the_action() -> None:
    columns = action('"landing":1,"exit":"true","duration":"x","new":null,"name":"pv"')
    assert (columns["landing"], columns["exit"], columns["duration"]) == (None, None, None)
    assert columns["extra"] == '{"duration":"x","exit":"true","landing":1,"new":null}'


def test_unknown_fields_stand_in_extra_sorted_and_exactly_as_they_are() -> None:
    members = r'"z":1.50,"B":{ "a" : [ 1, 1e400 ], "a":2},"é":null,"a\u0000":"\u00e9\ud800","q":-0'
    extra = visit(members).columns["extra"]
    assert (
        extra == '{"B":{"a":[1,1e400],"a":2},"a\\u0000":"\\u00e9\ufffd","q":-0,"z":1.50,"é":null}'
    )


def test_an_unknown_key_with_a_dot_is_no_field_of_the_referrer() -> None:
    columns = visit('"referrer.url":"x"').columns
    assert (columns["referrer_url"], columns["extra"]) == (None, '{"referrer.url":"x"}')


REFERRER = ("referrer_type", "referrer_query", "referrer_url", "extra")


@pytest.mark.parametrize(
    ("members", "values"),
    cases(
        {
            "object": (
                '"referrer":{"query":"q","type":"search","url":"u"}',
                ("search", "q", "u", None),
            ),
            "empty object": ('"referrer":{}', (None, None, None, None)),
            "nulls in the object": (
                '"referrer":{"type":null,"query":"","url":5}',
                (None, "", "5", None),
            ),
            "unknown keys of the object": (
                '"referrer":{"z":1,"url":"u","a":null}',
                (None, None, "u", '{"referrer":{"a":null,"z":1}}'),
            ),
            "a key of the object twice": (
                '"referrer":{"url":"u","z":1,"url":"v","z":2}',
                (None, None, "v", '{"referrer":{"z":2}}'),
            ),
            "the object twice": (
                '"referrer":{"url":"u","z":1},"referrer":{"type":"t"}',
                ("t", None, None, None),
            ),
            "a string": ('"referrer":"http://x"', (None, None, None, '{"referrer":"http://x"}')),
            "an array": ('"referrer":[ 1 ]', (None, None, None, '{"referrer":[1]}')),
            "flat fields": (
                '"referrertype":"t","referrerquery":"q","referrerurl":"u"',
                ("t", "q", "u", None),
            ),
            "an empty flat field": ('"referrertype":""', ("", None, None, None)),
            "a flat field of a number": ('"referrertype":1.50', ("1.50", None, None, None)),
            "flat fields where the object has none": (
                '"referrerurl":"flat","referrertype":"flat","referrer":{"url":null}',
                ("flat", None, "flat", None),
            ),
            "flat fields beside those of the object": (
                '"referrerurl":"flat","referrer":{"url":""},"referrertype":null',
                (None, None, "", '{"referrerurl":"flat"}'),
            ),
            "a flat field of null beside that of the object": (
                '"referrerurl":null,"referrer":{"url":"u"}',
                (None, None, "u", None),
            ),
            "flat fields beside a string": (
                '"referrer":"r","referrerurl":"u"',
                (None, None, "u", '{"referrer":"r"}'),
            ),
        }
    ),
)
def test_referrer(members: str, values: tuple[str | None, ...]) -> None:
    columns = visit(members).columns
    assert tuple(columns[name] for name in REFERRER) == values


def test_the_last_of_a_key_counts_everywhere() -> None:
    line = visit(
        '"city":"a","visitor":{"old":1},"city":"b","new":1,'
        '"visitor":{"k":1,"l":{"m":1,"m":2},"k":"2"},"new":2,'
        '"actions":[{"name":"old"},{}],'
        '"actions":[{"name":"a","name":"b","properties":{"old":1},"new":1,'
        '"properties":{"p":1,"q":1,"p":2},"new":2}]'
    )
    assert (line.columns["city"], line.columns["extra"]) == ("b", '{"new":2}')
    assert line.columns["visitor"] == '{"k":"2","l":{"m":1,"m":2}}'
    assert line.properties == {"k": '"2"', "l": '{"m":1,"m":2}'}
    assert line.columns["action_count"] == 1
    [only] = line.actions
    assert (only["name"], only["properties"], only["extra"]) == ("b", '{"p":2,"q":1}', '{"new":2}')


def test_a_key_is_the_same_however_it_is_escaped() -> None:
    line = parse_line(rb'{"\u0074ype":"visit","pid":"P","p\u0069d":"Q","c\u0069ty":"b"}')
    assert isinstance(line, VisitLine)
    assert (line.type, line.pid, line.columns["city"]) == ("visit", "Q", "b")


def test_lone_surrogates_of_keys_read_as_the_same_replacement_character() -> None:
    line = visit(r'"visitor":{"\ud800":1,"\udc00":2},"\udfff":"\\ud800\ud83d\ude00"')
    assert line.properties == {"\ufffd": "2"}
    assert line.columns["visitor"] == '{"\ufffd":2}'
    assert line.columns["extra"] == '{"\ufffd":"\\\\ud800\\ud83d\\ude00"}'


def test_bytes_that_are_not_utf8_read_as_the_replacement_character() -> None:
    line = parse_line(b'{"type":"visit","pid":"P\xff","visitor":{"\xc3":"\xed\xa0\x80"}}')
    assert isinstance(line, VisitLine)
    assert line.pid == "P\ufffd"
    assert line.properties == {"\ufffd": '"\ufffd\ufffd\ufffd"'}


def test_json_columns_keep_every_value_exactly() -> None:
    values = {
        "integer": "9" * 5000,
        "decimals": "1.50",
        "huge": "-1e400",
        "nested": '{"a":[1.0,{"b":null,"b":true}]}',
        "escapes": r'"\u00e9\/\u0000\ud83d\ude00"',
        "null": "null",
        "with spaces": '" a : [ 1 ] "',
    }
    text = "{" + ",".join(f'"{key}":{value}' for key, value in values.items()) + "}"
    line = visit(f'"visitor":{text},"actions":[{{"properties":{text}}}]')
    assert line.properties == values
    assert line.columns["visitor"] == text
    assert line.actions[0]["properties"] == text


def test_an_empty_visitor_is_not_a_missing_one() -> None:
    assert visit('"visitor":{}').columns["visitor"] == "{}"
    assert action('"properties":{}')["properties"] == "{}"


def test_an_identify_line_has_no_actions() -> None:
    line = visit('"time":0,"actions":[ {"name" : "pv"} ],"visitor":{"a":1}', "identify")
    assert line.actions == ()
    assert line.columns["action_count"] == 0
    assert line.columns["extra"] == '{"actions":[{"name":"pv"}]}'
    assert visit('"actions":[]', "identify").columns["extra"] is None


@pytest.mark.parametrize(
    ("members", "expected"),
    cases(
        {
            "merged": ('"type":"delete","new_id":"N"', ("N", None)),
            "gone": ('"type":"delete"', (None, None)),
            "new_id null": ('"type":"delete","new_id":null', (None, None)),
            "new_id empty": ('"type":"delete","new_id":""', (None, '{"new_id":""}')),
            "new_id a number": ('"type":"delete","new_id":17', (None, '{"new_id":17}')),
            "new_id twice": ('"type":"delete","new_id":"M","new_id":"N"', ("N", None)),
            "new_id of NUL": (r'"type":"delete","new_id":"\u0000"', ("\x00", None)),
            "the old way": ('"type":"system","method":"delete","new_id":"N"', ("N", None)),
            "a method besides": ('"type":"delete","method":"x"', (None, '{"method":"x"}')),
            "anything besides": (
                '"type":"delete","time":"soon","actions":1.50,"visitor":[ ],"z":null',
                (None, '{"actions":1.50,"time":"soon","visitor":[],"z":null}'),
            ),
            "type twice": ('"type":"visit","new_id":"N","type":"delete"', ("N", None)),
        }
    ),
)
def test_a_delete_is_judged_by_type_and_pid_alone(
    members: str, expected: tuple[str | None, str | None]
) -> None:
    assert parse_line(f'{{{members},"pid":"P"}}'.encode()) == DeleteLine("P", *expected)


def test_new_id_is_no_field_of_a_visit() -> None:
    assert visit('"new_id":"N"').columns["extra"] == '{"new_id":"N"}'


def test_nesting_of_any_depth_is_read() -> None:
    deep = '{"a":' * 20_000 + "[]" + "}" * 20_000
    assert visit(f'"visitor":{deep}').columns["visitor"] == deep
    delete = parse_line(f'{{"type":"delete","pid":"P","why":{deep}}}'.encode())
    assert delete == DeleteLine("P", None, f'{{"why":{deep}}}')


def test_a_line_as_the_service_writes_it() -> None:
    referrer = {"query": "-encrypted-", "type": "search", "url": "https://www.google.com.au/"}
    visitor = {"first_referrer_type": "search", "fingerprint": "3076239903"}
    properties = {"dn": "311", "title": "\n\nAbout", "url": "/about/"}
    page_view = {"duration": 311, "exit": True, "name": "pv", "time": 1447678204589}
    logged = {
        **{"continent": "OC", "country": "AU", "city": "Sydney", "pid": "aaaaBBBB1111"},
        **{"type": "visit", "second": 28, "duration": 133, "lat": -33.8615, "offset": "+10:00"},
        **{"method": "", "time": 1447663108163, "referrer": referrer, "visitor": visitor},
        "actions": [{**page_view, "properties": properties}],
    }
    line = parse_line(json.dumps(logged).encode())
    assert isinstance(line, VisitLine)
    assert (line.type, line.pid) == ("visit", "aaaaBBBB1111")
    assert {name: value for name, value in line.columns.items() if value is not None} == {
        "started_at": datetime(2015, 11, 16, 8, 38, 28, 163000, UTC),
        **{"continent": "OC", "country": "AU", "city": "Sydney", "second": 28, "duration": 133},
        **{"lat": -33.8615, "utc_offset": "+10:00", "method": "", "referrer_type": "search"},
        "referrer_query": "-encrypted-",
        "referrer_url": "https://www.google.com.au/",
        "visitor": '{"first_referrer_type":"search","fingerprint":"3076239903"}',
        "action_count": 1,
    }
    assert line.properties == {"first_referrer_type": '"search"', "fingerprint": '"3076239903"'}
    [only] = line.actions
    assert only["occurred_at"] == datetime(2015, 11, 16, 12, 50, 4, 589000, UTC)
    assert json.loads(str(only["properties"])) == properties
