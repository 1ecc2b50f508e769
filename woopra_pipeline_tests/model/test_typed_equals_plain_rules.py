"""R11 and R7: whatever days come and whatever is chosen, the typed tables are those of the rules.

The properties of these logs are mostly of one type each, so that a single line, which comes and is
voided and lives again, decides what the type of a column is.
"""

import json
import random
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.typed_settings import TypedSettings
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.generated_logs import DAYS
from woopra_pipeline_tests.model.interpreter import interpret, profile_row, provisional_pids
from woopra_pipeline_tests.model.parsed_files import put_day, remove_day
from woopra_pipeline_tests.model.plain_types import typed_tables
from woopra_pipeline_tests.model.published_tables import in_order, published_tables

PIDS = ["A", "B", "C", "D"]
NAMES = ["pv", "pv", "pv", "PV", "buy", "q\"t's"]
VALUES = {
    "flag": ["true", '"false"', "null"],
    "Flag": ["false", "null"],
    "amount": ["1", '"2"', "-0", str(2**63 - 1)],
    "price": ["1.5", '"2e1"', "1e400", str(2**63)],
    "time": ['"2026-01-05T10:00:00+02:00"', '"2024-02-29T10:00Z"'],
    "pid": ['"x"', '"ä"', '""'],
    "cart": ['{"b": [1, null]}', "[1.50]", "{}"],
    "": ["7", "null"],
}
ODD = ['"007"', '"2026-02-30T10:00:00Z"', "null", "1", '"a"', "true", "1.0", "[]", '"true"']
PINNED = [
    {},
    {},
    {("pv", "amount"): "BIGINT", (None, "time"): "TIMESTAMPTZ", ("buy", "cart"): "BOOLEAN"},
    {("pv", "price"): "JSON", (None, "flag"): "DOUBLE", ("PV", ""): "VARCHAR"},
]
LIMITS = [(200, 200), (200, 200), (200, 200), (2, 3), (0, 0)]


def properties(chance: random.Random) -> str:
    keys = chance.sample(list(VALUES), chance.randrange(4))
    members = {key: chance.choice(ODD if chance.random() < 0.15 else VALUES[key]) for key in keys}
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in members.items()) + "}"


def line(chance: random.Random) -> bytes:
    pid = chance.choice(PIDS)
    if chance.random() < 0.2:
        target = json.dumps(chance.choice([*PIDS, None]))
        return f'{{"type":"delete","pid":"{pid}","new_id":{target}}}'.encode()
    actions = ",".join(
        f'{{"name":{json.dumps(chance.choice(NAMES))},"time":{chance.randrange(-1, 4)},'
        f'"properties":{properties(chance)}}}'
        for _ in range(chance.randrange(4))
    )
    return (
        f'{{"type":"visit","pid":"{pid}","time":{chance.randrange(4)},'
        f'"visitor":{properties(chance)},"actions":[{actions}]}}'
    ).encode()


POOL = [line(random.Random(number)) for number in range(400)]
files = st.lists(st.integers(0, len(POOL) - 1), max_size=12).map(
    lambda places: b"\n".join(POOL[place] for place in places)
)


class ChangingTypes(RuleBasedStateMachine):
    """Days come, go and change, and so does what is chosen; the model is updated in between."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.directory = DataDirectory(Path(self.folder.name))
        self.log: dict[date, bytes] = {}
        self.pinned: dict[tuple[str | None, str], str] = {}
        self.limits = LIMITS[0]

    @rule(
        changes=st.dictionaries(st.sampled_from(DAYS), st.one_of(files, files, st.none())),
        is_other_choice=st.integers(0, 4).map(lambda number: number == 0),
        pinned=st.sampled_from(PINNED),
        limits=st.sampled_from(LIMITS),
    )
    def update(self, changes, is_other_choice, pinned, limits) -> None:
        for log_day, file in changes.items():
            if file is None:
                self.log.pop(log_day, None)
                remove_day(self.directory, log_day)
            else:
                self.log[log_day] = file
                put_day(self.directory, log_day, file)
        if is_other_choice:
            self.pinned, self.limits = pinned, limits
            self.write_types()
        update_model(self.directory, rebuild_share=2, typed=TypedSettings(*self.limits))
        found = published_tables(self.directory)
        expected = self.expected()
        kept = {name for name in found if name.startswith("events.")} | expected.keys()
        assert in_order({name: found[name] for name in kept}) == in_order(expected)

    def write_types(self) -> None:
        types: dict[str, dict[str, object]] = {"events": {}, "people": {}}
        for (event, key), kind in self.pinned.items():
            keys = types["people"] if event is None else types["events"].setdefault(event, {})
            assert isinstance(keys, dict)
            keys[key] = kind
        self.directory.types.write_text(json.dumps(types))

    def expected(self):
        log = interpret(self.log)
        provisional = provisional_pids(log)
        actions = [row for profile in log.profiles.values() for row in profile.actions]
        profiles = [
            profile_row(pid, profile) | {"is_provisional": pid in provisional}
            for pid, profile in log.profiles.items()
        ]
        return typed_tables(actions, profiles, self.pinned, *self.limits)

    def teardown(self) -> None:
        self.folder.cleanup()


@pytest.mark.parametrize(
    ("examples", "steps"),
    [
        pytest.param(5, 5, id="short"),
        pytest.param(1000, 10, id="long", marks=pytest.mark.long),
    ],
)
def test_typed_tables_of_any_days_and_choices(examples, steps):
    run_state_machine_as_test(
        ChangingTypes, settings=settings(max_examples=examples, stateful_step_count=steps)
    )
