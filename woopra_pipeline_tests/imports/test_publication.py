"""`imports.duckdb`: what users see of the ledger."""

import os
import tempfile
from pathlib import Path

import duckdb
import pytest

from woopra_pipeline.errors import LedgerError, ModelError
from woopra_pipeline.imports.ledger import Ledger
from woopra_pipeline.imports.publication import connect_with_imports, publish_imports
from woopra_pipeline.model.update import update_model
from woopra_pipeline.tables import IMPORT_TABLES
from woopra_pipeline_tests.imports.conftest import NOON
from woopra_pipeline_tests.imports.import_server import Mood
from woopra_pipeline_tests.imports.log_of_server import put_log

SQL = (
    f"select {{'email': 'a' || i}} as visitor, [{{'name': 'x', 'time': {NOON}}}] as actions "
    "from range(5) r(i) union all select {'email': ''}, []"
)


@pytest.fixture
def published(imports):
    imports.source("it", SQL)
    imports.server.draws(Mood.FINE, Mood.BUSY_AFTER)
    imports.run("it", lines_per_batch=2)
    return imports


def test_every_table_and_column_has_its_type_and_comment(published):
    with duckdb.connect(published.directory.published_imports, read_only=True) as connection:
        for table in IMPORT_TABLES:
            [(comment,)] = connection.execute(
                "select comment from duckdb_views() where view_name = ?", [table.name]
            ).fetchall()
            assert comment == table.comment
            columns = connection.execute(
                "select column_name, data_type, comment from duckdb_columns() "
                "where table_name = ? and schema_name = 'main' order by column_index",
                [table.name],
            ).fetchall()
            expected = [
                (c.name, c.type.value.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), c.comment)
                for c in table.columns
            ]
            assert columns == expected


def test_lines_stand_in_the_state_of_their_batch(published):
    lines = published.query(
        "select batch, line_number, state, status, attempts, line ->> '$.visitor.email' "
        "from import_lines where batch is not null order by batch, line_number"
    )
    assert lines == [
        (1, 1, "accepted", 200, 1, "a0"),
        (1, 2, "accepted", 200, 1, "a1"),
        (2, 1, "unknown", 503, 1, "a2"),
        (2, 2, "unknown", 503, 1, "a3"),
        (3, 1, "accepted", 200, 1, "a4"),
    ]
    [(key, reason, line)] = published.query(
        "select line_key, reason, line from import_lines where batch is null"
    )
    assert len(key) == 32
    assert reason.startswith("visitor has no identifier")
    assert line == '{"visitor":{"email":""},"actions":[]}'


def test_batches_add_up_to_their_lines(published):
    assert (
        published.query(
            "select batch from imports join import_lines using (batch) group by batch, line_count, "
            "byte_count having count(*) <> line_count or sum(strlen(line) + 1) <> byte_count"
        )
        == []
    )


def test_it_is_published_only_if_something_changed(published):
    path = published.directory.published_imports
    before = path.stat().st_ino
    with Ledger(published.directory, published.time.clock) as ledger:
        assert not publish_imports(ledger)
        assert path.stat().st_ino == before
        path.unlink()
        assert publish_imports(ledger)
    assert len(published.query("from imports")) == 3


def test_a_lost_build_file_is_made_again(published):
    for path in published.directory.imports.glob("build*"):
        path.unlink()
    published.source("it", SQL.replace("range(5)", "range(6)"))
    published.run("it", lines_per_batch=2)
    assert published.query("select count(*) from import_lines") == [(7,)]


def test_open_readers_keep_what_they_have(published):
    with connect_with_imports(published.directory) as connection:
        published.source("it", SQL.replace("range(5)", "range(6)"))
        published.run("it", lines_per_batch=2)
        assert connection.execute("select count(*) from import_lines").fetchall() == [(6,)]
    assert published.query("select count(*) from import_lines") == [(7,)]


def test_model_and_imports_are_queried_together(published):
    put_log(published)
    rows = published.query(
        "select profiles.email, import_lines.state from profiles "
        "join import_lines on import_lines.line ->> '$.visitor.email' = profiles.email "
        "order by all limit 2"
    )
    assert rows == [("a0", "accepted"), ("a1", "accepted")]


def test_before_the_first_import_the_tables_are_empty(imports):
    with pytest.raises(ModelError, match="no model yet"):
        imports.query("from imports")
    update_model(imports.directory)
    assert imports.query("from imports union all by name from import_lines") == []


def test_a_damaged_batch_file_is_an_error(imports):
    imports.source("it", SQL)
    imports.run("it", dry_run=True)
    [path] = imports.directory.imports.glob("batches/it/*/*/*.zst")
    path.write_bytes(b"damaged")
    for build in imports.directory.imports.glob("build*"):
        build.unlink()
    imports.directory.published_imports.unlink()
    with (
        Ledger(imports.directory, imports.time.clock) as ledger,
        pytest.raises(LedgerError, match=r"00000\.jsonl\.zst is damaged"),
    ):
        publish_imports(ledger)


DAMAGES = [
    pytest.param(lambda path: path.write_bytes(b""), id="empty"),
    pytest.param(lambda path: os.truncate(path, path.stat().st_size // 2), id="cut"),
    pytest.param(lambda path: path.write_bytes(b"no database" * 1000), id="no database"),
    pytest.param(lambda path: path.write_bytes(another_database()), id="another database"),
]


def another_database():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "another.duckdb")
        duckdb.connect(path).close()
        return path.read_bytes()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["imports.duckdb", "imports/build-1.duckdb"])
def test_a_damaged_file_is_made_again(published, name, damage):
    before = published.query("from import_lines order by all")
    damage(published.directory.root / name)
    with Ledger(published.directory, published.time.clock) as ledger:
        ledger.count_change()
        publish_imports(ledger)
        assert not publish_imports(ledger)
    assert published.query("from import_lines order by all") == before


def test_a_damaged_published_file_is_stale(published):
    published.directory.published_imports.write_bytes(b"damaged")
    with Ledger(published.directory, published.time.clock) as ledger:
        assert publish_imports(ledger)


def test_reading_a_damaged_file_says_what_to_do(published):
    published.directory.published_imports.write_bytes(b"damaged")
    with (
        pytest.raises(ModelError, match="`woopra-pipeline import --verify` makes it again"),
        connect_with_imports(published.directory),
    ):
        pass
