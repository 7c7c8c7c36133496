"""What the shared controls say, handed from the shell to the page that is drawn next."""

import streamlit as st

from app.view import View

_KEY = "_view"


def set_view(view: View) -> None:
    """Hand the controls' values to the page that is drawn next."""
    st.session_state[_KEY] = view


def current_view() -> View:
    """The values that the shared controls have now."""
    view: View = st.session_state[_KEY]
    return view
