"""Tests, in rooms that mirror the code: `core` and `cache` without a browser, `app` as Streamlit runs it, `browser` in
Chromium, `hosting` the served app and its image. `oracles` compute the same numbers another way; `models` are small.
"""

import re
from pathlib import Path

import jaxtyping

from tests.shapes import where_there_are_arrays

ROOT = Path(__file__).parent.parent
LOST = re.compile(r'Traceback|"logger": "(lost|asyncio)"|traceback\.py:\d+ print')
"""What stands in a server's log where an error reached nobody."""

# Here, since what it decorates has not been imported yet.
jaxtyping.jaxtyped = where_there_are_arrays(jaxtyping.jaxtyped)
