"""Links to the Heads page from other pages: a button, or a click on a figure, each with a control that does the same.

The sidebar keeps its values.
"""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app import url
from app.shell.widgets import drop_stale
from ioi_core import Head, Model

_TO_OPEN = "head_to_open"
_PAGE = str(Path(__file__).parents[2] / "pages" / "heads.py")


def head_link(head: Head) -> None:
    """Draw a button that opens a head on the Heads page."""
    st.button(
        f"Open head {head}", icon=":material/arrow_forward:", type="tertiary", key=f"open-{head}", on_click=open_head,
        args=(str(head),), help=f"Everything that is known about head {head}, on the same prompts.",
    )  # fmt: skip


def head_links(heads: Sequence[Head]) -> None:
    """Draw such buttons for several heads, side by side."""
    with st.container(horizontal=True):
        for head in heads:
            head_link(head)


def head_opener(model: Model, first: Head) -> None:
    """Draw a control that opens any head, below a figure in which a click does: not everybody can click.

    Args:
        first: the head that the figure's sentence is about, until another is chosen.
    """
    heads = list(map(str, model.heads))
    drop_stale(_TO_OPEN, heads)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        box = st.selectbox("A head to look at", heads, index=None, placeholder=str(first), key=_TO_OPEN, width=180)
        head_link(Head.parse(box or str(first)))


def open_head(name: str) -> None:
    """Open a head that was clicked on another page; an empty name, of what belongs to no head, does nothing."""
    if not name:
        return
    # In the address from the start, where Streamlit lets us: of a control that was drawn before it refuses, and writes
    # the choice itself.
    address = {url.HEAD: name} if url.HEAD not in st.session_state else {}
    st.session_state.update({url.HEADS_SHOWN: ONE_HEAD, url.HEAD: name})
    st.switch_page(_PAGE, query_params=address)


ONE_HEAD = "one head"
"""The part of the Heads page that shows a head."""
