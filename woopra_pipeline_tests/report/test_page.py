"""The report: complete, the same for the same model, and safe whatever people call themselves."""

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.errors import ModelError
from woopra_pipeline.model.update import update_model
from woopra_pipeline.report.page import write_report
from woopra_pipeline.report.script import script_source
from woopra_pipeline_tests.report.conftest import Log, at, visit

HOSTILE = "</td></table><script src=\"https://evil.example/x.js\">alert('&amp;')</script>"


class Reading(HTMLParser):
    """The page as a browser takes it: its elements with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements[-1:] and self.elements[-1][0] in ("script", "style"):
            return
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.texts).split())


MADE_AT = datetime(2026, 1, 19, 17, 3, tzinfo=UTC)


def read(log: Log, **options: bool) -> Reading:
    written = write_report(log.directory, clock=frozen_clock(MADE_AT), **options)
    return Reading(written.path.read_text(encoding="utf-8"))


@pytest.fixture
def hostile(log):
    log.directory.raw.mkdir(parents=True)
    (log.directory.raw / "project").write_text(f"{HOSTILE}project\n", encoding="utf-8")
    time = at("2026-01-05")
    log.put(
        {
            "2026-01-05": [
                visit(
                    f"{HOSTILE}pid",
                    time,
                    "pv",
                    f"{HOSTILE}action",
                    country=f"{HOSTILE}country",
                    referrer={"type": f"{HOSTILE}referrer"},
                    properties={"url": f"{HOSTILE}url"},
                    visitor={"email": f"{HOSTILE}email"},
                ),
                {"type": f"{HOSTILE}type", "pid": "x"},
            ],
            "2026-01-11": [],
        }
    )
    return log


def test_names_are_text_and_nothing_else(hostile):
    page = read(hostile)
    for what in ("project", "country", "referrer", "url", "action"):
        assert HOSTILE + what in page.text
    names = {name for name, _ in page.elements}
    assert not names & {"link", "img", "iframe", "object", "a", "form", "base"}
    *drawn, script = [attributes for name, attributes in page.elements if name == "script"]
    assert {attributes["type"] for attributes in drawn} == {"application/json"}
    assert script == {}
    attributes = {name for _, given in page.elements for name in given}
    assert not {name for name in attributes if name in ("src", "href") or name.startswith("on")}


def test_nothing_may_be_loaded_or_run(hostile):
    assert (
        "meta",
        {
            "http-equiv": "Content-Security-Policy",
            "content": "default-src 'none'; style-src 'unsafe-inline'; "
            f"script-src '{script_source()}'",
        },
    ) in read(hostile).elements


def test_no_address_or_pid_of_a_person_is_told(hostile):
    text = read(hostile).text
    assert "email" not in text.replace("an ID, email or phone", "")
    assert HOSTILE + "pid" not in text


def test_persons_are_told_where_that_is_allowed(log):
    shared = {"email": "x@example.com"}
    log.put(
        {
            "2026-01-05": [
                visit("a", at("2026-01-05"), "pv", visitor=shared),
                visit("b", at("2026-01-05"), "pv", visitor=shared),
                {"type": "delete", "pid": "old", "new_id": "largest"},
                visit("largest", at("2026-01-05"), "pv"),
            ]
        }
    )
    words = read(log).words
    assert "largest ones 1 " in words
    assert "email: 1, one of them by 2 profiles" in words
    assert "x@example.com" not in words
    words = read(log, show_persons=True).words
    assert "largest ones largest: 1 " in words
    assert "email x@example.com: 2" in words


DAYS = {
    "2026-01-05": [
        visit("a", at("2026-01-05"), "pv", "buy", country="AT", visitor={"id": "1"}),
        visit("b", at("2026-01-05"), "pv", country="AT"),
        b"nonsense",
    ],
    "2026-01-13": [visit("a", at("2026-01-13"), "pv", properties={"url": "/prices"})],
    "2026-01-18": [
        {"type": "delete", "pid": "b", "new_id": "a"},
        visit("a", at("2026-01-05"), country="AT"),
    ],
}


def test_says_what_is_in_the_model(log):
    log.put(DAYS)
    words = read(log).words
    for sentence in (
        "the log days from 5 January 2026 to 18 January 2026",
        "Made on 19 January 2026 at 17:03 UTC",
        "18 January 2026 0 0 new, 0 returning 0 before the day before",
        "7 days to 18 January 2026 1 0 new, 1 returning +0% from 1 in the 7 days before",
        "People 1 2 counted by profile id",
        "Visits 3 4 counted as logged",
        "Actions 3 4 counted as logged",
        "two profiles are one person: 1 times",
        "Identified 100% 1 with an ID",
        "AT 2 1",
        "/prices 1 1",
        "buy 1 1",
        "week 1 5 Jan 2026 1 100 %",
        "Days missing in between 11: 2026-01-06 to 2026-01-12, 2026-01-14 to 2026-01-17",
        "1 (17%): not strict JSON (1)",
        "1, of which 1 were not logged again",
        "People whose history may be incomplete 1",
        "Profiles merged into the largest ones 1",
        "Most merges on a log day 1 on",
    ):
        assert sentence in words


def test_the_same_model_is_the_same_file(log, tmp_path_factory):
    log.put(DAYS)
    clock = frozen_clock(MADE_AT)
    written = write_report(log.directory, clock=clock)
    first = written.path.read_bytes()
    assert write_report(log.directory, clock=clock).path.read_bytes() == first
    other = Log(tmp_path_factory.mktemp("other"))
    for log_day in reversed(DAYS):
        other.put({log_day: DAYS[log_day]})
    assert write_report(other.directory, clock=clock).path.read_bytes() == first


def test_a_model_without_days_has_a_report(log):
    update_model(log.directory)
    words = read(log).words
    assert "There are no log days in the model yet." in words
    assert "Log days in the model 0" in words


def test_without_a_model_there_is_no_report(log):
    with pytest.raises(ModelError, match="there is no model yet"):
        write_report(log.directory)
    assert not log.directory.reports.exists()
