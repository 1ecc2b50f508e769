"""What assets are given: the service, the data directory, and the published model to read."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import ConfigurableResource, EnvVar
from dagster_duckdb import DuckDBResource
from pydantic import Field

from woopra_pipeline.data_directory import DATA_DIRECTORY_VARIABLE, DataDirectory
from woopra_pipeline.defs.alerts import WEBHOOK_VARIABLE, AlertsResource
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.lake.engine import SPARK_VARIABLE
from woopra_pipeline.lake.location import LAKE_VARIABLE, Lake, open_lake
from woopra_pipeline.model.database import MEMORY_LIMIT
from woopra_pipeline.model.typed_settings import DEFAULT_SETTINGS, TypedSettings
from woopra_pipeline.woopra.settings import WoopraSettings

if TYPE_CHECKING:
    from woopra_pipeline.woopra.client import WoopraClient

SERVICE_VARIABLES = {
    "project": "WOOPRA_PROJECT",
    "app_id": "WOOPRA_APP_ID",
    "secret_key": "WOOPRA_SECRET_KEY",
    "base_url": "WOOPRA_BASE_URL",
}

READ_FOLDERS_VARIABLE = "WOOPRA_READ_FOLDERS"
KEEP_RAW_DAYS_VARIABLE = "WOOPRA_KEEP_RAW_DAYS"
SHOW_PERSONS_VARIABLE = "WOOPRA_SHOW_PERSONS"


class DataDirectoryResource(ConfigurableResource["DataDirectoryResource"]):
    """Where the archive, the parsed files and the model are, and the lake if there is one."""

    root: str = Field(description="The data directory; `data/` of the checkout unless it is set.")
    lake: str = Field(
        default="",
        description="Folder or object store that is a second home of the days; empty: there is "
        "none.",
    )
    spark: str = Field(
        default="",
        description="What computes the tables of the lake: sail, or a Spark Connect server as "
        "sc://host:port; empty: DuckDB.",
    )
    model_memory: str = Field(
        default=MEMORY_LIMIT,
        description="How much memory an update of the model takes before it works on disk.",
    )
    keep_raw_days: int = Field(
        default=0,
        description="For how many days raw files are kept after their day is parsed; 0: for ever.",
    )
    show_persons: bool = Field(
        default=False,
        description="Whether Dagster may show, and then keeps, what tells of persons: values in "
        "previews, and lines that were rejected.",
    )
    typed_names: int = Field(
        default=DEFAULT_SETTINGS.most_names,
        description="Action names that get a typed relation at most.",
    )
    typed_keys: int = Field(
        default=DEFAULT_SETTINGS.most_keys,
        description="Properties that get a typed column at most in each relation.",
    )
    names_left_out: list[str] = Field(
        default=list(DEFAULT_SETTINGS.names_left_out),
        description="Action names that get no typed relation; `*` stands for any characters.",
    )
    identifier_keys: list[str] = Field(
        default=list(DEFAULT_SETTINGS.identifiers),
        description="Keys of the properties that the table `identifiers` shows.",
    )

    @property
    def typed(self) -> TypedSettings:
        """What is typed; raises `ConfigurationError` if a limit makes no sense."""
        return TypedSettings(
            self.typed_names,
            self.typed_keys,
            tuple(self.names_left_out),
            tuple(self.identifier_keys),
        )

    @property
    def directory(self) -> DataDirectory:
        """The paths below it."""
        return DataDirectory(Path(self.root).absolute())

    def open_lake(self) -> Lake | None:
        """The lake, if there is one; raises `ConfigurationError` if it is set to no such place."""
        return open_lake(self.lake) if self.lake else None


class WoopraResource(ConfigurableResource["WoopraResource"]):
    """The service's API; without a project, the embedded sandbox answers instead."""

    project: str = Field(
        "", description="Name of the project; empty: the embedded sandbox answers instead."
    )
    app_id: str = Field("", description="App ID, the user name of HTTP Basic.")
    secret_key: str = Field("", repr=False, description="Secret key, the password of HTTP Basic.")
    base_url: str = Field(WoopraSettings.base_url, description="Root of the API.")

    export_path: str = Field(WoopraSettings.export_path, description="Endpoint of the log files.")
    import_path: str = Field(WoopraSettings.import_path, description="Endpoint of imports.")
    import_method: str = Field(
        WoopraSettings.import_method, description="HTTP method of imports; older APIs: PUT."
    )
    import_content_type: str = Field(
        WoopraSettings.import_content_type, description="Content type of imports."
    )
    import_gzip: bool = Field(
        WoopraSettings.import_gzip, description="Whether imports are sent compressed."
    )
    project_parameter: str = Field(
        WoopraSettings.project_parameter, description="Query parameter that names the project."
    )
    file_parameter: str = Field(
        WoopraSettings.file_parameter, description="Query parameter that names the log day."
    )
    position_parameter: str = Field(
        WoopraSettings.position_parameter, description="Query parameter of the byte to start at."
    )
    position_header: str = Field(
        WoopraSettings.position_header, description="Header of the byte to carry on from."
    )

    attempts: int = Field(
        WoopraSettings.attempts, description="How often a request may be tried in all."
    )
    connect_timeout: float = Field(
        WoopraSettings.connect_timeout, description="Seconds in which a connection must be made."
    )
    read_timeout: float = Field(
        WoopraSettings.read_timeout, description="Seconds that the service may send nothing."
    )
    lowest_rate: float = Field(
        WoopraSettings.lowest_rate,
        description="Bytes a second that a download must reach, in each window; 0: no limit.",
    )
    rate_window: float = Field(
        WoopraSettings.rate_window,
        description="Seconds of waiting for which the lowest rate is computed.",
    )
    answer_deadline: float = Field(
        WoopraSettings.answer_deadline,
        description="Seconds until the head of a download or the whole answer to an import must be "
        "there; an import gets as many more as its body takes at the lowest rate.",
    )
    largest_growth: int = Field(
        WoopraSettings.largest_growth,
        description="How many times its size a compressed download above 64 MiB may unpack to.",
    )
    least_free_bytes: int = Field(
        WoopraSettings.least_free_bytes,
        description="Bytes that must stay free on the disk; otherwise a download stops.",
    )
    first_backoff: float = Field(
        WoopraSettings.first_backoff, description="Seconds between the first two attempts."
    )
    longest_backoff: float = Field(
        WoopraSettings.longest_backoff, description="Seconds at which doubling the wait ends."
    )
    longest_retry_after: float = Field(
        WoopraSettings.longest_retry_after,
        description="Seconds to wait at most when the service names them.",
    )

    rate_budget: bool = Field(
        WoopraSettings.rate_budget, description="Whether the limits of requests apply."
    )
    requests_per_minute: int = Field(
        WoopraSettings.requests_per_minute, description="Requests a minute, all endpoints together."
    )
    requests_per_hour: int = Field(
        WoopraSettings.requests_per_hour, description="Requests an hour, all endpoints together."
    )
    requests_per_day: int = Field(
        WoopraSettings.requests_per_day, description="Requests a day, all endpoints together."
    )
    longest_budget_wait: float = Field(
        WoopraSettings.longest_budget_wait,
        description="Seconds to wait for a place in the budget before giving up.",
    )

    @property
    def settings(self) -> WoopraSettings:
        """The project's settings; raises `ConfigurationError` if credentials are missing."""
        values: dict[str, Any] = {
            field.name: getattr(self, field.name) for field in fields(WoopraSettings)
        }
        return WoopraSettings(**values)

    def require_complete(self) -> None:
        """Raise `ConfigurationError` if a project is named but its credentials are missing."""
        if self.project:
            _ = self.settings

    @contextmanager
    def client(
        self, directory: DataDirectory, notify: Callable[[str], None]
    ) -> "Iterator[WoopraClient]":
        """A client of the project, or of an embedded sandbox that is served for that time."""
        from woopra_pipeline.woopra.client import WoopraClient

        if self.project:
            with WoopraClient(
                self.settings, rate_budget_path=directory.rate_budget, notify=notify
            ) as client:
                yield client
        else:
            from woopra_pipeline.sandbox import Sandbox, serve

            with (
                serve(Sandbox(directory.sandbox)) as sandbox,
                WoopraClient(sandbox.settings, notify=notify) as client,
            ):
                yield client


