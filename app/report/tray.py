"""The script that keeps the report in the visitor's browser, and its tray on every page; in a frame it does nothing."""

from pathlib import Path

SCRIPT = Path(__file__).with_name("report.js").read_text(encoding="utf-8")
