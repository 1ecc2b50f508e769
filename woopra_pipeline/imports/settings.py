"""The settings of imports."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from woopra_pipeline.errors import ConfigurationError

IdenticalRows: TypeAlias = Literal["distinct", "counted"]


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """Raises `ConfigurationError` if a value is wrong.

    `identifiers` are the keys of `visitor` that identify people, strongest first: the first one
    that a visitor has is used.
    """

    identifiers: tuple[str, ...] = ("id", "email", "phone", "cookie")
    identical_rows: IdenticalRows = "distinct"
    """Whether identical rows of one result are one visit or event, or as many as there are rows."""

    lines_per_batch: int = 5_000
    bytes_per_batch: int = 8_000_000
    """The largest size of a request, before compression."""
    largest_line: int = 1_000_000
    """Bytes above which a line is set aside."""
    visit_gap_minutes: int = 30
    """A longer pause between two events of a visitor begins a new visit."""

    halving_requests: int = 100
    """How many rejected requests may be used to find the bad lines of a batch.

    Then the rest is set aside.
    """
    unknown_in_a_row: int = 3
    """Batches without a clear answer, one after another, at which a run ends."""

    memory_limit: str = "500MB"
    """How much memory DuckDB may use for a source's query before it uses the disk."""

    read_folders: tuple[str, ...] = ()
    """Folders, besides the data directory, below which sources may read files; absolute paths."""

    def __post_init__(self) -> None:
        for folder in self.read_folders:
            if not Path(folder).is_absolute():
                raise ConfigurationError(
                    "read_folders (WOOPRA_READ_FOLDERS) must be absolute paths, "
                    f"unlike {folder!r}: write the whole path"
                )
        if self.identical_rows not in get_args(IdenticalRows):
            raise ConfigurationError(
                f"identical_rows must be distinct or counted, not {self.identical_rows}"
            )
        if not self.identifiers:
            raise ConfigurationError("imports need at least one identifier, like email")
        for name in (
            "lines_per_batch",
            "bytes_per_batch",
            "largest_line",
            "visit_gap_minutes",
            "halving_requests",
            "unknown_in_a_row",
        ):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1, not {getattr(self, name)}")
