"""What must be true when the storm is over. Each function returns what is not, in words."""

import json
import re
import sqlite3
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date
from hashlib import sha256
from pathlib import Path

from woopra_pipeline.archive import Archive
from woopra_pipeline.archive.days import FILE_SUFFIX
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import PipelineError
from woopra_pipeline.imports.ledger import LEDGER_NAME
from woopra_pipeline.model.database import connect_published
from woopra_pipeline_tests.model.interpreter import Row, interpret, tables
from woopra_pipeline_tests.model.published_tables import in_order, published_tables, read_table
from woopra_pipeline_tests.storm.processes import Ended
from woopra_pipeline_tests.storm.server import APP_ID
from woopra_pipeline_tests.storm.sources import Sources, taken_actions, taken_members

AS_OF_TABLES = ("profiles", "visits", "actions", "pid_aliases")
MOST_SHOWN = 3
UNEXPECTED = "run it again with --debug"
"""How the command line ends an error that nobody has foreseen."""


def wrong_outputs(ended: Sequence[Ended], secret_key: str) -> Iterator[str]:
    """What processes said that they must not say, or did not say though they must."""
    for each in ended:
        output = each.stdout + each.stderr
        if each.exit_code is None:
            yield f"{each.command}: it hung"
        if "Traceback" in output:
            yield f"{each.command}: a traceback: {output[-1500:]}"
        elif UNEXPECTED in output:
            yield f"{each.command}: an error nobody has foreseen: {each.stderr[-500:]}"
        elif each.exit_code and not each.was_killed and "Error: " not in each.stderr:
            yield f"{each.command}: exit code {each.exit_code} without an error: {output[-500:]}"
        if any(secret in output.encode() for secret in secrets_of(secret_key)):
            yield f"{each.command}: the secret key in its output"


def wrong_tables(directory: DataDirectory, files: Mapping[date, bytes]) -> Iterator[str]:
    """How the published model differs from what the reference interpreter makes of the files."""
    try:
        found = in_order(published_tables(directory))
    except Exception as error:
        yield f"the published model cannot be read: {error}"
        return
    yield from _differences(found, in_order(tables(interpret(files))))


def wrong_tables_as_of(
    directory: DataDirectory, files: Mapping[date, bytes], as_of: date
) -> Iterator[str]:
    """The same for the tables as of a log day."""
    until_then = {log_day: file for log_day, file in files.items() if log_day <= as_of}
    wanted = {name: tables(interpret(until_then))[name] for name in AS_OF_TABLES}
    for row in wanted["profiles"]:
        del row["is_provisional"]
    found: dict[str, list[Row]] = {}
    with connect_published(directory) as connection:
        for name in AS_OF_TABLES:
            found[name] = read_table(connection, f"{name}_as_of(date '{as_of}')")
    for difference in _differences(in_order(found), in_order(wanted)):
        yield f"as of {as_of}: {difference}"


def _differences(found: Mapping[str, list[str]], wanted: Mapping[str, list[str]]) -> Iterator[str]:
    for name in sorted(found.keys() | wanted.keys()):
        rows, others = found.get(name, []), wanted.get(name, [])
        if rows != others:
            too_many = [row for row in rows if row not in others][:MOST_SHOWN]
            missing = [row for row in others if row not in rows][:MOST_SHOWN]
            yield (
                f"{name} has {len(rows)} rows instead of {len(others)}; "
                f"too many: {too_many}; missing: {missing}"
            )


def wrong_archive(
    directory: DataDirectory,
    files: Mapping[date, bytes],
    versions: Mapping[date, Collection[bytes]],
) -> Iterator[str]:
    """Days that are not archived as they are, and files that the server never had."""
    archive = Archive(directory.raw)
    for log_day, file in files.items():
        try:
            archived = archive.get(log_day)
            archive.verify(archived)
        except PipelineError as error:
            yield f"{log_day} is not archived whole: {error}"
            continue
        if archived.sha256 != sha256(file).hexdigest():
            yield f"the archived file of {log_day} is not the last one"
        true = {sha256(version).hexdigest() for version in (file, *versions.get(log_day, ()))}
        for version in (archived, *archived.earlier, *getattr(archived, "held_back", ())):
            if version.sha256 not in true:
                yield (
                    f"{version.path.name} of {log_day} was archived ({version.byte_count:,} of "
                    f"{len(file):,} bytes), which the server never had"
                )


