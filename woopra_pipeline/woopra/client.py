"""The HTTP client: downloads of the export, single attempts of the import, one way of failing.

Downloads are repeated until they are complete or the attempts are used up. An import is tried once,
and the caller learns what is known about it: a line that is sent twice is in Woopra twice.
"""

import gzip
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import Self, TypeVar

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    LogDayNotClosedError,
    LogDayNotFoundError,
    RequestRejectedError,
    ServiceUnavailableError,
)
from woopra_pipeline.http_environment import UNUSABLE_ENVIRONMENT, unusable_environment
from woopra_pipeline.woopra.deadline import Deadline
from woopra_pipeline.woopra.gzip_stream import BrokenGzipError, gunzipped
from woopra_pipeline.woopra.headers import (
    content_encodings,
    http_date,
    retry_after_seconds,
    whole_number,
)
from woopra_pipeline.woopra.log_days import end_of_log_day
from woopra_pipeline.woopra.outside_text import clean_http_logs
from woopra_pipeline.woopra.pace import TooSlowError, kept_up
from woopra_pipeline.woopra.rate_budget import RateBudget
from woopra_pipeline.woopra.settings import WoopraSettings
from woopra_pipeline.woopra.web_pages import WebPageError, without_web_page

T = TypeVar("T")

_log = logging.getLogger(__name__)

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
LARGEST_EXCERPT = 200
LARGEST_KEPT_BODY = 65_536


