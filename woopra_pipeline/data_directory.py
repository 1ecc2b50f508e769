"""The layout of the data directory: the only module that knows it.

raw/YYYY-MM-DD/       the archive: downloaded day files, byte for byte, and their manifest
parsed/YYYY-MM-DD/    the day's Parquet files and their manifest
model/                the private build of the model; only its one writer opens it
woopra.duckdb         the published model: open it read-only at any time
imports/              import sources, the batches made of them, and the ledger
imports.duckdb        the published imports: open it read-only at any time
erasures/             who was erased, as profile ids and digests
types.yml             types that users pin for columns of the model, if there are any
lake_scratch/         temporary files for computing the lake's tables
reports/              pages about the project, made from the published model
sandbox/              the embedded Woopra's world
dagster/              Dagster's runs and events
pseudonyms.key        the key of pseudonyms, if there are any
rate_budget.sqlite    the requests to Woopra of the last day, counted

Only the owner may read it, or also a group if that is set: see `files`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from woopra_pipeline.control_characters import is_utf8, visible
from woopra_pipeline.errors import ConfigurationError

DATA_DIRECTORY_VARIABLE = "WOOPRA_DATA_DIR"


@dataclass(frozen=True)
class DataDirectory:
    """The paths below one data directory, all absolute; none of them need exist.

    Raises `ConfigurationError` if DuckDB cannot keep files there.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.absolute())
        for path in (self.root, self.root.resolve()):
            if problem := _problem(str(path)):
                raise ConfigurationError(
                    f"{visible(str(path))} cannot be the data directory: {problem}; "
                    f"name another one in {DATA_DIRECTORY_VARIABLE}"
                )

    @classmethod
    def from_environment(cls) -> "DataDirectory":
        """The directory named by `WOOPRA_DATA_DIR`, or else `data/` of the checkout.

        Raises `ConfigurationError` if it is no folder, or its name is not text.
        """
        name = os.environ.get(DATA_DIRECTORY_VARIABLE) or str(checkout() / "data")
        if "\0" in name or not is_utf8(name):
            raise ConfigurationError(
                f"{DATA_DIRECTORY_VARIABLE} is {name!r}, which is not UTF-8 or has a NUL character "
                "in it: name another folder"
            )
        root = Path(name).absolute()
        nearest = next(path for path in (root, *root.parents) if path.exists())
        if not nearest.is_dir():
            raise ConfigurationError(
                f"{DATA_DIRECTORY_VARIABLE} is {root}, but {nearest} is not a folder: "
                "name another one"
            )
        return cls(root)

    @property
    def raw(self) -> Path:
        """The archive of day files."""
        return self.root / "raw"

    @property
    def parsed(self) -> Path:
        """The Parquet files of the parsed days."""
        return self.root / "parsed"

    @property
    def model(self) -> Path:
        """The model's private build file and what belongs to it."""
        return self.root / "model"

    @property
    def published_model(self) -> Path:
        """The DuckDB file that readers open."""
        return self.root / "woopra.duckdb"

    @property
    def imports(self) -> Path:
        """Import sources, batches and ledger."""
        return self.root / "imports"

    @property
    def published_imports(self) -> Path:
        """The DuckDB file with the imports."""
        return self.root / "imports.duckdb"

    @property
    def erasures(self) -> Path:
        """The register of erased persons and what belongs to it."""
        return self.root / "erasures"

    @property
    def types(self) -> Path:
        """The file in which users pin types of typed columns."""
        return self.root / "types.yml"

    @property
    def lake_scratch(self) -> Path:
        """Temporary files for computing the lake's tables."""
        return self.root / "lake_scratch"

    @property
    def reports(self) -> Path:
        """Pages about the project, to be opened in a browser."""
        return self.root / "reports"

    @property
    def sandbox(self) -> Path:
        """The embedded Woopra's own files."""
        return self.root / "sandbox"

    @property
    def dagster(self) -> Path:
        """Storage of the Dagster instance."""
        return self.root / "dagster"

    @property
    def rate_budget(self) -> Path:
        """The SQLite file in which all processes count their requests."""
        return self.root / "rate_budget.sqlite"

    @property
    def contents(self) -> list[Path]:
        """All of these that exist, with the files that DuckDB and SQLite keep beside theirs."""
        folders = (
            self.raw,
            self.parsed,
            self.model,
            self.imports,
            self.erasures,
            self.lake_scratch,
            self.reports,
            self.sandbox,
            self.dagster,
        )
        databases = (self.published_model, self.published_imports, self.rate_budget)
        files = (file for path in databases for file in self.root.glob(f"{path.name}*"))
        return [*(path for path in folders if path.is_dir()), *files]


def _problem(path: str) -> str | None:
    """The reason why DuckDB cannot work below a path, if there is one."""
    if any("\ud800" <= character <= "\udfff" for character in path):
        return "its path is not UTF-8"
    # DuckDB takes the text after it for options, and puts the journal of a database elsewhere.
    if "?" in path:
        return "DuckDB writes no database below a folder with a question mark in its name"
    # DuckDB takes every path for a pattern, and no pattern can match such a path.
    if "\\" in path and any(character in path for character in "*["):
        return "DuckDB reads no file if its path has both a backslash and a * or ["
    return None


def checkout() -> Path:
    """The folder of the checkout, or the working directory if the package was installed without."""
    folder = Path(__file__).parents[1]
    return folder if (folder / "pyproject.toml").is_file() else Path.cwd()
