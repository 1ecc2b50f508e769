"""The server's faults are faults, and without them it says the truth in every way."""

import random
from collections import Counter
from datetime import date

import httpx
import pytest

from woopra_pipeline_tests.storm.answers import (
    DOWNLOAD_FAULTS,
    FAULTS_AFTER_IMPORT,
    IMPORT_FAULTS,
)
from woopra_pipeline_tests.storm.disks import DAMAGES
from woopra_pipeline_tests.storm.faults import DISKS, DOWNLOADS, IMPORTS
from woopra_pipeline_tests.storm.server import APP_ID, PROJECT, StormServer
from woopra_pipeline_tests.storm.worlds import FIRST_DAY, GeneratedWorld

SECRET = "s3cr3t-17"
CALLER = httpx.Client(trust_env=False, timeout=10)
"""One for all: to make one takes longer than a request. It keeps no connection, as the server."""
LINE = '{"visitor":{"email":"a"},"actions":[{"name":"order","time":1}]}'


def served(*faults: str) -> StormServer:
    """A server in which every request meets one of the faults, if it can."""
    world = GeneratedWorld(random.Random(5), 4)
    server = StormServer(world=world, secret_key=SECRET, seed=1, faults=faults)
    server.share = 1.0 if faults else 0.0
    return server


def get(server: StormServer, log_day: date) -> httpx.Response:
    return CALLER.get(
        f"{server.base_url}/logs/export",
        params={"website": PROJECT, "file": str(log_day)},
        auth=(APP_ID, SECRET),
    )


def post(server: StormServer, body: str) -> httpx.Response:
    return CALLER.post(
        f"{server.base_url}/logs/import",
        params={"website": PROJECT},
        content=body,
        auth=(APP_ID, SECRET),
    )


def test_every_fault_has_a_name():
    assert DOWNLOADS.keys() == DOWNLOAD_FAULTS.keys() | {"late", "versions"}
    assert IMPORTS.keys() == IMPORT_FAULTS.keys() | FAULTS_AFTER_IMPORT.keys()
    assert DISKS.keys() == DAMAGES.keys() | {"full-disk", "file-limit"}


def test_without_faults_it_serves_the_files_in_many_ways():
    with served() as server:
        ways = set()
        for _ in range(15):
            answer = get(server, FIRST_DAY)
            assert answer.status_code == 200
            assert answer.content == server.world.file(FIRST_DAY)
            ways |= answer.headers.keys() & {
                "content-length",
                "content-encoding",
                "transfer-encoding",
            }
        assert len(ways) == 3
        assert not server.struck


@pytest.mark.parametrize("fault", [name for name in DOWNLOAD_FAULTS if name != "slow"])
def test_a_fault_of_a_download_brings_no_file(fault):
    with served(fault) as server:
        try:
            answer = get(server, FIRST_DAY)
        except (httpx.TransportError, httpx.DecodingError):
            answer = httpx.Response(599)
        assert answer.status_code != 200 or answer.content != server.world.file(FIRST_DAY)
        assert server.struck == {fault: 1}


@pytest.mark.parametrize("fault", ["cut-at-line", "cut-in-line"])
def test_a_file_is_never_cut_twice_at_the_same_place(fault):
    with served(fault) as server:
        bodies = Counter(get(server, FIRST_DAY).content for _ in range(60))
        del bodies[server.world.file(FIRST_DAY)]
        assert set(bodies.values()) == {1}


@pytest.mark.parametrize("fault", IMPORTS)
def test_a_fault_of_an_import_takes_all_lines_or_none(fault):
    with served(fault) as server:
        try:
            answer = post(server, f"{LINE}\n{LINE}\n")
        except httpx.TransportError:
            answer = httpx.Response(599)
        assert len(server.world.taken) == (2 if fault in FAULTS_AFTER_IMPORT else 0)
        is_page = fault in {"import-web-page", "import-json-error"}
        assert (answer.status_code == 200) == is_page
        assert server.struck == {fault: 1}


def test_a_day_has_other_contents_first_and_its_own_in_the_end():
    with served("versions", "late") as server:
        for log_day in server.world.days[:-1]:
            answers = [get(server, log_day) for _ in range(12)]
            assert answers[-1].content == server.world.file(log_day)
            contents = {answer.content for answer in answers if answer.status_code == 200}
            assert contents == server.versions[log_day]
        assert server.struck["versions"]
        assert server.struck["late"]


def test_who_has_no_credentials_gets_nothing():
    with served() as server:
        assert CALLER.get(f"{server.base_url}/logs/export").status_code == 401
