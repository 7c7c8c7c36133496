"""The page's one heading of the first level, and the title of its tab, by which tabs and bookmarks are told apart."""

import streamlit as st

_ABOUT = "_tab_about"


def title_tab(page: str, *about: str) -> None:
    """Call the tab by its page and what it is about: the model, the prompts."""
    st.session_state[_ABOUT] = about
    st.set_page_config(page_title=" · ".join([page, *about, "IOI Explorer"]))


def headline(text: str, tab: str = "") -> None:
    """Draw the page's heading; `tab` takes the page's place in the tab's title, where one page shows many things."""
    st.title(text)
    if tab:
        title_tab(tab, *st.session_state[_ABOUT])
