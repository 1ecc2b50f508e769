"""The log days that an import server would export: what it has taken, in export shape."""

from datetime import UTC, date, datetime

import orjson

from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.imports.conftest import Imports
from woopra_pipeline_tests.model.parsed_files import put_day

SENT_ON = date(2026, 3, 10)
"""The log day of everything that is sent at the frozen time."""
AFTERWARDS = datetime(2026, 3, 12, 12, tzinfo=UTC)


def put_log(imports: Imports) -> None:
    """Put what was taken so far into the model, as the log of `SENT_ON`."""
    lines = []
    for text in imports.server.taken:
        line = orjson.loads(text)
        shape = (
            {"type": "visit", "time": line["actions"][0]["time"]}
            if "actions" in line
            else {"type": "identify", "time": 0, "actions": []}
        )
        lines.append({**line, **shape, "pid": f"pid of {line['visitor']['email']}"})
    file = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    put_day(imports.directory, SENT_ON, file)
    update_model(imports.directory)
