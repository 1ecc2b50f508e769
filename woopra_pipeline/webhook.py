"""Sends a text to a webhook, as Slack, Mattermost and Teams offer it.

The address is a secret: anybody who knows it can write there. So it is in no message and no error,
and httpx, which logs the address of every request, must not log it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from woopra_pipeline.errors import AlertError, ConfigurationError
from woopra_pipeline.woopra.outside_text import OutsideText, clean_http_logs

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 10.0
CONNECTION_RETRIES = 2


def post_text(url: str, text: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
    """POST `{"text": text}` to the webhook at `url`; `timeout` is in seconds.

    Raises `ConfigurationError` if `url` is not a web address, and `AlertError` if the text was not
    accepted. Neither contains the address.
    """
    import httpx

    from woopra_pipeline.http_environment import UNUSABLE_ENVIRONMENT, unusable_environment

    try:
        target = httpx.URL(url)
        target.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        target = httpx.URL()
    if target.scheme not in {"http", "https"} or not target.host:
        raise ConfigurationError(
            "WOOPRA_ALERT_WEBHOOK_URL is not a web address: set it to one that begins with https://"
        )
    try:
        client = httpx.Client(
            transport=httpx.HTTPTransport(retries=CONNECTION_RETRIES), timeout=timeout
        )
    except UNUSABLE_ENVIRONMENT:
        raise unusable_environment() from None
    outside_text = OutsideText("", target.raw_path.decode("ascii"))
    try:
        with (
            _unmentioned(target),
            clean_http_logs(outside_text),
            client,
            client.stream("POST", target, json={"text": text}) as response,
        ):
            # Its body, which may be endless, is not needed.
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AlertError(
            f"The alert could not be delivered ({type(error).__name__}): see that the address in "
            "WOOPRA_ALERT_WEBHOOK_URL can be reached from here"
        ) from None
    if not httpx.codes.is_success(status):
        raise AlertError(
            f"The alert was not accepted (status {status}): "
            "check the address in WOOPRA_ALERT_WEBHOOK_URL"
        )


@contextmanager
def _unmentioned(url: "httpx.URL") -> Iterator[None]:
    """Keep `url` out of httpx's log while the block runs."""
    logger = logging.getLogger("httpx")

    def says_nothing(record: logging.LogRecord) -> bool:
        return str(url) not in record.getMessage()

    logger.addFilter(says_nothing)
    try:
        yield
    finally:
        logger.removeFilter(says_nothing)
