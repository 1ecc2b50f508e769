"""pyarrow reads a day file into a table.

It has no type for values that are a string here and a number there, and refuses such a file.
"""

import sys

import pyarrow
from pyarrow import json
from timing import report

report(pyarrow.__version__, lambda: json.read_json(sys.argv[1]))
