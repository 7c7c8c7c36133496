"""Choices that are no longer on offer are dropped before a widget is drawn with them."""

import re
from collections.abc import Sequence

import streamlit as st


def drop_unreadable(*names: str) -> None:
    """Begin anew without what is no number in the URL: a number input of Streamlit fails on `inf` or 400 digits."""
    unreadable = [name for name in names if not re.fullmatch(r"-?[0-9]{1,15}", st.query_params.get(name, "0"))]
    for name in unreadable:
        del st.query_params[name]
    if unreadable:
        st.rerun()


def drop_stale(key: str, options: Sequence[str], instead: str | None = None) -> None:
    """Replace what was chosen on other prompts or another model and is no longer on offer, before its widget is drawn.

    Deleting the choice would not do: the browser then goes on showing it.

    Args:
        key: of a select box, or of a multiselect, which keeps what is still on offer.
        instead: what a select box falls back to.
    """
    kept = st.session_state.get(key)
    if isinstance(kept, list) and not set(kept) <= set(options):
        st.session_state[key] = [name for name in kept if name in options]
    elif isinstance(kept, str) and kept not in options:
        st.session_state[key] = instead
