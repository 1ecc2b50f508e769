"""R1 to R6, story by story: the model and the interpreter both come to what the story tells."""

import pytest

from woopra_pipeline.data_directory import DataDirectory, checkout
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.model.interpreter import interpret, tables
from woopra_pipeline_tests.model.merge_stories import read_stories
from woopra_pipeline_tests.model.parsed_files import put_day
from woopra_pipeline_tests.model.published_tables import published_tables

STORIES = read_stories()
RULES = (checkout() / "docs" / "rules.md").read_text(encoding="utf-8")

each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


@each_story
def test_the_interpreter_tells_it(story):
    assert story.rows_of(tables(interpret(story.files))) == story.rows


@each_story
def test_the_model_tells_it_though_the_last_day_comes_first(story, tmp_path):
    directory = DataDirectory(tmp_path)
    *earlier, last = sorted(story.files)
    for log_days in ([last], earlier):
        for log_day in log_days:
            put_day(directory, log_day, story.files[log_day])
        update_model(directory, rebuild_share=2)
    assert story.rows_of(published_tables(directory)) == story.rows


@each_story
def test_a_rule_cites_it(story):
    assert f"stories/{story.name}.md\n" in RULES


def test_every_story_has_a_purpose_of_its_own():
    assert all(story.purpose for story in STORIES)
    assert len({story.title for story in STORIES}) == len(STORIES) > 20
