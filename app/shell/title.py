"""A page's headings and the list of them, and the title of its tab, by which tabs and bookmarks are told apart."""

import re

import streamlit as st

APP = "IOI Explorer"
_ABOUT, _CONTENTS = "_tab_about", "_contents"
_FEWEST_LISTED = 2


def title_tab(page: str, *about: str) -> None:
    """Call the tab by its page and what it is about: the model, the prompts."""
    st.session_state[_ABOUT] = about
    st.set_page_config(page_title=" · ".join([page, *about, APP]))


def headline(text: str, how: str = "", *, tab: str = "", more: str | None = None) -> None:
    """Draw the page's question, and beside it room for the list of what follows.

    Args:
        how: one line on how to read the figure; more: what does not fit there, shown on request.
        tab: takes the page's place in the tab's title, where one page shows many things.
    """
    with st.container(gap="xxsmall", key="headline"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.title(text, help=more, width="content")
            st.session_state[_CONTENTS] = st.empty(), []
        if how:
            st.markdown(how)
    if tab:
        title_tab(tab, *st.session_state[_ABOUT])


def section(text: str, short: str = "") -> None:
    """Draw the heading of a part of the page, and list it; under `short` where it holds what visitors typed."""
    anchor = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    st.header(text, anchor=anchor)
    st.session_state[_CONTENTS][1].append(f"- [{short or text}](#{anchor})")


def list_contents() -> None:
    """Fill in the list of the page's parts, if there are several."""
    room, parts = st.session_state.pop(_CONTENTS, (None, ()))
    if len(parts) >= _FEWEST_LISTED:
        with room, st.popover("On this page", type="tertiary"):
            st.markdown("\n".join(parts))
