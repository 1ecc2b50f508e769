"""The faults of the service, one request at a time."""

from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from itertools import count
from typing import Literal, NamedTuple

from woopra_pipeline.sandbox.chance import Chance

Endpoint = Literal["export", "import"]


class Mood(StrEnum):
    """A fault of a request."""

    SLOW = "slow"
    """The answer keeps the client waiting."""
    SERVER_ERROR = "server-error"
    """500, and nothing done."""
    UNAUTHORIZED = "unauthorized"
    """401, though the credentials are right."""
    MIDNIGHT = "midnight"
    """The log day ends between the request and its effect; needs a clock that can skip."""
    RESET = "reset"
    """The connection breaks in the middle of the file."""
    TRUNCATED = "truncated"
    """The file ends in the middle of a line, without notice."""
    CUT_AT_LINE = "cut-at-line"
    """The file ends early, at the end of a line, and its length fits.

    Only its position is right.
    """
    ERROR_BODY = "error-body"
    """200, with an error in place of the file."""
    WEB_PAGE = "web-page"
    """In the middle of a line, the file continues as a web page."""
    WRONG_LENGTH = "wrong-length"
    """The announced length is larger than the body."""
    BUSY = "busy"
    """503 with a Retry-After, and nothing done."""
    BUSY_AFTERWARDS = "busy-afterwards"
    """503 without a Retry-After, although everything was imported."""
    ANSWER_LOST = "answer-lost"
    """Everything was imported, but the connection breaks before the answer."""
    TOO_LARGE = "too-large"
    """413, however small the request."""


_EVERYWHERE = (Mood.SLOW, Mood.SERVER_ERROR, Mood.UNAUTHORIZED, Mood.MIDNIGHT, Mood.BUSY)
MOODS_OF: dict[Endpoint, tuple[Mood, ...]] = {
    "export": (
        *_EVERYWHERE,
        Mood.RESET,
        Mood.TRUNCATED,
        Mood.CUT_AT_LINE,
        Mood.ERROR_BODY,
        Mood.WEB_PAGE,
        Mood.WRONG_LENGTH,
    ),
    "import": (*_EVERYWHERE, Mood.BUSY_AFTERWARDS, Mood.ANSWER_LOST, Mood.TOO_LARGE),
}


class Drawn(NamedTuple):
    """The mood of one request, None if it is answered normally; and a number in [0, 1)."""

    mood: Mood | None
    luck: float


class Moods:
    """Decides the mood of each request: first those in `upcoming`, then by chance.

    By chance a share of the requests gets one of `moods`, where the endpoint can have it; which
    ones depends on `seed` and the number of requests so far alone.
    """

    def __init__(self, moods: Iterable[Mood] = (), share: float = 0.3, seed: int = 1) -> None:
        self.upcoming: deque[Mood | None] = deque()
        self._moods = frozenset(moods)
        self._share = share
        self._chance = Chance(seed)
        self._numbers = count()

    def next(self, endpoint: Endpoint) -> Drawn:
        """The mood in which the next request to an endpoint is answered."""
        number = next(self._numbers)
        luck = self._chance.one("luck", number)
        if self.upcoming:
            mood = self.upcoming.popleft()
            return Drawn(mood if mood in MOODS_OF[endpoint] else None, luck)
        possible = [mood for mood in MOODS_OF[endpoint] if mood in self._moods]
        if not possible or self._chance.one("mood or none", number) >= self._share:
            return Drawn(None, luck)
        return Drawn(possible[int(self._chance.one("mood", number) * len(possible))], luck)