class AttemptFailedError(Exception):
    """One attempt failed in a way that the next one may not; the message says how.

    The consumer of a download raises it too, for a body that cannot be the whole file.
    """

    def __init__(self, reason: str, *, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class ExportResponse:
    """A 200 of the export: its headers, and its decoded body still to be read."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    next_position: int | None
    """The byte position to continue from, where the service names one."""
    chunks: Iterator[bytes]
    """Bytes of the file in order; raises `AttemptFailedError` if the body does not end whole."""

    @property
    def has_announced_end(self) -> bool:
        """Whether its length or encoding shows if the body is cut.

        Otherwise the body ends with the connection, for whatever reason.
        """
        encodings = " ".join(
            self.headers.get(name, "") for name in ("transfer-encoding", "content-encoding")
        ).lower()
        return "content-length" in self.headers or "chunked" in encodings or "gzip" in encodings


class ImportOutcome(Enum):
    """What is known about a request that may have changed something."""

    ANSWERED = "answered"
    """The service answered; the status says the rest."""
    NOT_SENT = "not sent"
    """No connection was made, so the service has not received it."""
    UNKNOWN = "unknown"
    """It was sent, in whole or in part, and no answer came: it may have been imported."""


@dataclass(frozen=True)
class ImportAttempt:
    """The result of posting one body to the import."""

    outcome: ImportOutcome
    status: int | None = None
    headers: Mapping[str, str] | None = None
    body: str = ""
    """The answer's text, at most its first 64 KiB."""
    problem: str | None = None
    """The error, if there was no answer."""


class WoopraClient:
    """A connection to one Woopra project, to be used as a context manager; thread-safe.

    Every attempt, repeated ones included, takes its place in the rate budget kept in the file
    `rate_budget_path`. Waits are announced through `notify` and slept with `sleep`; `stopwatch`
    counts the seconds that downloads are waited for. What the methods raise never carries the
    secret key.
    """

    def __init__(
        self,
        settings: WoopraSettings,
        *,
        clock: Clock = system_clock,
        rate_budget_path: Path | None = None,
        transport: httpx.BaseTransport | None = None,
        notify: Callable[[str], None] = _log.warning,
        sleep: Callable[[float], None] = time.sleep,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raise `ConfigurationError` if the rate budget is on and has no usable file.

        Raised too if the environment names a proxy or certificates that cannot be used.
        """
        self.settings = settings
        self._clock = clock
        self._notify = notify
        self._sleep = sleep
        self._outside_text = settings.outside_text
        self._http = _http_client(settings, transport)
        self._stopwatch = stopwatch
        self._budget: RateBudget | None = None
        if settings.rate_budget:
            if rate_budget_path is None:
                raise ConfigurationError("The rate budget needs a file to count requests in")
            self._budget = RateBudget(
                rate_budget_path, settings, clock=clock, sleep=sleep, notify=notify
            )
        self._backoff = wait_exponential(
            multiplier=settings.first_backoff, max=settings.longest_backoff
        ) + wait_random(0, settings.first_backoff)
        self._closing = ExitStack()
        self._closing.enter_context(clean_http_logs(self._outside_text))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the rate budget's file."""
        self._http.close()
        if self._budget is not None:
            self._budget.close()
        self._closing.close()

    def download_log_day(self, log_day: date, consume: Callable[[ExportResponse], T]) -> T:
        """Download the file of a closed log day; return what `consume` made of it.

        `consume` is called again for each attempt, and must start from the beginning. It reads the
        chunks to their end, and may raise `AttemptFailedError` if the body is not whole.

        Raises `LogDayNotClosedError` before any request is made, or if the service's clock, which
        decides, says that the day is not over; `LogDayNotFoundError`,
        `CredentialsRejectedError`, `RequestRejectedError`, `RateBudgetSpentError`, and
        `ServiceUnavailableError` when no attempt brought the whole file.
        """
        closes_at = end_of_log_day(log_day)
        if self._clock() < closes_at:
            raise LogDayNotClosedError(
                f"Log day {log_day} is not over: its file is complete from "
                f"{closes_at:%Y-%m-%d %H:%M} UTC on (midnight in Los Angeles), fetch it then"
            )

        def consume_what_is_over(response: ExportResponse) -> T:
            answered_at = http_date(response.headers.get("date", ""))
            if answered_at is not None and answered_at < closes_at:
                raise LogDayNotClosedError(
                    f"Log day {log_day} is not over by the clock of Woopra's answer, "
                    f"{answered_at:%Y-%m-%d %H:%M:%S} UTC: set the clock of this machine right, "
                    f"and fetch the day from {closes_at:%Y-%m-%d %H:%M} UTC on"
                )
            return consume(response)

        return self._retrying(log_day, {}, consume_what_is_over)

    def read_log_day_from(
        self, log_day: date, position: int, consume: Callable[[ExportResponse], T]
    ) -> T:
        """Read a log day's file, which may still be growing, from byte `position` on.

        Works and raises like `download_log_day`, except that the day need not be closed.
        """
        return self._retrying(log_day, {self.settings.position_parameter: str(position)}, consume)

    def post_import(
        self, body: bytes, before_sending: Callable[[], None] = lambda: None
    ) -> ImportAttempt:
        """Send `body`, line-separated JSON, to the import: one attempt, never repeated.

        `before_sending` is called when the budget allows the request, before the first byte is
        sent. Returns what is known about it in every case. Raises `RateBudgetSpentError`, with
        nothing sent, if the budget does not allow it.
        """
        settings = self.settings
        headers = {"Content-Type": settings.import_content_type}
        if settings.import_gzip:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, mtime=0)
        self._take_from_budget()
        before_sending()
        upload_seconds = len(body) / settings.lowest_rate if settings.lowest_rate > 0 else 0.0
        deadline = Deadline(settings.answer_deadline + upload_seconds)
        try:
            with (
                deadline,
                self._http.stream(
                    settings.import_method,
                    settings.url(settings.import_path),
                    params={settings.project_parameter: settings.project},
                    headers=headers,
                    content=body,
                    extensions={"trace": deadline.trace},
                ) as response,
            ):
                return ImportAttempt(
                    ImportOutcome.ANSWERED,
                    response.status_code,
                    self._outside_text.headers(response.headers),
                    self._outside_text.lines(
                        _text_at_hand(response, LARGEST_KEPT_BODY), LARGEST_KEPT_BODY
                    ),
                )
        except NEVER_SENT as error:
            return ImportAttempt(ImportOutcome.NOT_SENT, problem=self._reason(error))
        except httpx.TransportError as error:
            return ImportAttempt(ImportOutcome.UNKNOWN, problem=self._reason(error, deadline))

    def _retrying(
        self, log_day: date, parameters: dict[str, str], consume: Callable[[ExportResponse], T]
    ) -> T:
        settings = self.settings
        retrying = Retrying(
            retry=retry_if_exception_type(AttemptFailedError),
            stop=stop_after_attempt(settings.attempts),
            wait=self._wait_seconds,
            sleep=self._sleep,
            before_sleep=lambda state: self._announce(log_day, state),
            reraise=True,
        )
        try:
            result: T = retrying(self._attempt, log_day, parameters, consume)
        except AttemptFailedError as error:
            attempts = f"{settings.attempts} attempts" if settings.attempts > 1 else "one attempt"
            raise ServiceUnavailableError(
                f"Woopra ({settings.host}) did not deliver log day {log_day} in {attempts}, "
                f"in the last one {error}: try again later"
            ) from None
        return result

    def _wait_seconds(self, state: RetryCallState) -> float:
        return max(self._backoff(state), _failure(state).wait_seconds)

    def _announce(self, log_day: date, state: RetryCallState) -> None:
        self._notify(
            f"Log day {log_day}, attempt {state.attempt_number} of {self.settings.attempts}: "
            f"{_failure(state)}; the next one follows in {state.upcoming_sleep:.0f} s"
        )

    def _attempt(
        self, log_day: date, parameters: dict[str, str], consume: Callable[[ExportResponse], T]
    ) -> T:
        settings = self.settings
        query = {
            settings.project_parameter: settings.project,
            settings.file_parameter: log_day.isoformat(),
            **parameters,
        }
        self._take_from_budget()
        deadline = Deadline(settings.answer_deadline)
        try:
            with (
                deadline,
                self._http.stream(
                    "GET",
                    settings.url(settings.export_path),
                    params=query,
                    extensions={"trace": deadline.trace},
                ) as response,
            ):
                self._raise_for_status(log_day, response)
                deadline.lift()
                return consume(
                    ExportResponse(
                        response.status_code,
                        self._outside_text.headers(response.headers),
                        whole_number(response.headers.get(settings.position_header, "")),
                        _no_web_page(self._body(response)),
                    )
                )
        except httpx.TransportError as error:
            # Without its cause: the text of the library may contain the credentials.
            raise AttemptFailedError(self._reason(error, deadline)) from None

    def _body(self, response: httpx.Response) -> Iterator[bytes]:
        """The body, decoded; httpx itself sees to it that Content-Length and chunks are kept."""
        encodings = content_encodings(response.headers.get("content-encoding", ""))
        chunks: Iterable[bytes] = kept_up(
            response.iter_raw(),
            lowest_rate=self.settings.lowest_rate,
            window=self.settings.rate_window,
            stopwatch=self._stopwatch,
        )
        if encodings == ["gzip"]:
            chunks = gunzipped(chunks, largest_growth=self.settings.largest_growth)
        elif encodings:
            shown = self._outside_text.sentence(", ".join(encodings))
            raise AttemptFailedError(f"the body came as {shown}, which was not asked for")
        try:
            yield from chunks
        except (BrokenGzipError, TooSlowError) as error:
            raise AttemptFailedError(self._outside_text.sentence(error)) from None
        except httpx.TransportError as error:
            raise AttemptFailedError(self._reason(error)) from None

    def _raise_for_status(self, log_day: date, response: httpx.Response) -> None:
        status = response.status_code
        project = self.settings.project
        if status == HTTPStatus.OK:
            return
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise CredentialsRejectedError(
                f"Woopra refused the credentials for project {project} (status {status}): "
                "check WOOPRA_APP_ID, WOOPRA_SECRET_KEY and that they may read its logs"
            )
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise LogDayNotFoundError(
                f"Woopra has no file of log day {log_day} for project {project} (status {status}):"
                " it is not there yet or has expired, or WOOPRA_PROJECT names no project"
            )
        if response.is_redirect:
            target = response.next_request.url.host if response.next_request else ""
            target = self._outside_text.sentence(target) or "elsewhere"
            raise RequestRejectedError(
                f"Woopra ({self.settings.host}) redirects to {target} (status {status}), and "
                "credentials are sent only to the address that is set: check WOOPRA_BASE_URL"
            )
        if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS} or (
            not response.is_client_error
        ):
            raise AttemptFailedError(
                f"it answered with status {status}", wait_seconds=self._retry_after(response)
            )
        raise RequestRejectedError(
            f"Woopra refused to export log day {log_day} of project {project} (status {status}): "
            f"{self._excerpt(response)}"
        )

    def _retry_after(self, response: httpx.Response) -> float:
        """The seconds that the service asks to wait.

        0 if it does not, or if they cannot be read.
        """
        now = self._clock()
        seconds = retry_after_seconds(response.headers, now) or 0.0
        if seconds > self.settings.longest_retry_after:
            raise ServiceUnavailableError(
                f"Woopra ({self.settings.host}) asks to wait until {_later(now, seconds)} "
                f"(status {response.status_code}): try again then"
            )
        return seconds

    def _excerpt(self, response: httpx.Response) -> str:
        # The text is shortened last, because a shortened text could keep a part of the secret.
        text = _text_at_hand(response, LARGEST_KEPT_BODY)
        return self._outside_text.sentence(text, LARGEST_EXCERPT) or "it did not say why"

    def _reason(self, error: httpx.TransportError, deadline: Deadline | None = None) -> str:
        if deadline is not None and deadline.has_passed:
            return f"no whole answer came in {deadline.seconds:g} s"
        match error:
            case httpx.ConnectTimeout():
                return f"no connection was made within {self.settings.connect_timeout:g} s"
            case httpx.ConnectError() | httpx.ProxyError():
                return f"no connection was made ({self._outside_text.sentence(error)})"
            case httpx.ReadTimeout():
                return f"it was silent for {self.settings.read_timeout:g} s"
            case _:
                said = self._outside_text.sentence(error) or type(error).__name__
                return f"the connection broke ({said})"

    def _take_from_budget(self) -> None:
        if self._budget is not None:
            self._budget.take()


