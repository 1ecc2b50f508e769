"""A SQL shell on the model: DuckDB's own, which can read and nothing else."""

import subprocess

from woopra_pipeline_tests.cli.conftest import PROGRAM


def test_reads_the_model_and_changes_nothing(demo_line):
    def shell(sql):
        return subprocess.run(
            [PROGRAM, "shell"],
            input=sql,
            env=demo_line.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert "9457" in shell("select count(*) from actions;").stdout
    refused = shell("create table mine (a integer);")
    assert "read-only" in refused.stderr
    assert refused.returncode != 0


def test_without_a_model_it_says_so(command_line_here):
    assert "there is no model yet" in command_line_here("shell").stderr


def test_without_a_shell_it_says_what_to_install(demo_line, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    done = demo_line("shell")
    assert done.returncode == 1
    assert "pip install 'woopra-pipeline[shell]'" in done.stderr
