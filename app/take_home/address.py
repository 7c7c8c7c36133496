"""What a link to the view holds, wherever it is taken to."""

import streamlit as st

from app import url


def query_of_view(model: str) -> dict[str, str | list[str]]:
    """Return the view's parameters; the model is always among them, never left to the default of whoever opens a link.

    Args:
        model: the name of the one that computes, not of one that is waited for.
    """
    query: dict[str, str | list[str]] = {name: st.query_params.get_all(name) for name in st.query_params}
    return query | {url.MODEL: model}
