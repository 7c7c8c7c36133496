"""What the shell and the page that is drawn next hand each other: the shared controls' values, and an early end."""

from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import StopException

from app.view import View

_KEY = "_view"


def set_view(view: View) -> None:
    """Hand the controls' values to the page that is drawn next."""
    st.session_state[_KEY] = view


def current_view() -> View:
    """Return the shared controls' values, once: a session that sits idle must not hold a model in memory."""
    view: View = st.session_state.pop(_KEY)
    return view


def end_page() -> NoReturn:
    """End the page here; unlike `st.stop`, what the shell draws after it is still drawn."""
    raise StopException


def hide_strip() -> None:
    """Hide the strip's words, which a newcomer does not know yet, and which prompt it is; it keeps its buttons."""
    hidden = ".st-key-strip > :has(.ioi-strip, .stNumberInput)"
    st.html(f"<style>{hidden} {{ display: none; }} .st-key-strip {{ justify-content: end; }}</style>")
