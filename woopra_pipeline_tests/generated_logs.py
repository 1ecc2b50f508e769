"""Hypothesis strategies for logs: few pids and few days, so that everything meets everything."""

import json
from datetime import date, timedelta

from hypothesis import strategies as st

FIRST_DAY = date(2026, 3, 6)
DAYS = [FIRST_DAY + timedelta(days=offset) for offset in range(5)]

PIDS = ["A", "B", "C", "a", "Ω\x00"]

times = st.sampled_from(
    [
        "null",
        "0",
        "-5",
        "1",
        "1767225600000",
        "1767225600001",
        "1772841600000",
        "-62135596800000",
        "253402300800000",
        "1" + "0" * 30,
    ]
)
values = st.sampled_from(
    [
        "null",
        '"x"',
        '"y"',
        '""',
        "1",
        "1.50",
        "1e400",
        "9" * 25,
        "true",
        '{"b": 1, "a": [null]}',
        '"\\ud83d\\ude00\\u0000"',
        '"\\ud800"',
    ]
)
keys = st.sampled_from(["email", "name", "plan", "Plan", "", "a b.c", '\\"q', "é", "\\u0065mail"])
names = st.sampled_from(['"pv"', '"buy"', "null", "7", '""'])


def objects(members: st.SearchStrategy[list[tuple[str, str]]]) -> st.SearchStrategy[str]:
    """JSON objects whose keys may stand twice."""
    return members.map(lambda pairs: "{" + ", ".join(f'"{k}": {v}' for k, v in pairs) + "}")


visitors = objects(st.lists(st.tuples(keys, values), max_size=4))
actions = st.lists(
    objects(
        st.tuples(
            st.tuples(st.just("name"), names),
            st.tuples(st.just("time"), times),
            st.tuples(st.sampled_from(["properties", "properties", "new"]), visitors),
        ).map(list)
    ),
    max_size=3,
).map(lambda elements: "[" + ",".join(elements) + "]")

pids = st.sampled_from(PIDS).map(json.dumps)
visits = st.builds(
    lambda kind, pid, time, visitor, actions, more: (
        f'{{"type":"{kind}","pid":{pid},"time":{time},"visitor":{visitor},"actions":{actions}{more}}}'
    ),
    st.sampled_from(["visit", "visit", "visit", "identify"]),
    pids,
    times,
    visitors,
    actions,
    st.sampled_from(["", ',"city":"Ulm"', ',"duration":1.5', ',"new":null', ',"pid":"B"']),
)
deletes = st.builds(
    lambda kind, pid, target: f'{{{kind},"pid":{pid}{target}}}',
    st.sampled_from(['"type":"delete"', '"type":"delete"', '"type":"system","method":"delete"']),
    pids,
    st.one_of(
        pids.map(lambda pid: f',"new_id":{pid}'),
        st.sampled_from(["", ',"new_id":null', ',"new_id":""', ',"new_id":5,"time":"now"']),
    ),
)
odd_lines = st.sampled_from(
    [
        b"",
        b" \t\r",
        b"{",
        b"[]",
        b"\xef\xbb\xbf",
        b'{"type":"visit","pid":"A",}',
        b'{"type":"visit","pid":"A","time":1.0}',
        b'{"type":"visit","pid":"A","actions":[null]}',
        b'{"type":"visit","pid":"A","visitor":{"name":"\xff"}}',
        b'{"type":"visit","pid":"A","visitor":[]}',
        b'{"type":"system","pid":"A"}',
        b'{"type":"visit","type":"delete","pid":"A","new_id":"B","visitor":7}',
        b'{"type":"delete","pid":""}',
    ]
)
lines = st.one_of(
    visits.map(str.encode), visits.map(str.encode), deletes.map(str.encode), odd_lines
)

files = st.builds(
    lambda lines, start, end: start + b"\n".join(lines) + end,
    st.lists(lines, max_size=8),
    st.sampled_from([b"", b"", b"\xef\xbb\xbf"]),
    st.sampled_from([b"", b"\n", b"\r\n"]),
)
"""The bytes of a day's file."""

days = st.sampled_from(DAYS)
logs = st.dictionaries(days, files, max_size=len(DAYS))
"""Some days with their files."""
