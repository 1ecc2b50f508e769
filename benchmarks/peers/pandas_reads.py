"""pandas reads a day file into a frame."""

import sys

import pandas
from timing import report

report(pandas.__version__, lambda: pandas.read_json(sys.argv[1], lines=True))
