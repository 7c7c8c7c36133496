"""Tests, in rooms that mirror the code: `core` and `cache` without a browser, `app` as Streamlit runs it, `browser` in
Chromium, `hosting` the served app and its image. `oracles` compute the same numbers another way; `models` are small.
"""

import os
import re
from pathlib import Path

import jaxtyping
import pytest

from tests.shapes import where_there_are_arrays

ROOT = Path(__file__).parent.parent
LOST = re.compile(r'Traceback|"logger": "(lost|asyncio)"|traceback\.py:\d+ print')
"""What stands in a server's log where an error reached nobody."""


def of_all_workers(factory: pytest.TempPathFactory, name: str) -> Path:
    """Return the path of a folder that all workers of a run have in common."""
    root = factory.getbasetemp()
    return (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / name


# Here, since what it decorates has not been imported yet.
jaxtyping.jaxtyped = where_there_are_arrays(jaxtyping.jaxtyped)