class ImportsResource(ConfigurableResource[ImportSettings]):
    """How imports are made."""

    identifiers: list[str] = Field(
        default=list(ImportSettings.identifiers),
        description="Keys of `visitor` by which the project knows people, strongest first.",
    )
    identical_rows: str = Field(
        default=ImportSettings.identical_rows,
        description="Whether identical rows of a result are one thing (distinct) or as many as "
        "rows (counted).",
    )
    lines_per_batch: int = Field(
        default=ImportSettings.lines_per_batch, description="Lines in a request at most."
    )
    bytes_per_batch: int = Field(
        default=ImportSettings.bytes_per_batch, description="Bytes in a request at most."
    )
    largest_line: int = Field(
        default=ImportSettings.largest_line, description="Bytes above which a line is set aside."
    )
    visit_gap_minutes: int = Field(
        default=ImportSettings.visit_gap_minutes,
        description="A longer pause between two events begins a new visit.",
    )
    halving_requests: int = Field(
        default=ImportSettings.halving_requests,
        description="Rejected requests spent on finding the bad lines of a batch.",
    )
    unknown_in_a_row: int = Field(
        default=ImportSettings.unknown_in_a_row,
        description="Batches without a clear answer, one after another, at which a run ends.",
    )
    memory_limit: str = Field(
        default=ImportSettings.memory_limit,
        description="Memory of a source's query, above which it uses the disk.",
    )
    read_folders: list[str] = Field(
        default=list(ImportSettings.read_folders),
        description="Folders, besides the data directory, below which sources may read files; "
        "absolute paths.",
    )
    largest_rejected_share: float = Field(
        default=0.05,
        description="Share of a day's lines that may be rejected before a check warns.",
    )

    @property
    def settings(self) -> ImportSettings:
        """The settings; raises `ConfigurationError` if one makes no sense."""
        values: dict[str, Any] = {
            field.name: getattr(self, field.name) for field in fields(ImportSettings)
        }
        lists = {name: tuple(values[name]) for name in ("identifiers", "read_folders")}
        return ImportSettings(**{**values, **lists})


