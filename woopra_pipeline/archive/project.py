"""Whose log an archive holds: of one project only, or a model would mix the people of several."""

from pathlib import Path

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.files import replacing

PROJECT_FILE_NAME = "project"


def claim_archive(folder: Path, project: str) -> None:
    """See that the archive in `folder` is `project`'s; whoever asks first gets an unclaimed one.

    Raises `ConfigurationError` if it holds another project's days.
    """
    path = folder / PROJECT_FILE_NAME
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(f"{project}\n", encoding="utf-8")
    owner = path.read_text(encoding="utf-8").strip()
    if owner != project:
        raise ConfigurationError(
            f"{folder} holds the log of {owner}, which must not be mixed with that of {project}: "
            "set WOOPRA_DATA_DIR to a folder of its own"
        )
