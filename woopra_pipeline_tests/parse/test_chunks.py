"""Reading many lines at once says of each line what `parse_line` says of it alone."""

import gc
import sys
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from woopra_pipeline.parse import chunks, shapes
from woopra_pipeline.parse.chunks import ParsedChunk, parse_chunk
from woopra_pipeline.parse.lines import (
    BlankLine,
    DeleteLine,
    Line,
    RejectedLine,
    VisitLine,
    parse_line,
)
from woopra_pipeline.tables import PARSED_TABLES
from woopra_pipeline_tests.parse.odd_lines import lines, numbers

DAY = date(2026, 3, 5)
Rows = dict[str, list[dict[str, Any]]]


def rows_of(parsed: ParsedChunk) -> Rows:
    return {name: table.to_pylist() for name, table in parsed.tables.items()}


def expected_rows(all_lines: Iterable[bytes], first_line: int = 1) -> Rows:
    """The rows of all tables, one line after another."""
    rows: Rows = {table.name: [] for table in PARSED_TABLES}
    for number, line in enumerate(all_lines, first_line):
        place = {"log_day": DAY, "log_line": number}
        match parse_line(line):
            case VisitLine(line_type, pid, columns, properties, actions):
                rows["visits_log"].append({**place, "type": line_type, "pid": pid, **columns})
                for index, action in enumerate(actions):
                    rows["actions_log"].append(
                        {**place, "action_index": index, "pid": pid, **action}
                    )
                for key, value in properties.items():
                    rows["properties_log"].append({**place, "pid": pid, "key": key, "value": value})
            case DeleteLine(pid, new_id, extra):
                rows["deletes_log"].append({**place, "pid": pid, "new_id": new_id, "extra": extra})
            case RejectedLine(reason, raw):
                rows["rejected_lines_log"].append({**place, "reason": reason, "raw": raw})
            case BlankLine():
                pass
    return rows


ANY_LINES = (
    st.lists(lines(), max_size=8),
    st.sampled_from(["", "\n"]),
    st.sampled_from([1, 2, 100]),
    st.sampled_from([1, 300, 1 << 19]),
    st.sampled_from([1, chunks.WORTH_SHAPES]),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(*ANY_LINES)
def test_every_cell_is_what_parse_line_says(
    all_lines: list[bytes], end: str, sampled_lines: int, batch_bytes: int, worth_shapes: int
) -> None:
    check_every_cell(all_lines, end, sampled_lines, batch_bytes, worth_shapes)


@pytest.mark.long
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=1500)
@given(*ANY_LINES)
def test_every_cell_of_many_lines_is_what_parse_line_says(
    all_lines: list[bytes], end: str, sampled_lines: int, batch_bytes: int, worth_shapes: int
) -> None:
    check_every_cell(all_lines, end, sampled_lines, batch_bytes, worth_shapes)


def check_every_cell(
    all_lines: list[bytes], end: str, sampled_lines: int, batch_bytes: int, worth_shapes: int
) -> None:
    chunk = b"\n".join(all_lines) + end.encode()
    with (
        patch.object(shapes, "SAMPLED_LINES", sampled_lines),
        patch.object(chunks, "BATCH_BYTES", batch_bytes),
        patch.object(chunks, "WORTH_SHAPES", worth_shapes),
    ):
        parsed = parse_chunk(chunk, DAY, first_line=7)
    physical_lines = chunk.split(b"\n")
    if not physical_lines[-1]:
        physical_lines.pop()
    assert rows_of(parsed) == expected_rows(physical_lines, first_line=7)
    blank = [line for line in physical_lines if isinstance(parse_line(line), BlankLine)]
    assert (parsed.line_count, parsed.blank_count) == (len(physical_lines), len(blank))
    for table in PARSED_TABLES:
        assert parsed.tables[table.name].schema == table.arrow_schema


