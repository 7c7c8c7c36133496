"""The shared controls' values, handed from the shell to the page that is drawn next."""

import streamlit as st

from app.view import View

_KEY = "_view"


def set_view(view: View) -> None:
    """Hand the controls' values to the page that is drawn next."""
    st.session_state[_KEY] = view


def current_view() -> View:
    """Return the shared controls' values, once: a session that sits idle must not hold a model in memory."""
    view: View = st.session_state.pop(_KEY)
    return view


def hide_strip() -> None:
    """Hide the strip's words, which a newcomer does not know yet, and which prompt it is; it keeps its buttons."""
    hidden = ".st-key-strip > :has(.ioi-strip, .stNumberInput)"
    st.html(f"<style>{hidden} {{ display: none; }} .st-key-strip {{ justify-content: end; }}</style>")
