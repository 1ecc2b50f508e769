"""What each fault of the server makes of an answer, and how HTTP carries a good one."""

import gzip
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

import orjson

from woopra_pipeline_tests.scripted_server import (
    Answer,
    ReceivedRequest,
    chunked,
    gzipped,
    head,
    raw,
    short,
    whole,
)

WEB_PAGE = b"<!DOCTYPE html><html><body>Sign in to the network (%d)</body></html>"
JSON_ERROR = b'{"error":"internal","success":false,"request":"%d"}'
JSON_TYPE = {"Content-Type": "application/json"}
SECONDS_SLOW = 0.5


@dataclass(frozen=True)
class Asked:
    """A request, what a good answer would bring, and the chances of how it goes wrong."""

    request: ReceivedRequest
    file: bytes
    """From the position on that was asked for; empty for an import."""
    end: int
    """The position where the file ends."""
    chance: random.Random
    now: datetime
    cuts: set[int]
    """Where the file was cut before."""


Fault = Callable[[Asked], Answer | None]
"""The answer that a fault gives; None if it can make nothing of this request."""


def refusal(text: bytes, *statuses: int, waits: bool = False) -> Fault:
    """A fault that answers with one of these statuses, perhaps with a Retry-After."""

    def answer(asked: Asked) -> Answer:
        wait = asked.chance.choice(["0", "1", format_datetime(asked.now)])
        headers = {"Retry-After": wait} if waits else {}
        return whole(text, asked.chance.choice(statuses), headers)

    return answer


def web_page(asked: Asked) -> Answer:
    """What a proxy says with a 200; never the same page twice."""
    return whole(WEB_PAGE % asked.chance.randrange(1 << 30))


def json_error(asked: Asked) -> Answer:
    """What a service says that does not trust in statuses; never the same twice."""
    return whole(JSON_ERROR % asked.chance.randrange(1 << 30), headers=JSON_TYPE)


def echo(status: int) -> Fault:
    """A fault that repeats the request, as careless services do, its credentials included."""

    def answer(asked: Asked) -> Answer:
        headers = "".join(f"{name}: {value}\n" for name, value in asked.request.headers.items())
        return whole(f"What is {asked.request.path}?\n{headers}".encode(), status)

    return answer


def lost(_: Asked) -> Answer:
    """No answer: the connection breaks."""
    return raw(reset=True)


def cut_off(*, reset: bool) -> Fault:
    """A fault that lets fewer bytes come than were announced."""

    def answer(asked: Asked) -> Answer | None:
        if not asked.file:
            return None
        return short(asked.file, missing=asked.chance.randint(1, len(asked.file)), reset=reset)

    return answer


def without_last_chunk(asked: Asked) -> Answer | None:
    """A chunked body that stops before it says that it is over."""
    if len(asked.file) < 2:
        return None
    return chunked(asked.file, end=b"", reset=asked.chance.random() < 0.5)


def gzip_cut(asked: Asked) -> Answer:
    """A gzip body that stops before it says that it is over."""
    size = len(gzip.compress(asked.file))
    return gzipped(asked.file, missing=asked.chance.randint(1, size - 1))


def ending_too_early(*, within_line: bool) -> Fault:
    """A fault that ends a body with the connection; never twice at the same place."""

    def answer(asked: Asked) -> Answer | None:
        file = asked.file
        ends = [place for place in range(1, len(file)) if file[place - 1 : place] == b"\n"]
        if within_line:
            places = {end + 2 for end in ends if file[end : end + 1] == b"{"}
        else:
            places = {end for end in ends if file[end:].strip()}
        if not places - asked.cuts:
            return None
        place = asked.chance.choice(sorted(places - asked.cuts))
        asked.cuts.add(place)
        return raw(head(200, position(asked)), file[:place])

    return answer


def position(asked: Asked) -> dict[str, str]:
    """The header that says where the file ends, which a service may leave out."""
    return {"X-Woopra-Pos": str(asked.end)} if asked.chance.random() < 0.5 else {}


def slow(asked: Asked) -> Answer:
    """A good answer, after a while."""
    time.sleep(SECONDS_SLOW)
    return well(asked)


def well(asked: Asked) -> Answer:
    """The whole file, in one of the ways in which HTTP can carry it."""
    match asked.chance.choice(["length", "length", "gzip", "chunked", "closing"]):
        case "gzip":
            return gzipped(asked.file)
        case "chunked" if len(asked.file) > 1:
            return chunked(asked.file)
        case "closing":
            return raw(head(200, position(asked)), asked.file)
    return whole(asked.file, headers=position(asked))


def taken(asked: Asked) -> Answer:
    """What may be said of an import that was taken."""
    body = asked.chance.choice([b"", b"ok", orjson.dumps({"imported": True})])
    return whole(body, asked.chance.choice([200, 201]))


DOWNLOAD_FAULTS: Mapping[str, Fault] = {
    "reset": cut_off(reset=True),
    "short": cut_off(reset=False),
    "chunks-cut": without_last_chunk,
    "gzip-cut": gzip_cut,
    "cut-in-line": ending_too_early(within_line=True),
    "cut-at-line": ending_too_early(within_line=False),
    "unavailable": refusal(b"Try again later", 500, 502, 503, 504),
    "busy": refusal(b"Too many", 429, 503, waits=True),
    "missing": refusal(b"There is no such file", 404),
    "unauthorized": refusal(b"Who are you?", 401, 403),
    "echo": echo(400),
    "web-page": web_page,
    "json-error": json_error,
    "slow": slow,
}

IMPORT_FAULTS: Mapping[str, Fault] = {
    "request-lost": lost,
    "import-unavailable": refusal(b"Try again later", 500),
    "import-busy": refusal(b"Busy", 429, 503, waits=True),
    "import-unauthorized": refusal(b"Who are you?", 401, 403),
    "import-too-large": refusal(b"Too large", 413),
    "import-web-page": web_page,
    "import-json-error": json_error,
    "import-echo": echo(404),
}
"""In these nothing is imported."""

FAULTS_AFTER_IMPORT: Mapping[str, Fault] = {
    "answer-lost": lost,
    "import-unavailable-after": refusal(b"Something went wrong", 500),
    "import-busy-after": refusal(b"Busy", 503),
}
"""In these everything is imported."""