@given(st.lists(numbers(), min_size=1, max_size=20))
def test_a_double_is_taken_if_it_reads_back_as_what_was_written(literals: list[str]) -> None:
    all_lines = [b'{"type":"visit","pid":"a","lat":%b}' % text.encode() for text in literals]
    parsed = parse_chunk(b"\n".join(all_lines), DAY, first_line=1)
    assert rows_of(parsed) == expected_rows(all_lines)
    for literal, row in zip(literals, rows_of(parsed)["visits_log"], strict=True):
        if row["lat"] is None:
            assert row["extra"] == f'{{"lat":{literal}}}'
        elif any(character in literal for character in ".eE"):
            assert Decimal(repr(row["lat"])) == Decimal(literal)
        else:
            assert int(row["lat"]) == int(literal)


ODDITIES = {
    "not UTF-8 in a property": b'{"type":"visit","pid":"a","visitor":{"k":"\xff"}}',
    "not UTF-8 in a property of an action": (
        b'{"type":"visit","pid":"a","actions":[{"properties":{"k":"\xed\xa0\x80"}}]}'
    ),
    "not UTF-8 in an unknown field": b'{"type":"visit","pid":"a","new":"\xc3"}',
    "not UTF-8 in a delete": b'{"type":"delete","pid":"a","new":"\xc3"}',
    "not UTF-8 in a text": b'{"type":"visit","pid":"a","city":"\xc3"}',
    "lone surrogate in a property": rb'{"type":"visit","pid":"a","visitor":{"k":"\ud800"}}',
    "lone surrogate in a key": rb'{"type":"visit","pid":"a","\udc00":1}',
    "identify with actions": b'{"type":"identify","pid":"a","actions":[{"name":"x"}]}',
    "integer no double can hold": b'{"type":"visit","pid":"a","lat":9007199254740993}',
    "negative integer no double can hold": b'{"type":"visit","pid":"a","lat":-9007199254740993}',
    "double with more digits than it holds": (
        b'{"type":"visit","pid":"a","lat":3.14159265358979323846,"lng":12345678901234567.0}'
    ),
    "double too small to tell from zero": b'{"type":"visit","pid":"a","lat":1e-400,"lng":0e-400}',
    "double beyond its range": b'{"type":"visit","pid":"a","lng":1e400}',
    "negative zero as double": b'{"type":"visit","pid":"a","lat":-0,"lng":-0.0}',
    "integer beyond BIGINT": b'{"type":"visit","pid":"a","number":9223372036854775808}',
    "integer below BIGINT": b'{"type":"visit","pid":"a","number":-9223372036854775809}',
    "integer beyond BIGINT in an action": (
        b'{"type":"visit","pid":"a","actions":[{"duration":18446744073709551616}]}'
    ),
    "time beyond BIGINT": b'{"type":"visit","pid":"a","time":18446744073709551616}',
    "time after 9999": b'{"type":"visit","pid":"a","time":253402300800000}',
    "time before 1": b'{"type":"visit","pid":"a","actions":[{"time":-62135596800001}]}',
    "time at both ends": (
        b'{"type":"visit","pid":"a","time":253402300799999,"actions":[{"time":-62135596800000}]}'
    ),
    "time with a point": b'{"type":"visit","pid":"a","time":1.0}',
    "time true": b'{"type":"visit","pid":"a","time":true}',
    "pid empty": b'{"type":"visit","pid":""}',
    "pid of a delete empty": b'{"type":"delete","pid":""}',
    "new_id empty": b'{"type":"delete","pid":"a","new_id":""}',
    "new_id null": b'{"type":"delete","pid":"a","new_id":null}',
    "new_id of a visit": b'{"type":"visit","pid":"a","new_id":"b"}',
    "delete of the old kind": b'{"type":"system","method":"delete","pid":"a","new_id":"b"}',
    "delete of the old kind with an empty new_id": (
        b'{"type":"system","method":"delete","pid":"a","new_id":"","z":1}'
    ),
    "delete of the new kind with a method": b'{"type":"delete","method":"delete","pid":"a"}',
    "delete with everything wrong": b'{"type":"delete","pid":"a","time":"x","visitor":[ ]}',
    "type twice": b'{"type":"delete","type":"visit","pid":"a"}',
    "time twice, once wrong": b'{"type":"visit","pid":"a","time":"x","time":5}',
    "actions twice": b'{"type":"visit","pid":"a","actions":[{},{}],"actions":[{"name":"x"}]}',
    "property twice": b'{"type":"visit","pid":"a","visitor":{"k":1,"l":2,"k":{"m":1,"m":2}}}',
    "visitor null": b'{"type":"visit","pid":"a","visitor":null,"actions":[{"properties":null}]}',
    "visitor an array": b'{"type":"visit","pid":"a","visitor":[]}',
    "an action null": b'{"type":"visit","pid":"a","actions":[null]}',
    "actions null": b'{"type":"visit","pid":"a","actions":null}',
    "text a number": b'{"type":"visit","pid":"a","city":1.50}',
    "text an object": b'{"type":"visit","pid":"a","city":{ "a" : 1 }}',
    "boolean a number": b'{"type":"visit","pid":"a","actions":[{"landing":1}]}',
    "referrer a string": b'{"type":"visit","pid":"a","referrer":"r","referrerurl":"u"}',
    "referrer unknown key": b'{"type":"visit","pid":"a","referrer":{"z":[ 1 ],"b":null,"url":5}}',
    "flat field beside the object": (
        b'{"type":"visit","pid":"a","referrer":{"url":"u"},"referrerurl":"f","referrertype":"g"}'
    ),
    "flat fields of null": (
        b'{"type":"visit","pid":"a","referrer":{"url":"u"},"referrerurl":null,"referrertype":null}'
    ),
    "nulls in columns that hold other types elsewhere": (
        b'{"type":"visit","pid":"a","city":null,"duration":null,"lat":null}'
    ),
    "values of other types in those columns": (
        b'{"type":"visit","pid":"a","city":[ 1 ],"duration":"1","lat":"1"}'
    ),
    "unknown fields to sort": b'{"type":"visit","pid":"a","z":1,"B":2,"\xc3\xa9":3,"a":{ }}',
    "100 odd actions": (
        b'{"type":"visit","pid":"a","city":1,"actions":['
        + b",".join(b'{"name":"%d"}' % number for number in range(100))
        + b"]}"
    ),
    "white space within": b' {"type" : "visit" ,"pid":"a","visitor" : {"k" : [ {"l" : 1} ] } }\r',
    "a carriage return and a property in brackets": (
        b'{"type":"visit","pid":"a","visitor":{"k":"[{ ]"}}\r'
    ),
    "form feed": b'{"type":"visit",\x0c"pid":"a"}',
    "trailing comma": b'{"type":"visit","pid":"a",}',
    "byte order mark": b'\xef\xbb\xbf{"type":"visit","pid":"a"}',
    "blank": b" \t\r",
    "NUL": b"\x00",
}
ORDINARY = [
    b'{"type":"visit","pid":"a","city":"x","duration":5,"lat":1.5,"visitor":{"k":"v"},"actions":[]}',
    b'{"type":"visit","pid":"b","actions":[{"name":"x","properties":{"p":1}},{}],"time":5}',
    b'{"type":"identify","pid":"c","referrer":{"url":"u"},"time":0}',
    b'{"type":"delete","pid":"d","new_id":"c"}',
]


