"""The ledger's tables: only the package of the ledger has SQL on them."""

import re
from importlib.resources import as_file, files

import pytest

import woopra_pipeline
from woopra_pipeline.imports.ledger.schema import TABLES

# What begins with `ledger.` is a table of imports.duckdb.
BEFORE_A_TABLE = 'insert into|delete from|update|join|"from|select [^"]*from'
ON_TABLES = re.compile(rf"(?:{BEFORE_A_TABLE}) (?:{'|'.join(TABLES)})\b")


@pytest.mark.parametrize(
    ("text", "is_on_tables"),
    [
        pytest.param('"select 1 from batches"', True, id="read"),
        pytest.param('"insert into file_keys values (1)"', True, id="written"),
        pytest.param('"select 1 from ledger.batches"', False, id="of imports.duckdb"),
        pytest.param('"select 1 " "from batches"', True, id="in two pieces"),
        pytest.param("from requests import Request", False, id="of Python"),
        pytest.param("import sources into batches", False, id="prose"),
    ],
)
def test_what_is_sql_on_the_tables(text, is_on_tables):
    assert bool(ON_TABLES.search(text)) is is_on_tables


def test_only_the_ledger_has_sql_on_its_tables():
    with as_file(files(woopra_pipeline)) as package:
        found = {
            path.relative_to(package).as_posix(): ON_TABLES.findall(path.read_text("utf-8"))
            for folder in ("imports", "cli", "defs")
            for path in (package / folder).rglob("*.py")
        }
    outside = [name for name, on in found.items() if on and not name.startswith("imports/ledger/")]
    assert not outside, f"{outside[0]} has SQL on the ledger's tables: give it a function there"
    assert found["imports/ledger/batches.py"]