def wrong_imports(taken: Sequence[str], sources: Sources) -> Iterator[str]:
    """Lines that were imported twice, or never."""
    found, wanted = taken_actions(taken), sources.actions()
    if twice := found - wanted:
        yield f"{twice.total()} actions imported more than once: {list(twice)[:MOST_SHOWN]}"
    if lost := wanted - found:
        yield f"{lost.total()} actions never imported: {list(lost)[:MOST_SHOWN]}"
    if members := sources.members() - taken_members(taken):
        yield f"{len(members)} profiles never updated: {sorted(members)[:MOST_SHOWN]}"


def wrong_status(
    status: Mapping[str, object], log_days: Sequence[date], sources: Sources
) -> Iterator[str]:
    """What `woopra-pipeline status --format json` says that is not so."""
    days = [str(log_day) for log_day in log_days]
    wanted = {
        "archived": days,
        "parsed": days,
        "in_model": days,
        "gaps": [],
        "to_parse": [],
        "to_apply": [],
        "followed": [],
    }
    for name, value in wanted.items():
        if status[name] != value:
            yield f"status says of {name}: {status[name]}, not {value}"
    states = status["imports"]
    assert isinstance(states, dict)
    if not states.keys() <= {"accepted", "rejected", "superseded"}:
        yield f"status says of imports: {states}"
    if states.get("rejected", 0) != sources.rejected_count:
        yield f"status says of imports: {states}, not {sources.rejected_count} rejected"


def secrets_of(secret_key: str) -> list[bytes]:
    """The secret key, and how it stands in an Authorization header."""
    return [secret_key.encode(), b64encode(f"{APP_ID}:{secret_key}".encode())]


def files_with_secrets(root: Path, secret_key: str) -> Iterator[str]:
    """Files in which the secret key can be read."""
    for path in root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if any(secret in content for secret in secrets_of(secret_key)):
                yield f"the secret key in {path.relative_to(root)}"


KNOWN = [
    r"raw/project",
    r"woopra\.duckdb",
    r"imports\.duckdb",
    r"rate_budget\.sqlite(\.damaged)?(-wal|-shm|\.lock)?",
    r"model/(build\.duckdb|lock|published\.json)",
    r"imports/sources/\w+\.sql",
    r"imports/ledger\.sqlite(\.aside-.+)?(-wal|-shm)?",
    r"imports/(build-\d+\.duckdb|published\.json)",
    r"imports/batches/format\.json",
    r"imports/locks/\w+(\.lock)?",
    r"reports/project\.html",
    r"dagster/(?!executing/).*",
]
"""Files that may be there whatever happened."""


def leftovers(directory: DataDirectory, *, but_for: Collection[Path] = ()) -> Iterator[str]:
    """Files that nothing names: temporary ones, and what was replaced or never finished.

    Archived files in the folders `but_for` are none.
    """
    named = {*_named_by_manifests(directory), *_named_by_ledger(directory)}
    for path in sorted(directory.root.rglob("*")):
        name = str(path.relative_to(directory.root))
        if path.is_file() and name not in named:
            if path.parent in but_for and path.name.endswith(FILE_SUFFIX):
                continue
            if not any(re.fullmatch(pattern, name) for pattern in KNOWN):
                yield f"left behind: {name}"
        elif path.is_dir() and not any(path.iterdir()) and name.startswith(("raw/", "parsed/")):
            yield f"left behind: the empty folder {name}"


def _named_by_manifests(directory: DataDirectory) -> Iterator[str]:
    for path in directory.raw.glob("*/manifest.json"):
        yield str(path.relative_to(directory.root))
        for file in re.findall(r'"file": "([^"]+)"', path.read_text()):
            yield str((path.parent / file).relative_to(directory.root))
    for path in directory.parsed.glob("*/manifest.json"):
        yield str(path.relative_to(directory.root))
        manifest = json.loads(path.read_bytes())
        for file in manifest["files"]:
            yield str((path.parent / manifest["folder"] / file).relative_to(directory.root))


def _named_by_ledger(directory: DataDirectory) -> Iterator[str]:
    """All files of the plans of which one is named: a plan goes as a whole."""
    path = directory.imports / LEDGER_NAME
    if path.exists():
        with closing(sqlite3.connect(path)) as connection:
            for (name,) in connection.execute("select path from files"):
                for file in (directory.root / name).parent.iterdir():
                    yield str(file.relative_to(directory.root))