@pytest.mark.parametrize("sampled_lines", [1, 100])
@pytest.mark.parametrize("line", ODDITIES.values(), ids=ODDITIES.keys())
def test_an_odd_line_among_ordinary_ones(
    line: bytes, sampled_lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "SAMPLED_LINES", sampled_lines)
    all_lines = [*ORDINARY, line, *ORDINARY, line, *ORDINARY]
    parsed = parse_chunk(b"\n".join(all_lines), DAY, first_line=1)
    assert rows_of(parsed) == expected_rows(all_lines)


def test_all_oddities_together() -> None:
    all_lines = [*ODDITIES.values(), *ORDINARY] * 2
    parsed = parse_chunk(b"\n".join(all_lines), DAY, first_line=1)
    assert rows_of(parsed) == expected_rows(all_lines)


SYSTEMATIC = {
    "an unknown field": (b'{"type":"visit","pid":"a","new":[1, {"a" : 2}],"A b":null}', 0),
    "an unknown field of the referrer": (
        b'{"type":"visit","pid":"a","referrer":{"domain":"x","url":"u"}}',
        0,
    ),
    "an unknown field of the actions": (b'{"type":"visit","pid":"a","actions":[{"new":{}}]}', 0),
    "an unknown field of deletes": (b'{"type":"delete","pid":"a","new_id":"b","time":1}', 0),
    "an unknown field of an odd name": (rb'{"type":"visit","pid":"a","a\"b":1}', 1000),
    "numbers in a text column": (b'{"type":"visit","pid":"a","post":1.50,"os":[ 1 ]}', 0),
    "values a column cannot hold": (b'{"type":"visit","pid":"a","duration":1.0,"lat":"1"}', 0),
    "flat referrer fields": (
        b'{"type":"visit","pid":"a","referrer":{"url":"u"},"referrerurl":"f","referrertype":5}',
        0,
    ),
    "white space everywhere": (
        b' { "type" : "visit" , "pid" : "a" , "visitor" : { "a" : [ 1 ] } , "actions" : [ ] } \r',
        0,
    ),
    "characters beyond ASCII": (
        '{"type":"visit","pid":"é","visitor":{"ü":"\U0001f600"}}'.encode(),
        0,
    ),
    "keys twice": (b'{"type":"visit","pid":"a","visitor":{"a":1,"a":2},"city":"x","city":"y"}', 0),
    "old deletes": (b'{"type":"system","method":"delete","pid":"a","new_id":"b","time":1}', 0),
    "old lines of another kind": (b'{"type":"system","method":"reset","pid":"a"}', 1000),
    "times out of range": (b'{"type":"visit","pid":"a","time":253402300800000}', 1000),
    "lone surrogates": (rb'{"type":"visit","pid":"a","visitor":{"a":"\ud800"}}', 1000),
}


