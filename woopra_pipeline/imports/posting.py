"""Sends planned batches, and decides by each answer what to do next.

2xx                                     accepted, unless `answers` doubts it: then unknown
no connection, 429, 503 with a wait     nothing was accepted: tried again after a while
400, 422                                halved until each bad line is alone; these are rejected
413                                     halved, and later batches are smaller
any other 3xx and 4xx                   ends the run and rejects nothing: everything stays planned
anything else, or no answer             unknown: it may have been imported
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from woopra_pipeline.clock import Clock
from woopra_pipeline.errors import (
    CredentialsRejectedError,
    RequestRejectedError,
    ServiceUnavailableError,
)
from woopra_pipeline.imports.answers import Doubt, doubt_about
from woopra_pipeline.imports.batch_files import BatchFile, is_erased, read_lines
from woopra_pipeline.imports.ledger import Batch, Ledger, State
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import Shape
from woopra_pipeline.woopra.client import ImportAttempt, ImportOutcome, WoopraClient
from woopra_pipeline.woopra.headers import retry_after_seconds

REJECTING = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
CREDENTIALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
LONGEST_REASON = 300


class _NothingTakenError(Exception):
    """No line of the request was accepted, and a later request may be; the message says why."""

    def __init__(self, reason: str, wait_seconds: float) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


@dataclass
class Streak:
    """How many batches of a run, one after another, of all sources, got no clear answer."""

    length: int = 0


class Poster:
    """Sends batches of sources that the caller holds."""

    def __init__(
        self,
        ledger: Ledger,
        client: WoopraClient,
        *,
        settings: ImportSettings,
        streak: Streak,
        clock: Clock,
        notify: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._settings = settings
        self._clock = clock
        self._notify = notify
        self._sleep = sleep
        self._backoff = wait_exponential(
            multiplier=client.settings.first_backoff, max=client.settings.longest_backoff
        ) + wait_random(0, client.settings.first_backoff)
        self._largest_body: int | None = None
        self._streak = streak
        self._file: BatchFile | None = None
        self._lines: Sequence[bytes] = ()

    def post_planned(self, source: str, last_day: date, *, only_asked_for: bool = False) -> None:
        """Send everything planned for a source, of days up to `last_day`, in order.

        Each batch ends up accepted, rejected or unknown; or still planned, if this raises
        `CredentialsRejectedError`, `RequestRejectedError`, `RateBudgetSpentError` or, if the
        service could not be reached or too often gave no clear answer, `ServiceUnavailableError`.
        """
        while batch := self._ledger.next_planned(source, last_day, only_asked_for=only_asked_for):
            self._post(batch)

    def _post(self, batch: Batch) -> None:
        lines = self._lines_of(batch)
        body = b"".join(line + b"\n" for line in lines if not is_erased(line))
        if not body:
            self._ledger.settle(batch, State.REJECTED, reason="its persons were erased")
            return
        limit = self._largest_body
        if limit is not None and len(body) > limit and len(lines) > 1:
            self._split(batch, lines, None, f"batches above {limit:,} bytes were too large")
            return
        attempt = self._send(batch, body)
        status, answer = attempt.status, attempt.body
        if status is not None and 200 <= status < 300:
            doubt = doubt_about(status, attempt.headers or {}, attempt.body)
            if doubt is not None:
                self._unknown(batch, status, doubt, answer)
                return
            self._ledger.settle(batch, State.ACCEPTED, status=status, answer=answer)
        elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            self._largest_body = len(body) // 2
            self._halve(batch, lines, status, answer)
        elif status in REJECTING:
            self._halve(batch, lines, status, answer)
        else:
            reason = attempt.problem or f"status {status} after it was sent"
            self._unknown(batch, status, Doubt(reason), answer)
            return
        self._streak.length = 0

    def _lines_of(self, batch: Batch) -> Sequence[bytes]:
        if batch.file != self._file:
            self._lines = read_lines(self._ledger.directory, batch.file)
            self._file = batch.file
        return self._lines[batch.lines]

    def _send(self, batch: Batch, body: bytes) -> ImportAttempt:
        """Send one batch; repeat it as long as the answer only says that nothing was accepted."""
        attempts = self._client.settings.attempts
        retrying = Retrying(
            retry=retry_if_exception_type(_NothingTakenError),
            stop=stop_after_attempt(attempts),
            wait=lambda state: max(self._backoff(state), _failure(state).wait_seconds),
            sleep=self._sleep,
            before_sleep=lambda state: self._notify(
                f"Import batch {batch.batch_id}, attempt {state.attempt_number} of {attempts}: "
                f"{_failure(state)}; the next one follows in {state.upcoming_sleep:.0f} s"
            ),
            reraise=True,
        )
        try:
            attempt: ImportAttempt = retrying(self._attempt, batch, body)
        except _NothingTakenError as error:
            raise ServiceUnavailableError(
                f"Woopra ({self._client.settings.host}) accepted no import in {attempts} attempts, "
                f"in the last one {error}: everything is still planned, try again later"
            ) from error
        return attempt

    def _attempt(self, batch: Batch, body: bytes) -> ImportAttempt:
        attempt = self._client.post_import(body, lambda: self._ledger.begin_sending(batch))
        if attempt.outcome is ImportOutcome.NOT_SENT:
            problem = attempt.problem or "no connection was made"
            self._ledger.settle(batch, State.PLANNED, reason=problem)
            raise _NothingTakenError(problem, 0.0)
        if attempt.outcome is ImportOutcome.UNKNOWN:
            return attempt
        status = attempt.status or 0
        wait = retry_after_seconds(attempt.headers or {}, self._clock())
        if status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.SERVICE_UNAVAILABLE and wait is not None
        ):
            self._nothing_taken(batch, attempt)
            if wait is not None and wait > self._client.settings.longest_retry_after:
                raise ServiceUnavailableError(
                    f"Woopra ({self._client.settings.host}) asks to wait {wait:,.0f} s with "
                    f"imports (status {status}): everything is still planned, try again then"
                )
            raise _NothingTakenError(f"it answered with status {status}", wait or 0.0)
        self._raise_if_refused(batch, attempt)
        return attempt

    def _raise_if_refused(self, batch: Batch, attempt: ImportAttempt) -> None:
        """End the run if the answer is about the request itself, not about its lines."""
        status = attempt.status or 0
        if not 300 <= status < 500 or status in {
            *REJECTING,
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        }:
            return
        self._nothing_taken(batch, attempt)
        project = self._client.settings.project
        if status in CREDENTIALS:
            raise CredentialsRejectedError(
                f"Woopra refused the credentials for imports into project {project} (status "
                f"{status}): check WOOPRA_APP_ID, WOOPRA_SECRET_KEY and that they may import; "
                "everything is still planned"
            )
        raise RequestRejectedError(
            f"Woopra accepts no imports into project {project} at this address (status {status}): "
            "check WOOPRA_PROJECT, WOOPRA_BASE_URL and the settings of the import; "
            "everything is still planned"
        )

    def _nothing_taken(self, batch: Batch, attempt: ImportAttempt) -> None:
        self._ledger.settle(
            batch,
            State.PLANNED,
            status=attempt.status,
            reason="no line of it was accepted",
            answer=attempt.body,
        )

    def _halve(self, batch: Batch, lines: Sequence[bytes], status: int, answer: str) -> None:
        """Reject a batch of one line.

        Split a larger one into two, unless that was done too often.
        """
        why = " ".join(answer.split())[:LONGEST_REASON]
        shown = f"status {status}: {why or 'no reason given'}"
        spent = self._ledger.split_count(batch.file_id)
        if len(lines) == 1:
            reason = shown
        elif status in REJECTING and spent >= self._settings.halving_requests:
            reason = f"set aside whole, {spent} requests did not find all bad lines ({shown})"
            self._notify(f"Import batch {batch.batch_id}: {reason}")
        else:
            self._split(batch, lines, status, shown)
            return
        self._ledger.settle(batch, State.REJECTED, status=status, reason=reason, answer=answer)

    def _split(self, batch: Batch, lines: Sequence[bytes], status: int | None, reason: str) -> None:
        sizes = [len(line) + 1 for line in lines]
        self._ledger.split(batch, sizes, status=status, reason=f"part of a larger batch ({reason})")

    def _unknown(self, batch: Batch, status: int | None, doubt: Doubt, answer: str) -> None:
        reason = doubt.reason
        self._ledger.settle(batch, State.UNKNOWN, status=status, reason=reason, answer=answer)
        what_next = (
            "it does no harm to send a profile update twice, so the next run sends it again"
            if batch.shape is Shape.PROFILES
            else "it is not sent again before the log of the day shows which"
        )
        self._notify(
            f"Import batch {batch.batch_id} may have been imported or not: {reason}; {what_next}"
        )
        self._streak.length += 1
        if self._streak.length >= self._settings.unknown_in_a_row:
            in_a_row, self._streak.length = self._streak.length, 0
            said = (
                f"Woopra ({self._client.settings.host}) gave no clear answer to "
                f"{in_a_row} imports in a row, in the last one {reason}"
            )
            if doubt.looks_like_a_proxy:
                raise ServiceUnavailableError(
                    f"{said}: this looks like a proxy or a login page that answers in its place, "
                    "so check the network and WOOPRA_BASE_URL; the rest is still planned, "
                    "try again then"
                )
            raise ServiceUnavailableError(f"{said}: the rest is still planned, try again later")


def _failure(state: RetryCallState) -> _NothingTakenError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, _NothingTakenError)
    return error
