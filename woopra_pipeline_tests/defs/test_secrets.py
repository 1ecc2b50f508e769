"""No file of a data directory, Dagster's and the ledger included, keeps what a server repeats."""

from datetime import date

import pytest
from dagster import Definitions, EnvVar, in_process_executor

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.assets.imports import import_batches
from woopra_pipeline.defs.import_run import run_imports
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.defs.jobs import command_line
from woopra_pipeline.defs.resources import SERVICE_VARIABLES, ImportsResource, WoopraResource
from woopra_pipeline_tests.echoes import KEY, echoing_answers, left_of_credentials
from woopra_pipeline_tests.imports.conftest import NOON, write_source

DAY = "2026-03-05"
IN_MANY_PLACES = [
    "status line that is none",
    "reason phrase",
    "kept header",
    "redirect to nowhere",
    "refusal",
    "broken",
]
EVENTS = (
    f"select {{'email': 'a@x.example'}} as visitor, 'order' as name, {NOON} as time, "
    "{'day': $log_day} as properties"
)


@pytest.fixture
def woopra(server, monkeypatch):
    values = {
        "project": "shop.example",
        "app_id": "APP17",
        "secret_key": KEY,
        "base_url": server.base_url,
    }
    for field, variable in SERVICE_VARIABLES.items():
        monkeypatch.setenv(variable, values[field])
    variables = {field: EnvVar(variable) for field, variable in SERVICE_VARIABLES.items()}
    return WoopraResource(**variables, attempts=2, first_backoff=0.001)


def contents(directory: DataDirectory) -> dict[str, str]:
    return {
        str(path.relative_to(directory.root)): path.read_bytes().decode("latin-1")
        for path in directory.root.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("place", IN_MANY_PLACES)
def test_nothing_of_the_credentials_is_in_any_file(*, project, server, woopra, place, capfd):
    server.answers(echoing_answers()[place])
    project.woopra = woopra
    project.backfill(DAY, DAY)
    write_source(project.directory, "orders", EVENTS)
    definitions = Definitions(
        assets=[import_batches],
        jobs=[command_line],
        resources={
            "woopra": woopra,
            "data_directory": project.data_directory,
            "imports": ImportsResource(),
        },
        executor=in_process_executor,
    )
    said: list[str] = []
    with open_instance(project.directory) as instance:
        run_imports(
            definitions,
            instance,
            project.directory,
            date.fromisoformat(DAY),
            sources=[],
            dry_run=False,
            notify=said.append,
        )
    assert server.requests
    files = contents(project.directory)
    assert any(name.startswith("dagster/") for name in files)
    assert "imports/ledger.sqlite" in files
    left = {name: found for name, text in files.items() if (found := [*left_of_credentials(text)])}
    assert not left
    output = "".join([*capfd.readouterr(), *said, *map(str, project.happened)])
    assert not list(left_of_credentials(output))
