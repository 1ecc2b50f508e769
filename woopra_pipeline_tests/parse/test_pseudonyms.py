"""What a setting names is replaced by keyed digests, and nothing else changes."""

import json
import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings

from woopra_pipeline.archive import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.outstanding import find_outstanding
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.chunks import parse_chunk
from woopra_pipeline.parse.lines import BYTE_ORDER_MARK
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.pseudonyms import Pseudonyms, pseudonyms_below
from woopra_pipeline.privacy.plan import Finder, Identifier
from woopra_pipeline.privacy.verification import search
from woopra_pipeline_tests.generated_logs import files
from woopra_pipeline_tests.parse.archived_files import archive_file

DAY = date(2026, 3, 5)
DIGEST = re.compile(r"~[0-9a-f]{32}")
NAMES = "email, name,ip,referrer.url,street,odd"
VISIT = {
    "type": "visit",
    "pid": "a",
    "time": 1772700000000,
    "ip": "203.0.113.9",
    "city": "Graz",
    "referrer": {"type": "search", "url": "https://example.com/ada"},
    "visitor": {"email": "Ada@Example.com", "name": None, "plan": "pro", "street": {"no": 7}},
    "actions": [
        {"name": "pv", "time": 1772700000000, "properties": {"email": "ada@example.com ", "n": 1}}
    ],
}
FILE = "\n".join(
    [
        json.dumps(VISIT),
        '{"type":"delete","pid":"a","new_id":"b","time":"now"}',
        '{"type":"visit","pid":"c","visitor":{"email":"eve@example.com"}',
        "",
    ]
).encode()


@pytest.fixture
def pseudonyms(tmp_path, monkeypatch):
    monkeypatch.setenv("WOOPRA_PSEUDONYMS", NAMES)
    found = pseudonyms_below(tmp_path)
    assert found is not None
    return found


def test_what_is_named_is_replaced_wherever_it_stands(pseudonyms):
    line = json.loads(pseudonyms.line(json.dumps(VISIT).encode()))
    email = line["visitor"]["email"]
    assert DIGEST.fullmatch(email)
    assert line["actions"][0]["properties"] == {"email": email, "n": 1}
    assert DIGEST.fullmatch(line["ip"])
    assert DIGEST.fullmatch(line["referrer"]["url"])
    assert DIGEST.fullmatch(line["visitor"]["street"])
    for path in ("type", "pid", "time", "city"):
        assert line[path] == VISIT[path]
    assert line["referrer"]["type"] == "search"
    assert (line["visitor"]["name"], line["visitor"]["plan"]) == (None, "pro")
    assert line["actions"][0]["name"] == "pv"


@given(files)
@settings(max_examples=60)
def test_what_is_not_named_is_parsed_as_before(tmp_path_factory, file):
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_bytes(b"secret")
    key.chmod(0o600)
    chunk = file.removeprefix(BYTE_ORDER_MARK)
    before = parse_chunk(chunk, DAY, 1)
    after = parse_chunk(Pseudonyms(("nothing of this name",), str(key)).lines(chunk), DAY, 1)
    assert (after.line_count, after.blank_count) == (before.line_count, before.blank_count)
    for name, table in before.tables.items():
        # The text of a line that cannot be read is replaced as a whole.
        columns = [column for column in table.column_names if column != "raw"]
        assert after.tables[name].select(columns).to_pylist() == table.select(columns).to_pylist()


def test_the_key_is_the_owners_alone(tmp_path, pseudonyms):
    path = tmp_path / "pseudonyms.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert pseudonyms_below(tmp_path).fingerprint == pseudonyms.fingerprint
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="Other users than its owner can read"):
        _ = pseudonyms_below(tmp_path).key


def test_a_key_that_is_named_and_missing_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("WOOPRA_PSEUDONYMS", "email")
    monkeypatch.setenv("WOOPRA_PSEUDONYM_KEY_FILE", str(tmp_path / "elsewhere"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        _ = pseudonyms_below(tmp_path).key
    assert not (tmp_path / "elsewhere").exists()


def test_a_model_without_names(tmp_path, monkeypatch):
    directory = DataDirectory(tmp_path / "data")
    archive = Archive(directory.raw)
    archive_file(archive, DAY, FILE)
    plain = parse_log_day(archive, DAY, directory.parsed)
    monkeypatch.setenv("WOOPRA_PSEUDONYMS", NAMES)
    pseudonyms = pseudonyms_below(directory.root)
    assert list(find_outstanding(directory).to_parse) == [DAY]
    parsed = parse_log_day(archive, DAY, directory.parsed)
    assert parsed.fingerprint != plain.fingerprint
    assert parse_log_day(archive, DAY, directory.parsed).folder == parsed.folder
    update_model(directory)
    assert not find_outstanding(directory).to_parse
    named = [Identifier("email", "ada@example.com"), Identifier("email", "eve@example.com")]
    assert {find.path.split("/")[0] for find in search(directory, named).finds} == {"raw"}
    with connect_published(directory) as connection:
        (raw,) = connection.sql("select raw from rejected_lines").fetchall()
        assert DIGEST.fullmatch(raw[0])
        for finder, is_found in ((Finder(connection, pseudonyms), True), (Finder(connection), 0)):
            assert (finder.find(named[0]) is not None) == is_found
        plan = Finder(connection, pseudonyms).plan(
            named[:1],
            [Finder(connection, pseudonyms).find(named[0])],
            datetime(2026, 3, 9, tzinfo=UTC),
            and_future=False,
            identifier_keys=["email"],
        )
    assert plan.line_count == 1
    monkeypatch.delenv("WOOPRA_PSEUDONYMS")
    assert list(find_outstanding(directory).to_parse) == [DAY]
