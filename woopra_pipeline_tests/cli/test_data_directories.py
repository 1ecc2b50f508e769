"""From fetch to report, everything comes out the same wherever the data directory is."""

from pathlib import Path

import pytest

from woopra_pipeline.report.page import write_report
from woopra_pipeline.sandbox import Sandbox, SandboxSettings, Service, serve
from woopra_pipeline_tests.cli.conftest import CommandLine, CommandLineForked, CommandLineHere
from woopra_pipeline_tests.model.published_tables import in_order, published_tables

DAYS = ("2026-01-01", "2026-01-02")
ACTIONS = "select log_day, pid, name from actions order by all"
SOURCE = """
select crm as visitor
from read_csv('crm*.csv') as crm
semi join (select count(*) from profiles) on true
"""


def all_of_it(command_line: CommandLine) -> list[object]:
    """What there is after two days, and an import made of them and of a file."""
    service = Service(project="shop.example", app_id="APP17", secret_key="s")
    world = Sandbox(command_line.folder / "world", SandboxSettings(people=30, days=2))
    sources = command_line.folder / "imports" / "sources"
    sources.mkdir(parents=True)
    (sources / "crm.sql").write_text(SOURCE)
    (sources / "crm1.csv").write_text("email,plan\nada@example.com,pro\n")

    def run(*arguments: str, by: CommandLine = command_line) -> str:
        done = by(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with serve(world, service=service) as running:
        environment = {
            "WOOPRA_PROJECT": "shop.example",
            "WOOPRA_APP_ID": "APP17",
            "WOOPRA_SECRET_KEY": "s",
            "WOOPRA_BASE_URL": running.base_url,
        }
        printed = [run("backfill", DAYS[0], day) for day in DAYS]
        printed.append(run("import", "crm", "--day", DAYS[1]))
    here = CommandLineHere(command_line.folder)
    report = write_report(command_line.directory).path.read_text(encoding="utf-8")
    return [
        *printed,
        run("query", ACTIONS, "--format", "csv", by=here),
        run("query", "select state, line from import_lines", by=here),
        run("status", by=here).partition("\n")[2],
        report.count("<svg"),
        in_order(published_tables(command_line.directory)),
    ]


@pytest.mark.parametrize("name", ['env=prod/log_day=2026-01-01/what [x]*/it\'s, "100%" käse'])
def test_everything_is_the_same_in_any_folder(tmp_path: Path, name: str) -> None:
    plain = all_of_it(CommandLineForked(tmp_path / "plain"))
    assert '{"visitor":{"email":"ada@example.com","plan":"pro"}}' in str(plain)
    assert all_of_it(CommandLineForked(tmp_path / name)) == plain
