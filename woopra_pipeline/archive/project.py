"""Checks whose log an archive has. It has one project only, so that no model mixes projects."""

from pathlib import Path

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.replacing import replacing

PROJECT_FILE_NAME = "project"


def claim_archive(folder: Path, project: str) -> None:
    """Check that the archive in `folder` belongs to `project`.

    An archive without an owner then belongs to it.

    Raises `ConfigurationError` if it has another project's days, or if the owner is not known.
    """
    path = folder / PROJECT_FILE_NAME
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(f"{project}\n", encoding="utf-8")
    owner = read_owner(folder)
    if not owner:
        raise ConfigurationError(
            f"{path} is damaged: write into it the name of the project whose log {folder} holds"
        )
    if owner != project:
        raise ConfigurationError(
            f"{folder} holds the log of {owner}, which must not be mixed with that of {project}: "
            "set WOOPRA_DATA_DIR to a folder of its own"
        )


def read_owner(folder: Path) -> str | None:
    """The project whose archive is in `folder`; None if there is none, or it is not known."""
    try:
        owner = (folder / PROJECT_FILE_NAME).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return owner if owner.isprintable() and owner else None
