"""Checks whose log a lake has: the log of one project only, as every archive."""

from woopra_pipeline.archive.project import claim_archive, read_owner
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError, LakeError
from woopra_pipeline.lake.location import LAKE_VARIABLE, Lake

PROJECT_NAME = "raw/project"


def claim_lake(lake: Lake, directory: DataDirectory, project: str | None = None) -> str:
    """Check that the lake and the archive of `directory` are of one project, and return its name.

    `project` is the one in the settings, if they name one. An empty lake becomes that of the
    project of the archive. An empty archive becomes that of the project of the lake. Raises
    `ConfigurationError` if they are of different projects, or if nothing says which project it is.
    """
    ours = project or read_owner(directory.raw)
    content = lake.read(PROJECT_NAME)
    if content is None:
        if ours is None:
            raise ConfigurationError(
                f"The lake {lake.location} is empty, and so is {directory.root}: fetch a first "
                f"day, or correct {LAKE_VARIABLE}"
            )
        lake.create(PROJECT_NAME, f"{ours}\n".encode())
        content = lake.read(PROJECT_NAME) or b""
    theirs = content.decode("utf-8", "replace").strip()
    if not theirs or not theirs.isprintable():
        raise LakeError(
            f"{lake.uri(PROJECT_NAME)} is damaged: write into it the name of the project whose "
            "log the lake holds"
        )
    if ours is not None and ours != theirs:
        raise ConfigurationError(
            f"The lake {lake.location} holds the log of {theirs}, which must not be mixed with "
            f"that of {ours}: set {LAKE_VARIABLE} to a place of its own"
        )
    claim_archive(directory.raw, theirs)
    return theirs
