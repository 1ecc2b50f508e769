"""Whatever is typed: it is taken, or refused with one sentence, and never a traceback."""

import math
from datetime import UTC, date, datetime, timedelta
from functools import partial

import click
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from woopra_pipeline.cli import COMMANDS, group
from woopra_pipeline.cli.backfill import require_closed
from woopra_pipeline.cli.sandbox import FASTEST
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError, PipelineError
from woopra_pipeline.sandbox import SandboxClock
from woopra_pipeline.woopra.log_days import (
    EARLIEST_LOG_DAY,
    LATEST_LOG_DAY,
    end_of_log_day,
    log_day_at,
    log_day_from_text,
    start_of_log_day,
)
from woopra_pipeline.woopra.settings import WoopraSettings

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)

numbers = st.one_of(
    st.integers().map(str),
    st.integers(0, 6_000).map(lambda digits: "9" * digits),
    st.floats().map(str),
    st.text(st.characters(categories=["Nd", "No", "Nl"]), min_size=1, max_size=25),
    st.sampled_from(
        [
            "nan",
            "-inf",
            "1e400",
            "+1",
            "1_0",
            "0x7",
            "-0",
            "٣",
            "²",
            "\u0662\u0660\u0662\u0666-01-01",
        ]
    ),
)
days = st.one_of(
    st.dates().map(str),
    st.dates().map(lambda day: day.strftime("%Y%m%d")),
    st.sampled_from(["0001-01-01", "9999-12-31", "2000-01-01", "2999-12-31", "2026-02-30"]),
)
instants = st.datetimes().map(lambda instant: instant.isoformat(timespec="seconds"))
garbage = st.one_of(
    st.text(),
    st.text(st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), min_size=1),
    st.sampled_from(["\0", "a\0b", "", "-", "--", "../..", "x" * 10_000]),
)
anything = st.one_of(numbers, days, instants, garbage)

OPTIONS = {
    name: [
        option
        for parameter in (group.get_command(click.Context(group), name) or group).params
        for option in parameter.opts
        if option.startswith("--")
    ]
    for name in COMMANDS
}


def refused(call, *kinds):
    """The error of these kinds that the call ends with; None if it ends well."""
    try:
        call()
    except kinds as error:
        return error
    return None


@st.composite
def command_lines(draw):
    name = draw(st.sampled_from([name for name in COMMANDS if name != "ui"]))
    words = st.one_of(anything, st.sampled_from(OPTIONS[name] or ["--help"]))
    return [name, *draw(st.lists(words, max_size=6))]


@given(command_lines())
@hypothesis(max_examples=300)
@example(["sandbox", "--speed", "nan"])
@example(["import", "--again", "99999999999999999999"])
@example(["import", "--again", "9" * 5_000])
def test_any_command_line_is_read_or_refused_with_a_sentence(arguments):
    name, *rest = arguments
    command = group.get_command(click.Context(group), name)
    assert command is not None

    def read():
        with group.make_context("woopra-pipeline", list(arguments)) as context:
            command.make_context(name, list(rest), parent=context)

    refusal = refused(read, click.ClickException, click.exceptions.Exit)
    if isinstance(refusal, click.ClickException):
        assert refusal.format_message()
        assert refusal.exit_code != 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def invoke(folder, *arguments, **environment):
    result = CliRunner().invoke(
        group, list(arguments), env={"WOOPRA_DATA_DIR": str(folder), **environment}
    )
    is_said = isinstance(result.exception, (SystemExit, PipelineError))
    assert result.exit_code != 0
    assert is_said, repr(result.exception)
    return result


@given(anything)
@example("99999999999999999999")
@example("9" * 5_000)
@hypothesis(max_examples=60)
def test_no_number_of_a_batch_is_a_traceback(folder, number):
    invoke(folder, "import", f"--settle={number}", "--as", "planned")


@given(anything, anything)
@hypothesis(max_examples=60)
@example("2026-01-01", "9999-12-31")
@example("0001-01-01", "2026-01-01")
@example("2026-01-01\0", "2026-01-01")
def test_no_day_is_a_traceback(first, last):
    refusal = refused(
        lambda: require_closed(log_day_from_text(first), log_day_from_text(last), lambda: NOW),
        ConfigurationError,
    )
    if refusal is None:
        assert date(2000, 1, 1) <= date.fromisoformat(first) <= date.fromisoformat(last)
    else:
        assert len(str(refusal)) < 300


@given(st.dates(EARLIEST_LOG_DAY, LATEST_LOG_DAY))
@example(EARLIEST_LOG_DAY)
@example(LATEST_LOG_DAY)
def test_every_day_that_is_read_has_a_beginning_and_an_end(day):
    assert log_day_from_text(str(day)) == day
    assert log_day_at(start_of_log_day(day)) == day
    assert end_of_log_day(day) > start_of_log_day(day)


@given(garbage)
@hypothesis(max_examples=40)
@example("\udcff")
@example("select 1 \0")
def test_no_name_is_a_traceback(folder, name):
    invoke(folder, "query", "--", name)
    invoke(folder, "explain", "--", name)
    invoke(folder, "import", f"--example={name}")
    invoke(folder, "status", f"--format={name}")
    invoke(folder, "import", "--day", "2026-01-01", "--", name or "-")


@given(garbage)
@example("/tmp/\udcff")
@example("/tmp/\0")
def test_no_data_directory_is_a_traceback(name):
    with pytest.MonkeyPatch.context() as patch:
        # What the environment cannot hold, as NUL, cannot come from there.
        patch.setattr("os.environ", {"WOOPRA_DATA_DIR": name})
        refusal = refused(DataDirectory.from_environment, ConfigurationError, OSError)
    if isinstance(refusal, OSError):
        assert refusal.filename
    elif refusal is not None:
        assert "WOOPRA_DATA_DIR" in str(refusal)


@given(anything, anything, anything)
@example("https://[", "a", "b")
@example("https://x:99999/", "a", "b")
@example("https://" + "x" * 64 + "/", "a", "b")
@example("https://\u2488com/", "a", "b")
@example("https://x/\udcff", "a", "b")
@example("https://x/", "a\udcff", "b\0")
def test_no_setting_of_the_service_is_a_traceback(base_url, app_id, secret_key):
    for url in (base_url, f"https://{base_url}/"):
        given_settings = partial(
            WoopraSettings, project="shop", app_id=app_id, secret_key=secret_key, base_url=url
        )
        refusal = refused(given_settings, ConfigurationError)
        if refusal is None:
            assert given_settings().host
        else:
            assert "WOOPRA_" in str(refusal)


@given(
    st.datetimes(datetime(2000, 1, 2), datetime(2999, 12, 30)),
    st.floats(0, FASTEST),
    st.timedeltas(timedelta(0), timedelta(days=30)),
)
@example(datetime(2999, 12, 30), FASTEST, timedelta(days=30))
def test_no_time_of_the_sandbox_ends_its_calendar_within_a_month(start, speed, passed):
    now = [NOW]
    clock = SandboxClock(start.replace(tzinfo=UTC), speed, base=lambda: now[0])
    now[0] += passed
    assert math.isfinite(clock().timestamp())