def _http_client(settings: WoopraSettings, transport: httpx.BaseTransport | None) -> httpx.Client:
    try:
        return httpx.Client(
            auth=httpx.BasicAuth(settings.app_id, settings.secret_key),
            headers={"User-Agent": "woopra-pipeline", "Accept-Encoding": "gzip"},
            timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout),
            # A kept connection may have died unnoticed, and a request that was lost on it may have
            # arrived.
            limits=httpx.Limits(max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=settings.host not in LOOPBACK_HOSTS,
            transport=transport,
        )
    except UNUSABLE_ENVIRONMENT:
        raise unusable_environment() from None


def _failure(state: RetryCallState) -> AttemptFailedError:
    """Why the last attempt of `state` failed."""
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, AttemptFailedError)
    return error


def _no_web_page(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """`chunks`, unless they are a web page or contain one."""
    try:
        yield from without_web_page(chunks)
    except WebPageError:
        raise AttemptFailedError("it answered with a web page instead of a log file") from None


def _text_at_hand(response: httpx.Response, largest: int) -> str:
    """The first `largest` bytes of an answer's text, as far as they arrived."""
    text = bytearray()
    try:
        for chunk in response.iter_bytes():
            text += chunk
            if len(text) >= largest:
                break
    except (httpx.TransportError, httpx.DecodingError):
        pass
    return text[:largest].decode("utf-8", "replace")


def _later(now: datetime, seconds: float) -> str:
    try:
        return f"{now + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return "further notice"
