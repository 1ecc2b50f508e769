"""Arrow does without pandas until somebody imports it, and then knows it; each in a new process."""

import subprocess
import sys

import pytest

pytest.importorskip("pandas", reason="needs the extra `spark`")

PARSED = """
import sys
from datetime import date
from woopra_pipeline.parse.chunks import parse_chunk
import pyarrow as pa

lines = b'{"type":"visit","pid":"p1","time":1772700000000,"lat":1.5}\\n[]\\n'
parsed = parse_chunk(lines, date(2026, 3, 5), 1)
assert parsed.tables["rejected_lines_log"].num_rows == 1
assert "pandas" not in sys.modules
"""
SERIES = """
import pandas
series = pandas.Series(pandas.to_datetime(["2026-03-05", None]))
assert pa.array(series).type == pa.timestamp("ns") and pa.array(series).null_count == 1
assert pandas.__loader__ is pandas.__spec__.loader
assert pandas.__loader__.get_data(pandas.__file__)
"""


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(PARSED, id="a chunk is parsed without it"),
        pytest.param(PARSED + SERIES, id="Arrow knows its objects once it is imported"),
        pytest.param(
            PARSED + "import importlib.util\nassert importlib.util.find_spec('pandas')" + SERIES,
            id="looking for it is not importing it",
        ),
        pytest.param(
            f"import pandas, pyarrow as pa{SERIES}"
            + PARSED.partition('assert "pandas"')[0]
            + SERIES,
            id="nothing changes if it is there before",
        ),
    ],
)
def test_pandas(script):
    subprocess.run([sys.executable, "-c", script], check=True)
