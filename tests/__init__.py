"""Tests, in rooms that mirror the code: `core` and `cache` without a browser, `app` as Streamlit runs it, `browser` in
Chromium, `hosting` the served app and its image. `oracles` compute the same numbers another way; `models` are small.
"""

from pathlib import Path

ROOT = Path(__file__).parent.parent
