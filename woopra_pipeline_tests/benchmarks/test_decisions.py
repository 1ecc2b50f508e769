"""The records of decisions: each is in the index, says why and how much, and leads somewhere."""

import re

import pytest

from woopra_pipeline.data_directory import checkout

FOLDER = checkout() / "docs" / "decisions"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
RECORDS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("[0-9]*.md"))}


def test_the_index_lists_every_record_in_order():
    assert re.findall(r"^\| \[\d{4}\]\((.+?)\)", INDEX, re.MULTILINE) == list(RECORDS)


def test_records_are_numbered_without_gaps():
    numbers = [int(name[:4]) for name in RECORDS]
    assert numbers == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_has_its_title_of_the_index_and_its_parts(name):
    text = RECORDS[name]
    title = text.partition("\n")[0].removeprefix(f"# {name[:4]}: ")
    assert f"| [{name[:4]}]({name}) | {title} |" in INDEX
    parts = [text.index(f"**{part}.**") for part in ("Context", "Decision", "Figures")]
    assert parts == sorted(parts)


@pytest.mark.parametrize("name", ["README.md", *RECORDS])
def test_every_link_of_a_record_leads_somewhere(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (FOLDER / link).resolve().exists(), link
