"""The settings for one Woopra project, with every detail of its API that may differ.

The endpoint details have the values the service documents today. Older versions of the API differ
in some of them, and its documentation does not specify others. So all of them are settings.
"""

from dataclasses import dataclass, field
from functools import cached_property

from woopra_pipeline.control_characters import is_utf8, visible
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.woopra.outside_text import OutsideText

IN_ENVIRONMENT = ("project", "app_id", "secret_key", "base_url")
SENT = (
    *IN_ENVIRONMENT,
    "export_path",
    "import_path",
    "import_method",
    "import_content_type",
    "project_parameter",
    "file_parameter",
    "position_parameter",
    "position_header",
)
"""Texts that become part of a request."""


@dataclass(frozen=True, kw_only=True)
class WoopraSettings:
    """A project, its credentials and how its API is used.

    Raises `ConfigurationError` if something is missing or malformed.
    """

    project: str
    app_id: str
    secret_key: str = field(repr=False)
    base_url: str = "https://www.woopra.com/rest/3.7"

    export_path: str = "logs/export"
    import_path: str = "logs/import"
    import_method: str = "POST"
    import_content_type: str = "text/plain; charset=utf-8"
    import_gzip: bool = False
    """Whether imports are sent compressed."""
    project_parameter: str = "website"
    file_parameter: str = "file"
    position_parameter: str = "pos"
    position_header: str = "X-Woopra-Pos"

    attempts: int = 8
    """How many times in total a request is tried that may be repeated."""
    connect_timeout: float = 15.0
    """Seconds until a connection must be made."""
    read_timeout: float = 180.0
    """Seconds the service may stay silent before or within an answer."""
    lowest_rate: float = 1_000.0
    """Bytes a second that a download must bring in each window; 0 for no limit."""
    rate_window: float = 60.0
    """The window for that rate, in seconds of waiting."""
    answer_deadline: float = 600.0
    """Seconds until the head of a download or the whole answer to an import must be there.

    An import gets more seconds: as many as its body takes at the lowest rate.
    """
    largest_growth: int = 1_000
    """How many times larger a download may become when it is decompressed.

    Up to 64 MiB are always allowed.
    """
    least_free_bytes: int = 32 << 20
    """Bytes that must stay free on the disk; otherwise a download stops."""
    first_backoff: float = 1.0
    """Seconds between the first two attempts; doubled for each one after."""
    longest_backoff: float = 60.0
    """The longest pause between attempts, in seconds."""
    longest_retry_after: float = 900.0
    """The longest wait that the service may ask for, in seconds.

    If it asks for more, the request fails.
    """

    rate_budget: bool = True
    """Whether requests are counted against the limits below."""
    requests_per_minute: int = 300
    requests_per_hour: int = 600
    requests_per_day: int = 3_000
    longest_budget_wait: float = 3_600.0
    """Seconds to wait for a request's place in the budget before giving up."""

    def __post_init__(self) -> None:
        import httpx

        for name in ("project", "app_id", "secret_key"):
            if not getattr(self, name).strip():
                raise ConfigurationError(
                    f"The setting {name} is empty: set WOOPRA_{name.upper()} to use the service"
                )
        for name in SENT:
            if not _can_be_sent(getattr(self, name)):
                variable = f"WOOPRA_{name.upper()}" if name in IN_ENVIRONMENT else name
                raise ConfigurationError(
                    f"{variable} has a control character in it or is not UTF-8: set it again"
                )
        try:
            url = httpx.URL(self.base_url)
            url.host.encode("idna")
        except (httpx.InvalidURL, UnicodeError):
            url = httpx.URL()
        if url.userinfo:
            raise ConfigurationError(
                "WOOPRA_BASE_URL must not carry credentials: "
                "set WOOPRA_APP_ID and WOOPRA_SECRET_KEY instead"
            )
        if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
            raise ConfigurationError(
                "WOOPRA_BASE_URL must be an http or https address without a query, "
                "like https://www.woopra.com/rest/3.7"
            )
        if self.attempts < 1:
            raise ConfigurationError(f"attempts must be at least 1, not {self.attempts}")
        for name in ("rate_window", "answer_deadline", "largest_growth"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} must be above 0, not {getattr(self, name)}")

    @property
    def host(self) -> str:
        """The host of the service, for messages."""
        import httpx

        return httpx.URL(self.base_url).host

    @cached_property
    def outside_text(self) -> OutsideText:
        """Removes these credentials from outside texts: an answer may repeat the request."""
        return OutsideText(self.app_id, self.secret_key)

    def url(self, path: str) -> str:
        """The address of the endpoint at `path`, without its parameters."""
        return f"{self.base_url.rstrip('/')}/{path.strip('/')}"


def _can_be_sent(text: str) -> bool:
    return is_utf8(text) and visible(text) == text
