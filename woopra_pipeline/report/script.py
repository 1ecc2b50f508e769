"""The script that draws the charts in the page: Vega and its dependencies, in one text.

The page names it by its hash, so that a browser runs it and no other script.
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files as package_files

import vl_convert


@cache
def chart_script() -> str:
    """The text of the script element; it draws every element with `data-chart`."""
    drawing = package_files(__package__) / "templates" / "charts.js"
    script: str = vl_convert.javascript_bundle(drawing.read_text(encoding="utf-8"))
    # In a string both mean the same, but in a page the first one would end the script.
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


@cache
def script_source() -> str:
    """The hash of the script for a Content-Security-Policy."""
    return f"sha256-{b64encode(sha256(chart_script().encode()).digest()).decode()}"
