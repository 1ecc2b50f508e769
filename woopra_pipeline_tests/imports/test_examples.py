"""The examples that come with the package run as they are."""

import json
from datetime import date

import duckdb
import orjson
import pytest

from woopra_pipeline.imports.sources import copy_example, example_names, sources_folder
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.imports.conftest import NOON
from woopra_pipeline_tests.model.parsed_files import put_day

LOG = [
    {
        "type": "visit",
        "pid": "p1",
        "time": NOON,
        "country": "AU",
        "offset": "+10:00",
        "referrer": {"type": "search", "url": "https://example.com/"},
        "visitor": {"email": "ada@example.com", "plan": "pro", "cookie": "old"},
        "actions": [
            {
                "name": "pay",
                "time": NOON + 5,
                "duration": 3,
                "properties": {"n": 1.50, "deep": [{}]},
            },
            {"name": "pv", "time": NOON},
        ],
    },
    {"type": "visit", "pid": "p2", "time": NOON + 7, "visitor": {}, "actions": []},
    {"type": "identify", "pid": "p3", "time": 0, "visitor": {"email": "grace@example.com"}},
]


@pytest.fixture
def with_examples(imports):
    for name in example_names():
        copy_example(imports.directory, name)
    put_day(
        imports.directory, date(2026, 3, 4), b"".join(orjson.dumps(line) + b"\n" for line in LOG)
    )
    update_model(imports.directory)
    (sources_folder(imports.directory) / "crm.csv").write_text(
        "email,plan,seats,account_manager\n"
        "Ada@example.com ,free,11,\nada@example.com,pro,12,Grace\n,none,1,\nbob@example.com,,,\n"
    )
    (imports.directory.root / "orders").mkdir()
    with duckdb.connect() as connection:
        connection.execute(
            f"""copy (
                select 'o' || i as order_id, 'Ada@example.com' as email,
                    to_timestamp({NOON // 1000} - i * 86400) as ordered_at,
                    12.50::decimal(10, 2) + i as amount, 'EUR' as currency
                from range(-1, 10) r(i)
            ) to '{imports.directory.root}/orders/march.parquet'"""
        )
    return imports


def sent(imports, name):
    run = imports.run(name)
    assert run.plan.set_aside_count == 0
    return [json.loads(line) for line in imports.server.taken]


def test_there_are_as_many_as_are_tested():
    assert example_names() == ["crm_properties", "move_profiles", "move_visits", "orders"]


def test_crm_properties(with_examples):
    lines = sorted(sent(with_examples, "crm_properties"), key=str)
    assert [line["visitor"] for line in lines] == [
        {"email": "ada@example.com", "plan": "pro", "seats": 12, "account manager": "Grace"},
        {"email": "bob@example.com"},
    ]


def test_orders(with_examples):
    lines = sent(with_examples, "orders")
    assert {line["visitor"]["email"] for line in lines} == {"ada@example.com"}
    orders = {a["properties"]["order id"]: a for line in lines for a in line["actions"]}
    assert orders.keys() == {f"o{i}" for i in range(8)}
    assert orders["o0"] == {
        "name": "order",
        "time": NOON,
        "properties": {"order id": "o0", "amount": 12.5, "currency": "EUR"},
    }


def test_the_move_of_a_project(with_examples):
    profiles = sent(with_examples, "move_profiles")
    assert [line["visitor"] for line in profiles] == [
        {"email": "ada@example.com", "plan": "pro", "cookie": "p1"},
        {"cookie": "p2"},
        {"email": "grace@example.com", "cookie": "p3"},
    ]
    visits = sent(with_examples, "move_visits")[3:]
    assert visits == [
        {
            "visitor": {"cookie": "p1"},
            "time": NOON,
            "country": "AU",
            "offset": "+10:00",
            "referrertype": "search",
            "referrerurl": "https://example.com/",
            "actions": [
                LOG[0]["actions"][0],
                {"name": "pv", "time": NOON, "properties": {}},
            ],
        },
        {"visitor": {"cookie": "p2"}, "time": NOON + 7, "actions": []},
    ]
