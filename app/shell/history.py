"""One history entry a page, so that Back returns to the page before, as it was."""

from pathlib import Path
from urllib.parse import parse_qs

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.drawing.look import unseen_script

SCRIPT = Path(__file__).with_name("history.js").read_text(encoding="utf-8")


def one_entry_a_page() -> None:
    """Give the browser the script that sees to it, and keep the address to which a visitor went back."""
    unseen_script("history", SCRIPT)
    context = get_script_run_ctx()
    if context is not None and context.is_history_navigation:
        # Streamlit shows what the address asks for, but takes out of it what was not chosen since the page was loaded.
        lost = parse_qs(context.query_string, keep_blank_values=True)
        lost = {name: values for name, values in lost.items() if name not in st.query_params}
        if lost:
            st.query_params.update(lost)
