"""Hypothesis strategies for logs: few pids and few days, so that everything meets everything.

Lines are drawn from fixed pools: a draw a line keeps thousands of logs affordable, and a failing
log shrinks to few lines. An update of the model costs as much for few lines as for many. So every
log is four logs in one: four circles of pids, each with lines of its own, that never meet.
"""

import json
import random
from datetime import date, timedelta
from itertools import chain

from hypothesis import strategies as st

FIRST_DAY = date(2026, 3, 6)
DAYS = [FIRST_DAY + timedelta(days=offset) for offset in range(5)]

CIRCLES = (
    ["A", "B", "C", "a", "Ω\x00"],
    ["D", "E", "F", "d", "Δ\x00"],
    ["G", "H", "I", "g", "Σ\x00"],
    ["J", "K", "L", "j", "Λ\x00"],
)
"""Pids that merge with each other, and with no others."""
TIMES = [
    "null",
    "0",
    "-5",
    "1",
    "2",
    "1767225600000",
    "1767225600001",
    "-62135596800000",
    "253402300800000",
    "1" + "0" * 30,
]
VALUES = [
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
KEYS = ["email", "name", "plan", "Plan", "", "a b.c", '\\"q', "é", "\\u0065mail"]
NAMES = ['"pv"', '"pv"', '"buy"', "null", "7", '""']
MORE = ["", "", ',"city":"Ulm"', ',"duration":1.5', ',"new":null']
ODD_LINES = [
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


def visitor(chance: random.Random) -> str:
    members = (
        f'"{chance.choice(KEYS)}": {chance.choice(VALUES)}' for _ in range(chance.randrange(5))
    )
    return "{" + ", ".join(members) + "}"


def action(chance: random.Random) -> str:
    more = f',"{chance.choice(["properties", "new"])}":{visitor(chance)}'
    return f'{{"name":{chance.choice(NAMES)},"time":{chance.choice(TIMES)}{more}}}'


def visit(chance: random.Random, pids: list[str], line_type: str) -> bytes:
    actions = ",".join(action(chance) for _ in range(chance.randrange(4)))
    more = chance.choice([*MORE, f',"pid":"{pids[1]}"'])
    return (
        f'{{"type":"{line_type}","pid":{json.dumps(chance.choice(pids))},'
        f'"time":{chance.choice(TIMES)},"visitor":{visitor(chance)},'
        f'"actions":[{actions}]{more}}}'
    ).encode()


def deletes(pids: list[str]) -> list[bytes]:
    """Every pid deleted in every way and merged into every pid."""
    targets = [f',"new_id":{json.dumps(pid)}' for pid in pids]
    targets += ["", ',"new_id":null', ',"new_id":""', ',"new_id":5,"time":"now"']
    types = ['"type":"delete"', '"type":"system","method":"delete"']
    return [
        f'{{{types[number % 3 == 0]},"pid":{json.dumps(pid)}{target}}}'.encode()
        for pid in pids
        for number, target in enumerate(targets)
    ]


def one_of(pool: list[bytes]) -> st.SearchStrategy[bytes]:
    return st.integers(0, len(pool) - 1).map(lambda place: pool[place])


def pools(pids: list[str]) -> tuple[list[bytes], list[bytes]]:
    """Visit lines and identify lines of some pids."""
    chance = random.Random("lines")
    visits = [visit(chance, pids, "visit") for _ in range(400)]
    return visits, [visit(chance, pids, "identify") for _ in range(80)]


def lines_of(pids: list[str]) -> st.SearchStrategy[list[bytes]]:
    visits, identifies = pools(pids)
    line = st.one_of(
        one_of(visits),
        one_of(visits[:20] + identifies),
        one_of(deletes(pids)),
        one_of(visits[:20] + deletes(pids) + ODD_LINES),
    )
    return st.lists(line, max_size=10)


files = st.builds(
    lambda circles, start, end: start + b"\n".join(chain(*circles)) + end,
    st.tuples(*map(lines_of, CIRCLES)),
    st.sampled_from([b"", b"", b"\xef\xbb\xbf"]),
    st.sampled_from([b"", b"\n", b"\r\n"]),
)
"""The bytes of a day's file."""

days = st.sampled_from(DAYS)
logs = st.dictionaries(days, files, max_size=len(DAYS))
"""Some days with their files."""
