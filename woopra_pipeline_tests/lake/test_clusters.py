"""The lake's tables on clusters of two workers, of Spark and of Sail: the interpreter's too."""

import pytest

from woopra_pipeline_tests.lake.computed_tables import computed_tables, expected_tables
from woopra_pipeline_tests.lake.sail_cluster import WORKERS, sail_cluster
from woopra_pipeline_tests.lake.spark_cluster import spark_cluster
from woopra_pipeline_tests.lake.test_tables_equal_interpreter import HARD_LINES, STORIES
from woopra_pipeline_tests.merge_shapes import SHAPES
from woopra_pipeline_tests.model.published_tables import in_order

pytest.importorskip("pyspark")


def all_in_one_log():
    """Stories, shapes and hard lines: a cluster takes long for a little, and no longer for more."""
    log = dict(STORIES["missing-day"].files)
    log[min(log)] += HARD_LINES + "".join(line for shape in SHAPES for line in shape(20)).encode()
    return log


def assert_equal_on(remote, folder):
    from woopra_pipeline.lake.spark_engine import SparkEngine

    log = all_in_one_log()
    computed = computed_tables(lambda lake, scratch: SparkEngine(lake, remote), folder, log)
    assert in_order(computed) == expected_tables(log)
    assert not list((folder / "scratch").rglob("*.parquet"))


@pytest.mark.spark
def test_spark_with_two_executors(tmp_path):
    with spark_cluster(tmp_path) as remote:
        assert_equal_on(remote, tmp_path / "lake")


@pytest.mark.long
def test_sail_with_two_workers(tmp_path):
    with sail_cluster(tmp_path) as (remote, pods):
        assert_equal_on(remote, tmp_path / "lake")
        assert len(pods.processes) == WORKERS
