"""The script that keeps the report in the visitor's browser, and its tray on every page."""

from pathlib import Path

import streamlit as st

SCRIPT = Path(__file__).with_name("report.js").read_text(encoding="utf-8")


def keep_report() -> None:
    """Give the browser the script; in a page in a frame it does nothing."""
    with st.container(key="report-script"):
        st.html(
            f"<style>.st-key-report-script {{ display: none; }}</style><script>{SCRIPT}</script>",
            unsafe_allow_javascript=True,
        )