@pytest.fixture
def parsed_alone(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The lines that were read one by one, as they come."""
    lines: list[bytes] = []

    def counting_parse_line(line: bytes) -> Line:
        lines.append(line)
        return parse_line(line)

    monkeypatch.setattr(chunks, "parse_line", counting_parse_line)
    return lines


@pytest.mark.parametrize(("line", "one_by_one"), SYSTEMATIC.values(), ids=SYSTEMATIC.keys())
def test_what_is_common_in_a_file_is_read_fast(
    line: bytes, one_by_one: int, parsed_alone: list[bytes]
) -> None:
    parsed = parse_chunk(b"\n".join([line] * 1000), DAY, first_line=1)
    assert len(parsed_alone) == one_by_one
    assert rows_of(parsed) == expected_rows([line] * 1000)


@pytest.mark.parametrize(("line", "one_by_one"), SYSTEMATIC.values(), ids=SYSTEMATIC.keys())
def test_what_is_rare_in_a_file_costs_its_lines_and_no_others(
    line: bytes, one_by_one: int, parsed_alone: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "BATCH_BYTES", 10_000)
    all_lines = ([*ORDINARY * 5, line, *ORDINARY * 6]) * 10
    parsed = parse_chunk(b"\n".join(all_lines), DAY, first_line=1)
    assert len(parsed_alone) == one_by_one / 100
    assert rows_of(parsed) == expected_rows(all_lines)


@pytest.mark.parametrize("frames", [0, 500])
def test_nesting_does_not_depend_on_the_call_stack(frames: int) -> None:
    limit = sys.getrecursionlimit() - frames
    all_lines = []
    for depth in [*range(limit - 120, limit), 20_000]:
        deep = b'{"a":' * depth + b"[ 1]" + b"}" * depth
        all_lines += [
            b'{"type":"visit","pid":"a","visitor":%b}' % deep,
            b'{"type":"visit","pid":"a","actions":[{"properties":%b}]}' % deep,
            b'{"type":"delete","pid":"a","new":%b}' % deep,
        ]

    def parse_below(frames: int) -> ParsedChunk:
        return parse_below(frames - 1) if frames else parse_chunk(b"\n".join(all_lines), DAY, 1)

    assert rows_of(parse_below(frames)) == expected_rows(all_lines)


def test_garbage_collection_is_as_it_was_before() -> None:
    assert gc.isenabled()
    parse_chunk(b"", DAY, 1)
    assert gc.isenabled()
    gc.disable()
    try:
        parse_chunk(b"", DAY, 1)
        assert not gc.isenabled()
    finally:
        gc.enable()