def woopra() -> WoopraResource:
    """The service of this process's environment; what is set there stays in its variable."""
    variables: dict[str, Any] = {
        field: EnvVar(variable)
        for field, variable in SERVICE_VARIABLES.items()
        if os.environ.get(variable)
    }
    return WoopraResource(**variables)


def woopra_now() -> WoopraResource:
    """The same outside a run, with what is set now; Dagster would make an instance to read it."""
    values: dict[str, Any] = {
        field: os.environ[variable]
        for field, variable in SERVICE_VARIABLES.items()
        if os.environ.get(variable)
    }
    return WoopraResource(**values)


def alerts() -> AlertsResource:
    """Where this process's environment wants alerts; the address stays in its variable."""
    variables: dict[str, Any] = (
        {"webhook_url": EnvVar(WEBHOOK_VARIABLE)} if os.environ.get(WEBHOOK_VARIABLE) else {}
    )
    return AlertsResource(**variables)


def imports() -> ImportsResource:
    """How this process's environment wants imports to be made."""
    folders = os.environ.get(READ_FOLDERS_VARIABLE, "").split(os.pathsep)
    return ImportsResource(read_folders=[folder for folder in folders if folder])


def _keep_raw_days() -> int:
    wanted = os.environ.get(KEEP_RAW_DAYS_VARIABLE) or "0"
    if not wanted.isdecimal():
        raise ConfigurationError(
            f"{KEEP_RAW_DAYS_VARIABLE} is {wanted!r}: set it to a number of days, or leave it "
            "unset, to keep raw files for ever"
        )
    return int(wanted)


def shows_persons() -> bool:
    """Whether this process's environment lets Dagster show what tells of persons."""
    wanted = os.environ.get(SHOW_PERSONS_VARIABLE, "")
    if wanted not in {"", "yes"}:
        raise ConfigurationError(
            f"{SHOW_PERSONS_VARIABLE} is {wanted!r}: set it to yes, to let Dagster show and keep "
            "what tells of persons, or leave it unset"
        )
    return bool(wanted)


def resources() -> dict[str, ConfigurableResource[Any]]:
    """The resources of this process's environment."""
    directory = DataDirectory.from_environment()
    typed = TypedSettings.from_environment()
    is_set = bool(os.environ.get(DATA_DIRECTORY_VARIABLE))
    return {
        "woopra": woopra(),
        "imports": imports(),
        "alerts": alerts(),
        "data_directory": DataDirectoryResource(
            root=EnvVar(DATA_DIRECTORY_VARIABLE) if is_set else str(directory.root),
            keep_raw_days=_keep_raw_days(),
            show_persons=shows_persons(),
            typed_names=typed.most_names,
            typed_keys=typed.most_keys,
            names_left_out=list(typed.names_left_out),
            identifier_keys=list(typed.identifiers),
            lake=EnvVar(LAKE_VARIABLE) if os.environ.get(LAKE_VARIABLE) else "",
            spark=EnvVar(SPARK_VARIABLE) if os.environ.get(SPARK_VARIABLE) else "",
        ),
        "duckdb": DuckDBResource(
            database=str(directory.published_model),
            connection_config={"access_mode": "READ_ONLY"},
        ),
    }
