"""The script that keeps the report in the visitor's browser, and its tray on every page."""

from pathlib import Path

from app.drawing.look import unseen_script

SCRIPT = Path(__file__).with_name("report.js").read_text(encoding="utf-8")


def keep_report() -> None:
    """Give the browser the script; in a page in a frame it does nothing."""
    unseen_script("report-script", SCRIPT)
