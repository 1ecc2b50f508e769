"""polars reads a day file into a frame; the schema is inferred from all lines."""

import sys

import polars
from timing import report

report(polars.__version__, lambda: polars.read_ndjson(sys.argv[1], infer_schema_length=None))
